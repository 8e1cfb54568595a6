//! The user's folder of templates: what is in it, and whether each file replaces one of ours.

use std::path::Path;

use crate::render::RenderError;
use crate::render::builtin::{self, BUILTIN};

/// Name and text of each template in the user's folder.
pub(super) fn replacements(folder: &Path) -> Result<Vec<(String, String)>, RenderError> {
    let unreadable =
        |path: &Path, error: std::io::Error| RenderError::Unreadable { path: path.into(), cause: error.to_string() };
    let names = files_below(folder).map_err(|error| unreadable(folder, error))?;
    let templates = names.into_iter().filter(|name| name.ends_with(".tera"));
    let read = templates.map(|name| {
        let path = folder.join(&name);
        let is_part = name.rsplit('/').next().is_some_and(|file| file.starts_with('_'));
        if builtin::find(&name).is_none() && !is_part {
            return Err(RenderError::ReplacesNothing { path, similar: similar(&name) });
        }
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        Ok((name, text))
    });
    read.collect()
}

/// The template whose name is closest to `name`, when one is close.
fn similar(name: &str) -> Option<String> {
    let scored = BUILTIN.iter().map(|builtin| (strsim::jaro_winkler(name, builtin.name), builtin.name));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(score, _)| *score > 0.8).map(|(_, name)| name.to_owned())
}

/// Paths of all files below `root`, relative, with `/`, sorted.
pub(super) fn files_below(root: &Path) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = format!("{folder}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(format!("{name}/"));
            } else {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}
