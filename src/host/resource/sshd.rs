//! sshd's effective settings, whichever of its files they come from.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};
use crate::secret::Secret;

/// What `sshd -T` has to print for a login.
#[derive(Clone, Debug)]
pub struct Sshd {
    /// The login that `Match` blocks are judged for.
    pub user: String,
    /// The drop-in that is meant to set it all; a resource of its own.
    pub file: &'static str,
    /// Keyword and value, as sshd_config(5) writes them.
    pub settings: Vec<(String, String)>,
}

impl Sshd {
    /// As `sshd -T` prints them: the keyword in lower case, and an old name for one of the values.
    fn lines(&self) -> impl Iterator<Item = String> {
        self.settings.iter().map(|(keyword, value)| {
            let value = if value == "prohibit-password" { "without-password" } else { value };
            format!("{} {value}", keyword.to_ascii_lowercase())
        })
    }

    fn print(&self) -> String {
        format!("sshd -T -C {}", quote(&format!("user={},host=localhost,addr=127.0.0.1", self.user)))
    }
}

impl Resource for Sshd {
    fn id(&self) -> String {
        "sshd".to_owned()
    }

    fn probe(&self) -> String {
        self.print()
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let mut words = Vec::new();
        for line in self.lines().filter(|line| !seen.lines().any(|seen| seen == line)) {
            let (keyword, value) = line.split_once(' ').unwrap_or((&line, ""));
            let now = seen.lines().find_map(|line| line.strip_prefix(keyword)?.strip_prefix(' ')).unwrap_or("not set");
            words.push(format!("{keyword} {now} → {value}"));
        }
        (!words.is_empty()).then(|| Difference::new(format!("{}: {}", self.id(), words.join(", "))))
    }

    /// A restart rather than a reload: it ends when the new process listens, so that the next login meets the new settings.
    /// Sessions go on.
    fn apply(&self) -> Script {
        let wanted: String = self.lines().map(|line| line + "\n").collect();
        Script::new(format!(
            "sshd -t\n\
             missing=$({} | grep -vxFf /dev/stdin \"$FORGE/sshd\" || true)\n\
             [ -z \"$missing\" ] || {{ printf 'something else in /etc/ssh/sshd_config sets these before {}:\\n%s\\n' \"$missing\"; exit 1; }}\n\
             systemctl try-restart ssh",
            self.print(),
            self.file
        ))
        .file("sshd", Secret::new(wanted))
    }

    fn follows(&self) -> Vec<String> {
        vec![format!("file {}", self.file)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_compared_as_sshd_prints_them() {
        let settings =
            [("PasswordAuthentication", "no"), ("PermitRootLogin", "prohibit-password"), ("LogLevel", "VERBOSE")];
        let settings = settings.map(|(keyword, value)| (keyword.to_owned(), value.to_owned())).to_vec();
        let sshd = Sshd { user: "ops".to_owned(), file: "/etc/ssh/sshd_config.d/00-forge.conf", settings };
        let seen = "port 22\npasswordauthentication no\npermitrootlogin without-password\nloglevel VERBOSE";
        assert_eq!(sshd.differ(seen), None);
        assert_eq!(
            sshd.differ("passwordauthentication yes\npermitrootlogin without-password").unwrap().summary,
            "sshd: passwordauthentication yes → no, loglevel not set → VERBOSE"
        );
    }
}
