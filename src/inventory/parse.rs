//! From the file to the cluster, or to everything that is wrong with the file.

use std::path::Path;

use super::cluster::Cluster;
use super::finding::{Finding, Findings, Invalid};
use super::model::Inventory;
use super::source::Source;
use super::{check, structure};
use crate::yaml::{self, Duplicates};

/// Reads and checks an inventory. No host is asked.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Cluster, Invalid> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let message = format!("the inventory cannot be read: {error}");
        Invalid::new(&name, "", vec![Finding { message, ..Finding::default() }])
    };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let absolute = std::path::absolute(path).map_err(unreadable)?;
    parse(&name, &text, absolute.parent().unwrap_or(Path::new("/")))
}

/// Checks the text of an inventory that stands, or would stand, in `directory` (absolute). `name` is for people.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(name: &str, text: &str, directory: &Path) -> Result<Cluster, Invalid> {
    let source = Source::new(name, text)?;
    let mut findings = Findings::new(&source);
    structure::check(&mut findings);
    let cluster = match yaml::from_str_with::<Inventory>(text, Duplicates::KeepFirst) {
        Ok(inventory) => check::cluster(&inventory, directory, &mut findings),
        Err(error) => {
            if findings.list.is_empty() {
                findings.add(error.to_string());
            }
            None
        }
    };
    match cluster {
        Some(cluster) if findings.list.is_empty() => Ok(cluster),
        _ => Err(Invalid::new(name, text, findings.list)),
    }
}
