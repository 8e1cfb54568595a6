//! `sources` and `proxy`: where hosts get things from.

use std::collections::BTreeMap;

use super::files::Files;
use super::syntax::{is_exact_version, is_hex, is_oci, is_url};
use crate::inventory::addons;
use crate::inventory::cluster::{Helm, KubernetesVersion, PackageKey, PackageSource, Proxy, Sources};
use crate::inventory::finding::Findings;
use crate::inventory::model::{self, Inventory};

/// Where bytes come from. `{minor}` is filled in here; `{distribution}` differs by host and stays.
pub(super) fn sources(
    inventory: &Inventory,
    version: Option<KubernetesVersion>,
    files: &Files<'_>,
    findings: &mut Findings<'_>,
) -> Option<Sources> {
    let model::Sources { kubernetes_packages, containerd_packages, registries, helm, artifacts } = &inventory.sources;
    let minor = version.map(|version| format!("1.{}", version.minor)).unwrap_or_default();
    let minor = [("{minor}", minor.as_str())];
    let distribution = [("{distribution}", "{distribution}")];
    let kubernetes = packages("kubernetesPackages", kubernetes_packages, minor, files, findings);
    let containerd = packages("containerdPackages", containerd_packages, distribution, files, findings);
    let helm = helm_source(helm, findings);
    check_registries(registries, findings);
    check_artifacts(artifacts, findings);
    Some(Sources {
        kubernetes_packages: kubernetes?,
        containerd_packages: containerd?,
        registries: registries.clone(),
        helm: helm?,
        artifacts: artifacts.clone(),
    })
}

fn packages(
    section: &str,
    source: &model::PackageSource,
    [(placeholder, value)]: [(&str, &str); 1],
    files: &Files<'_>,
    findings: &mut Findings<'_>,
) -> Option<PackageSource> {
    let url_ok = url(&source.url, placeholder, &["sources", section, "url"], findings);
    let key_path = ["sources", section, "key"];
    let fingerprint_path = ["sources", section, "fingerprint"];
    let key = if source.key.contains("://") {
        let url_ok = url(&source.key, placeholder, &key_path, findings);
        let fingerprint = fingerprint(source, &key_path, &fingerprint_path, findings);
        fingerprint
            .filter(|_| url_ok)
            .map(|fingerprint| PackageKey::Url { url: source.key.replace(placeholder, value), fingerprint })
    } else {
        if source.fingerprint.is_some() {
            let message = "`fingerprint` belongs to a key that is fetched from a URL";
            findings.at_key(&fingerprint_path, message, "").help("a key in a file needs none: the file is the pin");
        }
        files.readable(&source.key, &key_path, findings).map(PackageKey::Path)
    };
    Some(PackageSource { url: source.url.replace(placeholder, value), key: key.filter(|_| url_ok)? })
}

fn fingerprint(
    source: &model::PackageSource,
    key_path: &[&str],
    path: &[&str],
    findings: &mut Findings<'_>,
) -> Option<String> {
    let Some(text) = &source.fingerprint else {
        findings
            .at(key_path, "a key from the network needs `fingerprint`", "not pinned")
            .help(format!("curl -fsSL {} | gpg --show-keys", source.key));
        return None;
    };
    let digits: String = text.split_whitespace().collect::<String>().to_uppercase();
    if !is_hex(&digits, 40) {
        findings.at(path, format!("`{text}` is not an OpenPGP fingerprint"), "40 hexadecimal digits");
        return None;
    }
    Some(digits)
}

fn url(text: &str, placeholder: &str, path: &[&str], findings: &mut Findings<'_>) -> bool {
    let plain = text.replace(placeholder, "");
    if !is_url(text) {
        findings.at(path, format!("`{text}` is not an http or https URL"), "");
    } else if plain.contains(['{', '}']) {
        findings.at(path, format!("`{text}` has an unknown placeholder"), format!("known here: {placeholder}"));
    } else {
        return true;
    }
    false
}

