//! Lists of manifests: each a file, or a URL with its pin.

use super::files::Files;
use super::syntax::{is_hex, is_url};
use crate::inventory::cluster::Manifest;
use crate::inventory::finding::Findings;
use crate::inventory::model::ManifestRef;

/// How a manifest is written.
pub(super) const HELP: &str = "`{path: network.yaml}` beside the inventory, or `{url: https://…, sha256: …}`";

/// Everything under `SECTION.manifests`.
pub(super) fn manifests(
    list: &[ManifestRef],
    section: &str,
    files: &Files<'_>,
    findings: &mut Findings<'_>,
) -> Option<Vec<Manifest>> {
    let all: Vec<_> =
        list.iter().enumerate().map(|(index, one)| manifest(one, (section, index), files, findings)).collect();
    all.into_iter().collect()
}

fn manifest(
    manifest: &ManifestRef,
    (section, index): (&str, usize),
    files: &Files<'_>,
    findings: &mut Findings<'_>,
) -> Option<Manifest> {
    let index = index.to_string();
    let at = |key: &'static str| [section, "manifests", &index, key].map(str::to_owned);
    let source = findings.source;
    let place = |key| {
        let path = at(key);
        source.value(&path.each_ref().map(String::as_str))
    };
    match (&manifest.path, &manifest.url, &manifest.sha256) {
        (Some(path), None, None) => {
            let at = at("path");
            files.readable(path, &at.each_ref().map(String::as_str), findings).map(Manifest::Path)
        }
        (None, Some(url), Some(sha256)) => {
            if !is_url(url) {
                findings.add(format!("`{url}` is not an http or https URL")).label(place("url"), "");
                return None;
            }
            if !is_hex(sha256, 64) {
                findings.add(format!("`{sha256}` is not a SHA-256")).label(place("sha256"), "64 hexadecimal digits");
                return None;
            }
            Some(Manifest::Url { url: url.clone(), sha256: sha256.to_lowercase() })
        }
        (None, Some(url), None) => {
            findings
                .add("a manifest from the network needs `sha256`")
                .label(place("url"), "not pinned")
                .help(format!("curl -fsSL {url} | sha256sum"));
            None
        }
        (None, None, _) => {
            let place = place("sha256").or_else(|| source.key(&[section, "manifests"]));
            findings.add("a manifest has a path or a URL").label(place, "neither").help(HELP);
            None
        }
        (Some(_), _, _) => {
            findings.add("a manifest has a path, or a URL with a sum").label(place("path"), "both").help(HELP);
            None
        }
    }
}
