//! The host's own name, which must equal its node name (CIS 4.2.7: no `--hostname-override`).

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// The host name, now and after the next boot.
#[derive(Clone, Debug)]
pub struct Hostname(pub String);

impl Resource for Hostname {
    fn id(&self) -> String {
        "hostname".to_owned()
    }

    fn probe(&self) -> String {
        "uname -n; cat /etc/hostname".to_owned()
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let fine = seen.lines().count() == 2 && seen.lines().all(|name| name.trim() == self.0);
        let now = seen.lines().next().unwrap_or_default();
        (!fine).then(|| Difference::new(format!("hostname: {now} → {}", self.0)))
    }

    fn apply(&self) -> Script {
        let name = quote(&self.0);
        // hostnamectl keeps cloud-init's own opinion out only when the file is written as well.
        Script::new(format!("printf '%s\\n' {name} >/etc/hostname; hostnamectl hostname {name} || hostname {name}"))
    }
}
