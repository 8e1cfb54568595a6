//! `sources` and `proxy`: where bytes come from.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
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

impl Proxy {
    /// Whether `noProxy` says that `host` is reached directly: by its name, a suffix, or a network that it is in.
    pub fn bypasses(&self, host: &str) -> bool {
        let bare = |text: &str| text.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let host = bare(host);
        let address: Option<IpAddr> = host.parse().ok();
        self.no_proxy.iter().any(|entry| {
            if let (Some(address), Ok(net)) = (address, entry.parse::<IpNet>()) {
                return net.contains(&address);
            }
            let entry = bare(entry);
            let suffix = entry.trim_start_matches("*.").trim_start_matches('.');
            entry == "*" || host == suffix || (!suffix.is_empty() && host.ends_with(&format!(".{suffix}")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_suffixes_and_networks_are_reached_directly() {
        let no_proxy = ["debian.example", ".corp.example", "*.lab.example", "10.0.0.0/8", "2001:db8::/32", "192.0.2.7"];
        let proxy = Proxy { no_proxy: no_proxy.map(str::to_owned).to_vec(), ..Proxy::default() };
        for host in [
            "debian.example",
            "a.corp.example",
            "Corp.example",
            "a.lab.example",
            "10.1.2.3",
            "[2001:db8::1]",
            "192.0.2.7",
        ] {
            assert!(proxy.bypasses(host), "{host}");
        }
        for host in ["debian.example.org", "notcorp.example", "192.0.2.8", "2001:db9::1", "11.0.0.1"] {
            assert!(!proxy.bypasses(host), "{host}");
        }
        assert!(Proxy { no_proxy: vec!["*".to_owned()], ..Proxy::default() }.bypasses("anything"));
    }
}
