//! A folder with given owner and mode.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// A folder; its content is not looked at.
#[derive(Clone, Debug)]
pub struct Directory {
    path: String,
    mode: u32,
    owner: String,
}

impl Directory {
    /// A folder of root's.
    pub fn new(path: impl Into<String>, mode: u32) -> Self {
        Self { path: path.into(), mode, owner: "root:root".to_owned() }
    }

    /// Owned by `owner`, as `user:group`.
    #[must_use]
    pub fn owner(mut self, owner: &str) -> Self {
        owner.clone_into(&mut self.owner);
        self
    }
}

impl Resource for Directory {
    fn id(&self) -> String {
        format!("directory {}", self.path)
    }

    fn probe(&self) -> String {
        format!("stat -c '%a %U:%G' {}", quote(&self.path))
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let wanted = format!("{:o} {}", self.mode, self.owner);
        match seen {
            "" => Some(Difference::new(format!("{}: create", self.id()))),
            same if same == wanted => None,
            other => Some(Difference::new(format!("{}: {other} → {wanted}", self.id()))),
        }
    }

    fn apply(&self) -> Script {
        let (path, owner) = (quote(&self.path), quote(&self.owner));
        Script::new(format!("mkdir -p {path}; chown {owner} {path}; chmod {:o} {path}", self.mode))
    }
}
