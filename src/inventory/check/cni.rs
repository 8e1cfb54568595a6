//! `cni`: who brings the pod network, and every manifest with its pin.

use super::files::Files;
use super::syntax::{is_hex, is_url};
use crate::inventory::calico;
use crate::inventory::cluster::{Calico, Cni, Manifest};
use crate::inventory::finding::Findings;
use crate::inventory::model::{self, CniProvider, Encapsulation, Inventory};

/// The pod network.
pub(super) fn cni(inventory: &Inventory, files: &Files<'_>, findings: &mut Findings<'_>) -> Option<Cni> {
    let cni = &inventory.cni;
    let manifests: Vec<_> =
        cni.manifests.iter().enumerate().map(|(index, one)| manifest(one, index, files, findings)).collect();
    let manifests: Option<Vec<Manifest>> = manifests.into_iter().collect();
    if cni.provider != CniProvider::Calico {
        only_calico(cni, findings);
    }
    match cni.provider {
        CniProvider::Calico => calico(cni, manifests?, findings),
        CniProvider::Manifests => {
            if cni.manifests.is_empty() {
                let message = "`cni.manifests` is empty";
                findings.at(&["cni", "provider"], message, "needs at least one").help(MANIFEST);
            }
            Some(Cni::Manifests { manifests: manifests? })
        }
        CniProvider::None => {
            if !cni.manifests.is_empty() {
                findings.at_key(&["cni", "manifests"], "provider `none` applies no manifests", "");
            }
            Some(Cni::None)
        }
    }
}

const MANIFEST: &str = "`{path: network.yaml}` beside the inventory, or `{url: https://…, sha256: …}`";

fn only_calico(cni: &model::Cni, findings: &mut Findings<'_>) {
    let given = [
        ("version", cni.version.is_some()),
        ("encapsulation", cni.encapsulation.is_some()),
        ("wireguard", cni.wireguard.is_some()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        findings.at_key(&["cni", key], format!("`cni.{key}` is for provider `calico` only"), "");
    }
}

fn calico(cni: &model::Cni, manifests: Vec<Manifest>, findings: &mut Findings<'_>) -> Option<Cni> {
    let version = cni.version.as_deref().unwrap_or(calico::DEFAULT_VERSION);
    let path = ["cni", "version"];
    let numbers = version.split('.').filter(|part| part.parse::<u32>().is_ok()).count();
    if numbers != 3 || version.split('.').count() != 3 {
        let help = format!("three numbers, as in {}", calico::DEFAULT_VERSION);
        findings.at(&path, format!("`{version}` is not a Calico version"), "").help(help);
        return None;
    }
    if cni.version.is_none() && !manifests.is_empty() {
        let message = "`cni.manifests` needs `cni.version` beside it";
        findings.at_key(&["cni", "manifests"], message, "of which version of Calico?");
        return None;
    }
    let manifests = if manifests.is_empty() { calico::manifests(version) } else { Some(manifests) };
    let Some(manifests) = manifests else {
        findings.at(&path, format!("the checksums of Calico {version} are not known"), "").help(format!(
            "known are {}; for {version}, list its operator-crds.yaml and tigera-operator.yaml in `cni.manifests`, with sums",
            calico::known_versions()
        ));
        return None;
    };
    Some(Cni::Calico(Calico {
        version: version.to_owned(),
        encapsulation: cni.encapsulation.unwrap_or(Encapsulation::VxlanCrossSubnet).as_str().to_owned(),
        wireguard: cni.wireguard.unwrap_or_default(),
        manifests,
    }))
}

fn manifest(
    manifest: &model::ManifestRef,
    index: usize,
    files: &Files<'_>,
    findings: &mut Findings<'_>,
) -> Option<Manifest> {
    let index = index.to_string();
    let at = |key: &'static str| ["cni", "manifests", &index, key].map(str::to_owned);
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
            let place = place("sha256").or_else(|| source.key(&["cni", "manifests"]));
            findings.add("a manifest has a path or a URL").label(place, "neither").help(MANIFEST);
            None
        }
        (Some(_), _, _) => {
            findings.add("a manifest has a path, or a URL with a sum").label(place("path"), "both").help(MANIFEST);
            None
        }
    }
}
