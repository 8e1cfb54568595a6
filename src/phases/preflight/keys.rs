//! The keys that sign the repositories, checked against their pins.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::finding::Finding;
use super::openpgp::certificates;
use super::seen::Seen;
use super::source::{Source, containerd, kubernetes};
use crate::inventory::Cluster;
use crate::inventory::cluster::PackageKey;

/// Binary keyrings as apt's `signed-by` wants them. `None`: the key is only named by URL and no host had to fetch it; the
/// files on the hosts are to be left as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageKeys {
    /// Signs the Kubernetes packages.
    pub kubernetes: Option<Vec<u8>>,
    /// Signs the containerd packages.
    pub containerd: Option<Vec<u8>>,
}

/// What one host had to say about a key that is pinned by its fingerprint.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The pinned key.
    Pinned(Vec<u8>),
    /// Another key, or no key at all.
    Wrong,
    /// Nothing.
    Nothing,
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Every key of a file: the file is the pin.
pub(super) fn from_file(path: &Path) -> Result<Vec<u8>, String> {
    let file = std::fs::read(path).map_err(|error| error.to_string())?;
    Ok(certificates(&file)?.into_iter().flat_map(|certificate| certificate.bytes).collect())
}

/// The pinned key and nothing else, whatever more the file holds.
fn pinned(encoded: &str, pin: &str) -> Result<Vec<u8>, String> {
    let file = STANDARD.decode(encoded).map_err(|error| error.to_string())?;
    let found = certificates(&file)?;
    let fingerprints: Vec<&str> = found.iter().map(|certificate| certificate.fingerprint.as_str()).collect();
    let others = fingerprints.join(", ");
    let matching = found.into_iter().find(|certificate| certificate.fingerprint.eq_ignore_ascii_case(pin));
    matching.map(|certificate| certificate.bytes).ok_or(format!("its fingerprint is {others}; the pinned one is {pin}"))
}

pub(super) fn of_host(source: &Source<'_>, seen: &Seen<'_>) -> Found {
    let PackageKey::Url { fingerprint, .. } = &source.source.key else { return Found::Nothing };
    let answer = source.answer(seen.observed);
    match answer.fetched.or(answer.keyring).map(|encoded| pinned(&encoded, fingerprint)) {
        Some(Ok(bytes)) => Found::Pinned(bytes),
        Some(Err(_)) => Found::Wrong,
        None => Found::Nothing,
    }
}

/// The keys for the hosts' keyring files: a file's own, or what the hosts fetched or have, compared with the pin.
///
/// # Errors
/// A key file cannot be read, or a host was given another key than the pinned one.
pub(super) fn package_keys(cluster: &Cluster, hosts: &[Seen<'_>]) -> Result<PackageKeys, Vec<Finding>> {
    match (one(&kubernetes(cluster), hosts), one(&containerd(cluster), hosts)) {
        (Ok(kubernetes), Ok(containerd)) => Ok(PackageKeys { kubernetes, containerd }),
        (first, second) => Err([first.err(), second.err()].into_iter().flatten().flatten().collect()),
    }
}

fn one(source: &Source<'_>, hosts: &[Seen<'_>]) -> Result<Option<Vec<u8>>, Vec<Finding>> {
    let (url, fingerprint) = match &source.source.key {
        PackageKey::Path(path) => {
            return from_file(path).map(Some).map_err(|cause| vec![unreadable(source, path, cause)]);
        }
        PackageKey::Url { url, fingerprint } => (url, fingerprint),
    };
    let mut wrong = Vec::new();
    for seen in hosts {
        let answer = source.answer(seen.observed);
        if let Some(Err(cause)) = answer.fetched.map(|encoded| pinned(&encoded, fingerprint)) {
            let what =
                format!("{} was given a key for the {} that is not the pinned one", seen.host.name, source.title);
            let next =
                format!("check {}.key.fingerprint against what the repository's owner publishes", source.setting);
            wrong.push(Finding::fatal(seen.host, what, next).cause(format!("{url}: {cause}")));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    // A key that was fetched just now comes first: its owner may have extended its life.
    let fresh = hosts.iter().filter(|seen| source.answer(seen.observed).fetched.is_some());
    let keys = fresh.chain(hosts).filter_map(|seen| match of_host(source, seen) {
        Found::Pinned(bytes) => Some(bytes),
        Found::Wrong | Found::Nothing => None,
    });
    Ok(keys.into_iter().next())
}

fn unreadable(source: &Source<'_>, path: &Path, cause: String) -> Finding {
    Finding {
        host: None,
        fatal: true,
        what: format!("the key of the {} cannot be read from {}", source.title, path.display()),
        cause,
        next: format!("put the repository's public key there, or set {}.key", source.setting),
    }
}

/// A joined host whose keyring is not the pinned key, while no other host has it: the next upgrade would fail.
pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    let Err(findings) = package_keys(cluster, hosts) else {
        return [kubernetes(cluster), containerd(cluster)].iter().flat_map(|source| stale(source, hosts)).collect();
    };
    findings
}

fn stale(source: &Source<'_>, hosts: &[Seen<'_>]) -> Vec<Finding> {
    if hosts.iter().any(|seen| matches!(of_host(source, seen), Found::Pinned(_))) {
        return Vec::new();
    }
    let wrong = hosts.iter().filter(|seen| of_host(source, seen) == Found::Wrong);
    wrong
        .map(|seen| {
            let (name, file) = (&seen.host.name, source.keyring);
            let what = format!("{file} on {name} does not hold the pinned key of the {}", source.title);
            Finding::warning(
                seen.host,
                what,
                format!("on {name}: sudo rm {file}   and forge up fetches the pinned one"),
            )
        })
        .collect()
}