/// The helm program: a version that is known with its sums, or another one with the user's.
fn helm_source(helm: &model::HelmSource, findings: &mut Findings<'_>) -> Option<Helm> {
    let version = helm.version.as_deref().unwrap_or(addons::HELM_VERSION);
    let path = ["sources", "helm", "version"];
    if !version.starts_with("4.") || !is_exact_version(version) {
        let help = format!("an exact version of Helm 4 without `v`, as in {}", addons::HELM_VERSION);
        findings.at(&path, format!("`{version}` is not a version of Helm 4"), "").help(help);
        return None;
    }
    let mut fine = true;
    for (architecture, sum) in &helm.sha256 {
        let path = ["sources", "helm", "sha256", architecture];
        if !["amd64", "arm64"].contains(&architecture.as_str()) {
            findings.at_key(&path, format!("`{architecture}` is not an architecture"), "amd64 or arm64");
            fine = false;
        } else if !is_hex(sum, 64) {
            findings.at(&path, format!("`{sum}` is not a SHA-256"), "64 hexadecimal digits");
            fine = false;
        }
    }
    let known = if version == addons::HELM_VERSION { addons::helm_sums() } else { BTreeMap::new() };
    let theirs = helm.sha256.iter().map(|(architecture, sum)| (architecture.clone(), sum.to_lowercase()));
    let sha256: BTreeMap<String, String> = known.into_iter().chain(theirs).collect();
    if sha256.is_empty() {
        findings.at(&path, format!("the checksums of Helm {version} are not known"), "").help(format!(
            "known is {}; for {version}, give `sha256: {{amd64: …}}` beside it, as get.helm.sh publishes it",
            addons::HELM_VERSION
        ));
        return None;
    }
    fine.then(|| Helm { version: version.to_owned(), sha256 })
}

fn check_registries(registries: &BTreeMap<String, Vec<String>>, findings: &mut Findings<'_>) {
    for (registry, mirrors) in registries {
        let path = ["sources", "registries", registry];
        if registry.is_empty() || registry.contains(|letter: char| letter == '/' || letter.is_whitespace()) {
            let help = "a name with or without a port, as images begin with: `registry.k8s.io`";
            findings.at_key(&path, format!("`{registry}` is not a registry"), "").help(help);
        }
        if mirrors.is_empty() {
            findings.at_key(&path, format!("`{registry}` has no mirrors"), "give one, or take the registry out");
        }
        for (index, mirror) in mirrors.iter().enumerate().filter(|(_, mirror)| !is_url(mirror)) {
            let path = [path[0], path[1], path[2], &index.to_string()];
            let help = "for example `https://mirror.example:5000`";
            findings.at(&path, format!("the mirror `{mirror}` is not an http or https URL"), "").help(help);
        }
    }
}

fn check_artifacts(artifacts: &BTreeMap<String, String>, findings: &mut Findings<'_>) {
    for (from, to) in artifacts {
        let path = ["sources", "artifacts", from];
        let charts = from.starts_with("oci://");
        if !is_url(from) && !is_oci(from) {
            findings.at_key(&path, format!("`{from}` is not an http, https or oci URL"), "");
        } else if !(if charts { is_oci(to) } else { is_url(to) }) {
            let wanted = if charts { "oci" } else { "http or https" };
            findings.at(&path, format!("`{to}` is not an {wanted} URL"), "");
        }
    }
}

/// HTTP proxies.
pub(super) fn proxy(inventory: &Inventory, findings: &mut Findings<'_>) -> Proxy {
    let model::Proxy { http, https, no_proxy } = &inventory.proxy;
    for (key, proxy) in [("http", http), ("https", https)] {
        if let Some(proxy) = proxy.as_ref().filter(|proxy| !is_url(proxy)) {
            findings.at(&["proxy", key], format!("the proxy `{proxy}` is not an http or https URL"), "");
        }
    }
    for (index, entry) in no_proxy.iter().enumerate() {
        if entry.is_empty() || entry.contains(|letter: char| letter == ',' || letter.is_whitespace()) {
            let path = ["proxy", "noProxy", &index.to_string()];
            findings.at(&path, format!("`{entry}` is not one name, suffix or network"), "");
        }
    }
    Proxy { http: http.clone(), https: https.clone(), no_proxy: no_proxy.clone() }
}
