//! Rules of the kernel's audit log, loaded by auditd from its folder of files.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// All rules of one file, loaded, and auditd there to write down what they see. Every rule of the file has a key that
/// begins with `prefix`, by which loaded ones are known.
#[derive(Clone, Debug)]
pub struct AuditRules {
    /// Below `/etc/audit/rules.d`; a resource of its own.
    pub file: &'static str,
    /// `forge-`.
    pub prefix: &'static str,
}

impl Resource for AuditRules {
    fn id(&self) -> String {
        "audit rules".to_owned()
    }

    /// Two numbers: rules that can be loaded, because what they watch is there, and rules that are.
    fn probe(&self) -> String {
        format!(
            "systemctl --quiet is-active auditd || exit 0\n\
             able=0\nwhile read -r kind path rest; do\ncase $kind in\n\
             -w) [ ! -e \"$path\" ] || able=$((able + 1)) ;;\n-a) able=$((able + 1)) ;;\nesac\ndone <{}\n\
             echo \"$able $(auditctl -l | grep -c -- {})\"",
            quote(self.file),
            quote(&format!("[ =]{}", self.prefix))
        )
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let numbers: Vec<&str> = seen.split_whitespace().collect();
        match numbers[..] {
            [able, loaded] if able == loaded => None,
            [able, loaded] => Some(Difference::new(format!("{}: {loaded} of {able} are loaded", self.id()))),
            _ => Some(Difference::new(format!("{}: load", self.id()))),
        }
    }

    fn apply(&self) -> Script {
        // auditd refuses to be restarted; augenrules loads what has changed and what was removed by hand.
        Script::new("systemctl enable --quiet auditd\nsystemctl start auditd\naugenrules --load >/dev/null")
    }

    fn follows(&self) -> Vec<String> {
        vec![format!("file {}", self.file)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_are_not_loaded_are_loaded() {
        let rules = AuditRules { file: "/etc/audit/rules.d/50-forge.rules", prefix: "forge-" };
        assert_eq!(rules.differ("12 12"), None);
        assert_eq!(rules.differ("12 0").unwrap().summary, "audit rules: 0 of 12 are loaded");
        assert_eq!(rules.differ("").unwrap().summary, "audit rules: load");
    }
}
