//! A kernel parameter's value, now.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// A sysctl's running value. After a boot `/etc/sysctl.d` sets it, which is a file of its own.
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
        format!("cat {}", quote(&format!("/proc/sys/{}", self.key.replace('.', "/"))))
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let now = words(seen);
        let shown = if now.is_empty() { "not there" } else { now.as_str() };
        (now != words(&self.value)).then(|| Difference::new(format!("{}: {shown} → {}", self.id(), self.value)))
    }

    fn apply(&self) -> Script {
        let setting = quote(&format!("{}={}", self.key, self.value));
        // A kernel that does not know a parameter, or will not take it, is told of and not fatal.
        Script::new(format!("said=$(sysctl -w {setting} 2>&1) || warn \"$said\""))
    }
}
