//! Files that the inventory names: where they are, and whether they can be read.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::inventory::finding::Findings;

/// Where paths in the inventory begin.
pub(super) struct Files<'a> {
    /// The inventory's own folder.
    pub(super) directory: &'a Path,
    /// What `~` stands for.
    pub(super) home: Option<PathBuf>,
}

impl Files<'_> {
    /// The absolute path of what is written as `path`.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        let home = |rest: &str| Some(self.home.as_ref()?.join(rest.trim_start_matches('/')));
        let below_home = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        below_home.and_then(home).unwrap_or_else(|| self.directory.join(path))
    }

    /// The same, with a finding when there is no readable file.
    pub(super) fn readable(&self, path: &str, at: &[&str], findings: &mut Findings<'_>) -> Option<PathBuf> {
        let found = self.path(path);
        let problem = match File::open(&found).and_then(|file| file.metadata()) {
            Ok(metadata) if metadata.is_dir() => "it is a folder".to_owned(),
            Ok(_) => return Some(found),
            Err(error) => error.to_string(),
        };
        let place = findings.source.value(at);
        findings.add(format!("cannot read {}", found.display())).label(place, problem);
        None
    }
}
