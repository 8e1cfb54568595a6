//! A list of a package repository, which is there only while apt can read all lists together.

use super::{Difference, File, Resource};
use crate::host::script::{Script, quote};

/// A file in `/etc/apt/sources.list.d`. One entry that contradicts another, as two keys for one repository do, makes apt
/// refuse everything, security upgrades too.
#[derive(Debug)]
pub struct AptSource {
    path: String,
    file: File,
}

impl AptSource {
    /// The file `path` with this text.
    pub fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), file: File::text(path, text) }
    }
}

impl Resource for AptSource {
    fn id(&self) -> String {
        self.file.id()
    }

    fn probe(&self) -> String {
        self.file.probe()
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        self.file.differ(seen)
    }

    /// Written, read, and rolled back when apt cannot read it.
    fn apply(&self) -> Script {
        let path = quote(&self.path);
        Script::new(format!(
            "mkdir -p \"$FORGE\"\nrm -f \"$FORGE/old-list\"\n[ ! -e {path} ] || cp -p {path} \"$FORGE/old-list\""
        ))
        .then(self.file.apply())
        .line(format!(
            "if ! apt-get indextargets >/dev/null 2>\"$FORGE/apt-errors\"; then\n\
                 \x20 if [ -e \"$FORGE/old-list\" ]; then mv -f \"$FORGE/old-list\" {path}; else rm -f {path}; fi\n\
                 \x20 sort -u \"$FORGE/apt-errors\" >&2\n  exit 1\nfi"
        ))
    }
}
