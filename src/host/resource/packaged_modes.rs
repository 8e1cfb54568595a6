//! Modes of files that a package brings, kept over its upgrades.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// Files of packages that belong to root and have another mode than the package gives them: `dpkg-statoverride` remembers
/// it, or the next upgrade would take it back.
#[derive(Clone, Debug)]
pub struct PackagedModes {
    paths: &'static [&'static str],
    mode: u32,
}

impl PackagedModes {
    /// All of `paths` have `mode` once they are there.
    pub fn new(paths: &'static [&'static str], mode: u32) -> Self {
        Self { paths, mode }
    }

    fn words(&self) -> String {
        self.paths.iter().map(|path| quote(path)).collect::<Vec<_>>().join(" ")
    }
}

impl Resource for PackagedModes {
    fn id(&self) -> String {
        "modes of packaged files".to_owned()
    }

    /// `override USER GROUP MODE PATH` for each that is remembered, `file USER GROUP MODE PATH` for each that is there.
    fn probe(&self) -> String {
        let paths = self.words();
        format!("dpkg-statoverride --list | sed 's/^/override /'\nstat -c 'file %U %G %a %n' {paths}")
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        // What is not installed yet comes with this run.
        let wrong = |path: &&&str| {
            let fine = |word: &str, zero: &str| {
                seen.lines().any(|line| line == format!("{word} root root {zero}{:o} {path}", self.mode))
            };
            !(fine("file", "") && (fine("override", "") || fine("override", "0")))
        };
        let wrong: Vec<&str> = self.paths.iter().filter(wrong).copied().collect();
        let summary = format!("{}: {:o} root:root for {}", self.id(), self.mode, wrong.join(", "));
        (!wrong.is_empty()).then(|| Difference::new(summary))
    }

    fn apply(&self) -> Script {
        Script::new(format!(
            "for path in {}; do\n[ ! -e \"$path\" ] || \
             dpkg-statoverride --force-statoverride-add --update --add root root {:04o} \"$path\" 2>/dev/null\ndone",
            self.words(),
            self.mode
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_counts_when_dpkg_remembers_it() {
        let modes = PackagedModes::new(&["/usr/lib/a.service"], 0o600);
        let summary = Some("modes of packaged files: 600 root:root for /usr/lib/a.service".to_owned());
        let of = |seen: &str| modes.differ(seen).map(|difference| difference.summary);
        assert_eq!(of("override root root 0600 /usr/lib/a.service\nfile root root 600 /usr/lib/a.service"), None);
        assert_eq!(of("override root root 600 /usr/lib/a.service\nfile root root 600 /usr/lib/a.service"), None);
        assert_eq!(of("file root root 600 /usr/lib/a.service"), summary);
        assert_eq!(of("override root root 0600 /usr/lib/a.service\nfile root root 644 /usr/lib/a.service"), summary);
        assert_eq!(of(""), summary, "what is not installed yet will have the package's");
    }
}
