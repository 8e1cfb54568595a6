//! Owner and mode of a file that something else writes.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// A file's owner (root) and mode, once it exists.
#[derive(Clone, Debug)]
pub struct Mode {
    path: String,
    mode: u32,
}

impl Mode {
    /// `path`, when it exists, has `mode` and belongs to root.
    pub fn new(path: impl Into<String>, mode: u32) -> Self {
        Self { path: path.into(), mode }
    }
}

impl Resource for Mode {
    fn id(&self) -> String {
        format!("mode {}", self.path)
    }

    fn probe(&self) -> String {
        format!("stat -c '%a %U:%G' {}", quote(&self.path))
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let wanted = format!("{:o} root:root", self.mode);
        let fine = seen.is_empty() || seen == wanted;
        (!fine).then(|| Difference::new(format!("{}: {seen} → {wanted}", self.id())))
    }

    fn apply(&self) -> Script {
        let path = quote(&self.path);
        Script::new(format!("[ ! -e {path} ] || {{ chown root:root {path}; chmod {:o} {path}; }}", self.mode))
    }
}
