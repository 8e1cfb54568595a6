//! A system user without a shell, and its group.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// A system user with a group of its own name, no login and no home.
#[derive(Clone, Debug)]
pub struct SystemUser(pub String);

impl Resource for SystemUser {
    fn id(&self) -> String {
        format!("user {}", self.0)
    }

    fn probe(&self) -> String {
        let name = quote(&self.0);
        format!("getent passwd {name} | cut -d: -f1; getent group {name} | cut -d: -f1")
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        (seen.lines().count() != 2).then(|| Difference::new(format!("{}: create", self.id())))
    }

    fn apply(&self) -> Script {
        let name = quote(&self.0);
        Script::new(format!(
            "getent group {name} >/dev/null || groupadd --system {name}\n\
             getent passwd {name} >/dev/null || useradd --system --gid {name} --no-create-home \
             --shell /usr/sbin/nologin {name}"
        ))
    }
}
