//! The name servers that the kubelet hands to pods: one on loopback is, in CoreDNS' pod, CoreDNS itself.

use std::net::IpAddr;

use super::finding::Finding;
use super::seen::{JOINED, Seen};
use crate::host::facts::Probe;
use crate::host::script::quote;
use crate::inventory::Cluster;

const KEY: &str = "preflight pod dns";

/// Which file it is, as kubeadm decides it where the inventory does not (`componentconfigs/kubelet.go`): the one of
/// systemd-resolved with its real servers where that runs, otherwise the usual one. Prints the file and its servers.
pub(super) fn probe(cluster: &Cluster) -> Probe {
    let wanted =
        cluster.kubeadm.kubelet_configuration.get("resolvConf").and_then(|path| path.as_str()).unwrap_or_default();
    let wanted = quote(wanted);
    Probe::quick(
        KEY,
        format!(
            r#"{JOINED} && exit 0
file={wanted}
if [ -z "$file" ]; then
  file=/etc/resolv.conf
  systemctl --quiet is-active systemd-resolved && file=/run/systemd/resolve/resolv.conf
fi
echo "file $file"
[ -r "$file" ] || echo missing
awk '$1 == "nameserver" {{print "server", $2}}' "$file" | head -n 10"#
        ),
    )
}

pub(super) fn check(hosts: &[Seen<'_>]) -> Vec<Finding> {
    hosts.iter().filter(|seen| seen.is_bare()).filter_map(one).collect()
}

fn one(seen: &Seen<'_>) -> Option<Finding> {
    let name = &seen.host.name;
    let lines = || seen.observed.get(KEY).lines();
    let file = lines().find_map(|line| line.strip_prefix("file "))?;
    let way_out = "name the real name servers in a file that every host has, and set \
                   kubeadm.kubeletConfiguration.resolvConf to its path";
    if lines().any(|line| line == "missing") {
        let what = format!("{name} has no {file}, whose name servers the kubelet hands to pods");
        return Some(Finding::fatal(seen.host, what, way_out));
    }
    let servers: Vec<&str> = lines().filter_map(|line| line.strip_prefix("server ")).collect();
    if servers.is_empty() {
        let what =
            format!("{file} on {name}, which the kubelet hands to pods, names no name server: CoreDNS would not start");
        return Some(Finding::fatal(seen.host, what, way_out));
    }
    let own: Vec<&str> = servers.into_iter().filter(|server| is_loopback(server)).collect();
    (!own.is_empty()).then(|| {
        let what =
            format!("{file} on {name}, which the kubelet hands to pods, names {name} itself: CoreDNS would ask itself");
        Finding::fatal(seen.host, what, way_out).cause(format!("nameserver {}", own.join(", ")))
    })
}

fn is_loopback(server: &str) -> bool {
    let address = server.split('%').next().unwrap_or_default().parse::<IpAddr>();
    address.is_ok_and(|address| address.to_canonical().is_loopback())
}
