//! The package repositories, each with its own pinned key and nothing else trusted by that key.

use super::super::apt_proxy;
use super::super::preflight::{CONTAINERD_KEYRING, KUBERNETES_KEYRING, host_facts};
use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::{AptSource, Content, File};
use crate::inventory::cluster::Host;
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
    let lines = apt_proxy::settings(&site.cluster.proxy, &[&sources.kubernetes_packages.url, &url]);
    let path = "/etc/apt/apt.conf.d/90forge-proxy";
    all.push(Box::new(if lines.is_empty() { File::absent(path) } else { File::text(path, lines) }));
    Ok(all)
}
