//! A kernel parameter's value, now.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// A sysctl's running value. After a boot `/etc/sysctl.d` sets it, which is a file of its own.
///
/// A kernel that lacks a setting, or refuses a value, will do so until it is booted anew: it is tried once, then remarked.
#[derive(Clone, Debug)]
pub struct Sysctl {
    /// `net.ipv4.ip_forward`.
    pub key: String,
    /// As the kernel prints it.
    pub value: String,
}

impl Resource for Sysctl {
    fn id(&self) -> String {
        format!("sysctl {}", self.key)
    }

    fn probe(&self) -> String {
        let path = quote(&format!("/proc/sys/{}", self.key.replace('.', "/")));
        // As few programs as can be, since there are dozens of these. The shell itself reads byte by byte, and the kernel gives
        // nothing of a setting but its beginning.
        format!(
            "if [ -e {REFUSED} ]; then\nwhile IFS= read -r refused; do [ \"$refused\" != {} ] || echo \"$refused\"; done <{REFUSED}\nfi\ncat {path}",
            quote(&self.setting())
        )
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let now = self.now(seen);
        let fine = now == words(&self.value) || self.is_refused(seen);
        (!fine).then(|| Difference::new(format!("{}: {} → {}", self.id(), shown(&now), self.value)))
    }

    fn remark(&self, seen: &str) -> Option<String> {
        let now = self.now(seen);
        let refused = self.is_refused(seen) && now != words(&self.value);
        refused.then(|| format!("its kernel does not take {}; the value is {}", self.setting(), shown(&now)))
    }

    fn apply(&self) -> Script {
        let setting = quote(&self.setting());
        Script::new(format!("said=$(sysctl -w {setting} 2>&1) || {{ warn \"$said\"; echo {setting} >>{REFUSED}; }}"))
    }
}

/// What this kernel has refused, a setting a line; gone with the next boot.
const REFUSED: &str = "/run/forge/refused-sysctls";

impl Sysctl {
    fn setting(&self) -> String {
        format!("{}={}", self.key, self.value)
    }

    fn is_refused(&self, seen: &str) -> bool {
        seen.lines().next() == Some(self.setting().as_str())
    }

    fn now(&self, seen: &str) -> String {
        let refused = usize::from(self.is_refused(seen));
        words(&seen.lines().skip(refused).collect::<Vec<_>>().join(" "))
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shown(now: &str) -> &str {
    if now.is_empty() { "not there" } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_refused_is_remarked_and_not_tried_again() {
        let sysctl = Sysctl { key: "kernel.x".to_owned(), value: "1".to_owned() };
        assert_eq!(sysctl.differ("1"), None);
        assert_eq!(sysctl.differ("0").unwrap().summary, "sysctl kernel.x: 0 → 1");
        assert_eq!(sysctl.differ("").unwrap().summary, "sysctl kernel.x: not there → 1");
        assert_eq!((sysctl.differ("kernel.x=1\n0"), sysctl.remark("0")), (None, None));
        assert_eq!(sysctl.remark("kernel.x=1\n0").unwrap(), "its kernel does not take kernel.x=1; the value is 0");
        assert_eq!(sysctl.remark("kernel.x=1").unwrap(), "its kernel does not take kernel.x=1; the value is not there");
        assert_eq!(sysctl.remark("kernel.x=1\n1"), None, "it came by itself");
        let range = Sysctl { key: "net.x".to_owned(), value: "1024 65535".to_owned() };
        assert_eq!(range.differ("1024\t65535"), None);
    }
}
