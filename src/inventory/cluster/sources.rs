//! `sources` and `proxy`: where bytes come from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

/// Where bytes come from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sources {
    /// A flat Debian repository, one per minor version, as the Kubernetes project publishes it.
    pub kubernetes_packages: PackageSource,
    /// A Debian repository with suites and a component `stable`, as Docker publishes it.
    pub containerd_packages: PackageSource,
    /// Registry name → URLs of mirrors, tried in order before the registry itself.
    pub registries: BTreeMap<String, Vec<String>>,
    /// The helm program.
    pub helm: Helm,
    /// URL prefix → URL prefix for everything that forge names by URL.
    pub artifacts: BTreeMap<String, String>,
}

impl Sources {
    /// `url` after the `artifacts` table; the longest prefix wins.
    pub fn rewrite(&self, url: &str) -> String {
        let matching = self.artifacts.iter().filter(|(from, _)| url.starts_with(from.as_str()));
        match matching.max_by_key(|(from, _)| from.len()) {
            Some((from, to)) => format!("{to}{}", &url[from.len()..]),
            None => url.to_owned(),
        }
    }
}

/// The helm program that installs add-ons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Helm {
    /// Without the leading `v`.
    pub version: String,
    /// Architecture as Debian names it → SHA-256 of the archive for it, 64 lower-case hexadecimal digits.
    pub sha256: BTreeMap<String, String>,
}

/// A signed package repository.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageSource {
    /// Base URL.
    pub url: String,
    /// The key that signs it.
    pub key: PackageKey,
}

/// An OpenPGP public key that is pinned: by content or by fingerprint.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKey {
    /// An armored key in a file (absolute path): the file is the pin.
    Path(PathBuf),
    /// Fetched by the hosts and refused unless its primary key has this fingerprint.
    Url {
        /// `http://` or `https://`.
        url: String,
        /// 40 upper-case hexadecimal digits.
        fingerprint: String,
    },
}

/// HTTP proxies for the hosts' package manager and container runtime.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proxy {
    /// For `http://`.
    pub http: Option<String>,
    /// For `https://`.
    pub https: Option<String>,
    /// Names, suffixes and networks reached directly.
    pub no_proxy: Vec<String>,
}
