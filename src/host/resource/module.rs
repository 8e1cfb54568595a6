//! A kernel module, loaded or built in.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// A kernel module that must be there now. After a boot `/etc/modules-load.d` loads it, which is a file of its own.
#[derive(Clone, Debug)]
pub struct Module(pub String);

impl Resource for Module {
    fn id(&self) -> String {
        format!("kernel module {}", self.0)
    }

    fn probe(&self) -> String {
        let name = quote(&self.0);
        // Some built-in modules have no folder in /sys/module and only appear in the kernel's own list.
        format!(
            "if [ -d /sys/module/{name} ] || grep -q /{name}.ko \"/lib/modules/$(uname -r)/modules.builtin\"; then echo there; fi"
        )
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        seen.is_empty().then(|| Difference::new(format!("{}: load", self.id())))
    }

    fn apply(&self) -> Script {
        Script::new(format!("modprobe {}", quote(&self.0)))
    }
}
