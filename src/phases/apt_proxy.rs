//! The inventory's proxies as apt's settings.

use std::collections::BTreeSet;

use crate::inventory::cluster::Proxy;

/// What apt is told of proxies. It knows no suffixes and no networks, only hosts: those that `noProxy` names, and those of
/// our own repositories that it covers.
pub(super) fn settings(proxy: &Proxy, urls: &[&str]) -> String {
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
        assert_eq!(settings(&proxy, &urls), "Acquire::http::Proxy \"http://proxy:3128\";\n");
        proxy.no_proxy = ["debian.example", ".corp.example", "10.0.0.0/8"].map(str::to_owned).to_vec();
        assert_eq!(
            settings(&proxy, &urls),
            "Acquire::http::Proxy \"http://proxy:3128\";\nAcquire::http::Proxy::debian.example \"DIRECT\";\n\
             Acquire::http::Proxy::packages.corp.example \"DIRECT\";\n"
        );
        assert_eq!(settings(&Proxy { no_proxy: proxy.no_proxy, ..Proxy::default() }, &urls), "");
    }
}
