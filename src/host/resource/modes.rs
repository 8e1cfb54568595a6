//! Owners and modes of the files below some folders, whoever writes them.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// Which entries, and what they may be at most.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// A folder or a file; nothing is looked at when it is not there.
    pub root: &'static str,
    /// What of it, as options of `find(1)`: `-maxdepth 1 -type f -name '*.key'`.
    pub entries: &'static str,
    /// Bits beyond these are taken away; fewer are left as they are.
    pub mode: u32,
    /// As `user:group`.
    pub owner: &'static str,
}

/// Rules for one tree.
#[derive(Clone, Debug)]
pub struct Modes {
    title: &'static str,
    rules: &'static [Rule],
}

impl Modes {
    /// `title` names the tree in plans.
    pub fn of(title: &'static str, rules: &'static [Rule]) -> Self {
        Self { title, rules }
    }

    /// `find` for what breaks each rule, with `action` for it.
    fn find(&self, action: impl Fn(&Rule) -> String) -> String {
        let line = |rule: &Rule| {
            let (user, group) = rule.owner.split_once(':').unwrap_or((rule.owner, rule.owner));
            format!(
                "[ ! -e {root} ] || find {root} {} \\( -perm /{:o} -o ! -user {} -o ! -group {} \\) {}",
                rule.entries,
                !rule.mode & 0o7777,
                quote(user),
                quote(group),
                action(rule),
                root = quote(rule.root),
            )
        };
        self.rules.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Resource for Modes {
    fn id(&self) -> String {
        format!("modes of {}", self.title)
    }

    /// A line for everything that breaks a rule.
    fn probe(&self) -> String {
        self.find(|rule| format!("-printf '%p: %m %u:%g → at most {:o} {}\\n'", rule.mode, rule.owner))
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let all: Vec<&str> = seen.lines().collect();
        (!all.is_empty()).then(|| Difference::new(format!("{}: {}", self.id(), all.join(", "))))
    }

    fn apply(&self) -> Script {
        Script::new(self.find(|rule| {
            // Not `chmod 600`: what somebody has made stricter stays so. Not through links: they may lead anywhere.
            format!("-exec chown -h {} {{}} + -exec chmod a-st,{} {{}} +", rule.owner, taken_away(rule.mode))
        }))
    }
}

/// `chmod`'s words for taking away what is beyond a mode: `u-x,g-wx,o-rwx`.
fn taken_away(mode: u32) -> String {
    let of = |who: char, shift: u32| {
        let letters = [(4, 'r'), (2, 'w'), (1, 'x')].into_iter().filter(|(bit, _)| (mode >> shift) & bit == 0);
        let letters: String = letters.map(|(_, letter)| letter).collect();
        (!letters.is_empty()).then(|| format!("{who}-{letters}"))
    };
    [('u', 6), ('g', 3), ('o', 0)].into_iter().filter_map(|(who, shift)| of(who, shift)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_beyond_a_mode_is_taken_away() {
        assert_eq!(taken_away(0o600), "u-x,g-rwx,o-rwx");
        assert_eq!(taken_away(0o644), "u-x,g-wx,o-wx");
        assert_eq!(taken_away(0o755), "g-w,o-w");
    }

    #[test]
    fn a_file_that_is_too_open_is_named_and_closed_and_a_stricter_one_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let owner = {
            let output = Command::new("stat").args(["-c", "%U:%G"]).arg(folder.path()).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned().leak()
        };
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o7777;
        for (name, mode) in [("open.key", 0o4644), ("good.key", 0o600), ("strict.key", 0o400), ("other", 0o666)] {
            std::fs::write(folder.path().join(name), "").unwrap();
            std::fs::set_permissions(folder.path().join(name), PermissionsExt::from_mode(mode)).unwrap();
        }
        let root = folder.path().to_str().unwrap().to_owned().leak();
        let rules = [Rule { root, entries: "-type f -name '*.key'", mode: 0o600, owner }];
        let modes = Modes::of("keys", rules.to_vec().leak());
        let sh = |shell: &str| {
            let output = Command::new("sh").args(["-euc", shell]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let seen = sh(&modes.probe());
        let expected = format!("modes of keys: {root}/open.key: 4644 {owner} → at most 600 {owner}");
        assert_eq!(modes.differ(seen.trim()).unwrap().summary, expected);
        sh(modes.apply().text());
        assert_eq!(modes.differ(sh(&modes.probe()).trim()), None);
        assert_eq!((mode("open.key"), mode("strict.key"), mode("other")), (0o600, 0o400, 0o666));
    }
}
