//! The journal: a run's events on the operator's disk, for reports and for what was in flight when it died.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::report::Json;

/// Opens `$XDG_STATE_HOME/forge/CLUSTER/TIME-ACTION.jsonl` (or below `~/.local/state`), readable by its owner only. It holds
/// no secret: events cannot carry any.
///
/// # Errors
/// There is no home folder, or it cannot be written.
pub fn journal(cluster: &str, action: &str) -> io::Result<Json<File>> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let folder = state.or_else(home).ok_or_else(|| io::Error::other("neither XDG_STATE_HOME nor HOME is set"))?;
    let folder = folder.join("forge").join(cluster);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let path = folder.join(format!("{}-{action}.jsonl", now.as_millis()));
    let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path)?;
    Ok(Json(file))
}
