//! Ports that Kubernetes listens on must be free, or its own already.

use super::finding::Finding;
use super::seen::Seen;
use crate::host::facts::Probe;
use crate::inventory::{Cluster, Host};

const KEY: &str = "preflight ports";

/// Port and the process that may have it. The kernel cuts process names after 15 characters.
const CONTROL_PLANE: &[(u16, &str)] = &[
    (2379, "etcd"),
    (2380, "etcd"),
    (6443, "kube-apiserver"),
    (10250, "kubelet"),
    (10256, "kube-proxy"),
    (10257, "kube-controller"),
    (10259, "kube-scheduler"),
];
const WORKER: &[(u16, &str)] = &[(10250, "kubelet"), (10256, "kube-proxy")];

fn ports(host: &Host) -> &'static [(u16, &'static str)] {
    if host.is_control_plane() { CONTROL_PLANE } else { WORKER }
}

pub(super) fn probe(host: &Host) -> Probe {
    let filter: Vec<String> = ports(host).iter().map(|(port, _)| format!("sport = :{port}")).collect();
    Probe::quick(KEY, format!("ss -H -l -t -n -p '( {} )' | awk '{{print $4, $NF}}'", filter.join(" or ")))
}

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    hosts.iter().flat_map(|seen| taken(cluster, seen)).collect()
}

fn taken(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Finding> {
    let name = &seen.host.name;
    let mut listeners: Vec<(u16, &str)> = seen.observed.get(KEY).lines().filter_map(listener).collect();
    listeners.sort_unstable();
    listeners.dedup();
    let strange = listeners.into_iter().filter(|(port, process)| {
        let expected = ports(seen.host).iter().any(|(known, owner)| known == port && process.starts_with(owner));
        !(expected && seen.is_ours())
    });
    strange
        .map(|(port, process)| {
            let owner = if process.is_empty() { "a process without a name" } else { process };
            let what = format!("port {port} on {name} is taken by {owner}");
            let next =
                format!("on {name}: sudo ss -ltnp 'sport = :{port}'   shows it; stop it or move it to another port");
            Finding::fatal(seen.host, what, next).unless_ignored(cluster, &format!("Port-{port}"))
        })
        .collect()
}

/// `[::]:6443 users:(("kube-apiserver",pid=1,fd=3))` → port and process. Without a process ss prints the peer last.
fn listener(line: &str) -> Option<(u16, &str)> {
    let (local, last) = line.split_once(' ')?;
    let port = local.rsplit_once(':')?.1.parse().ok()?;
    let process = last.strip_prefix("users:((\"").and_then(|rest| rest.split('"').next());
    Some((port, process.unwrap_or_default()))
}
