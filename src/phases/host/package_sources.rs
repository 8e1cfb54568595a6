//! The package repositories, each with its own pinned key and nothing else trusted by that key.

use std::collections::BTreeSet;

use super::super::preflight::{CONTAINERD_KEYRING, KUBERNETES_KEYRING, host_facts};
use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::{AptSource, Content, File};
use crate::inventory::cluster::{Host, Proxy};
use crate::secret::Secret;

pub(super) const KUBERNETES_LIST: &str = "/etc/apt/sources.list.d/forge-kubernetes.list";
pub(super) const CONTAINERD_LIST: &str = "/etc/apt/sources.list.d/forge-containerd.list";

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    let mut all: Vec<Box<dyn Resource>> = Vec::new();
    let seen = site.facts.hosts.get(&host.name);
    for (path, key) in
        [(KUBERNETES_KEYRING, &site.facts.keys.kubernetes), (CONTAINERD_KEYRING, &site.facts.keys.containerd)]
    {
        // Once the packages are there nobody asks for the key again: what lies there was checked when it was laid down.
        let there = seen.and_then(|seen| seen.get(&format!("file {path}")).lines().nth(1)).unwrap_or_default();
        let sum = there.split_whitespace().next().unwrap_or_default();
        let content = match key {
            Some(key) => Content::Secret(Secret::new(key.as_slice())),
            None => Content::Kept(sum.to_owned()),
        };
        all.push(Box::new(File::secret(path, content).mode(0o644)));
    }
    let facts = seen.map(host_facts).unwrap_or_default();
    let sources = &site.cluster.sources;
    let kubernetes = format!("deb [signed-by={KUBERNETES_KEYRING}] {} /\n", sources.kubernetes_packages.url);
    let url = sources.containerd_packages.url.replace("{distribution}", &facts.distribution);
    let containerd = format!("deb [signed-by={CONTAINERD_KEYRING}] {url} {} stable\n", facts.codename);
    all.push(Box::new(AptSource::new(KUBERNETES_LIST, kubernetes)));
    all.push(Box::new(AptSource::new(CONTAINERD_LIST, containerd)));
    let lines = apt_proxy(&site.cluster.proxy, &[&sources.kubernetes_packages.url, &url]);
    let path = "/etc/apt/apt.conf.d/90forge-proxy";
    all.push(Box::new(if lines.is_empty() { File::absent(path) } else { File::text(path, lines) }));
    Ok(all)
}

/// What apt is told of proxies. It knows no suffixes and no networks, only hosts: those that `noProxy` names, and those of
/// our own repositories that it covers.
fn apt_proxy(proxy: &Proxy, urls: &[&str]) -> String {
    let schemes = [("http", &proxy.http), ("https", &proxy.https)];
    let schemes: Vec<_> = schemes.iter().filter_map(|(scheme, url)| Some((*scheme, url.as_ref()?))).collect();
    let covered = urls.iter().map(|url| host_of(url)).filter(|host| proxy.bypasses(host));
    let named = proxy.no_proxy.iter().map(String::as_str).filter(|entry| is_host(entry));
    let direct: BTreeSet<&str> = named.chain(covered).collect();
    let mut lines: String =
        schemes.iter().map(|(scheme, url)| format!("Acquire::{scheme}::Proxy \"{url}\";\n")).collect();
    for (scheme, _) in schemes {
        lines.extend(direct.iter().map(|host| format!("Acquire::{scheme}::Proxy::{host} \"DIRECT\";\n")));
    }
    lines
}

/// One host, by name or address: neither a suffix nor a network.
fn is_host(entry: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    !entry.starts_with('.') && !entry.is_empty() && entry.chars().all(letter)
}

/// `http://me:secret@host:8080/path` → `host`.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_goes_directly_to_what_needs_no_proxy() {
        let mut proxy = Proxy { http: Some("http://proxy:3128".to_owned()), ..Proxy::default() };
        let urls = ["http://packages.corp.example:8080/deb/", "http://[2001:db8::1]/containerd"];
        assert_eq!(apt_proxy(&proxy, &urls), "Acquire::http::Proxy \"http://proxy:3128\";\n");
        proxy.no_proxy = ["debian.example", ".corp.example", "10.0.0.0/8"].map(str::to_owned).to_vec();
        assert_eq!(
            apt_proxy(&proxy, &urls),
            "Acquire::http::Proxy \"http://proxy:3128\";\nAcquire::http::Proxy::debian.example \"DIRECT\";\n\
             Acquire::http::Proxy::packages.corp.example \"DIRECT\";\n"
        );
        assert_eq!(apt_proxy(&Proxy { no_proxy: proxy.no_proxy, ..Proxy::default() }, &urls), "");
    }
}
