//! Configurations of pod networks from an earlier life: containerd takes the first one in the order of names, whatever else
//! there is.

use super::finding::Finding;
use super::seen::{JOINED, Seen};
use crate::host::facts::Probe;
use crate::host::script::quote;
use crate::inventory::Cluster;
use crate::inventory::cluster::Cni;

const KEY: &str = "preflight pod network";

/// Prints the files that containerd would read. Before a node joins none of them can be this cluster's.
pub(super) fn probe() -> Probe {
    Probe::quick(
        KEY,
        format!(
            r#"{JOINED} && exit 0
for file in /etc/cni/net.d/*.conf /etc/cni/net.d/*.conflist /etc/cni/net.d/*.json; do
  [ -e "$file" ] && echo "$file"
done | head -n 10"#
        ),
    )
}

/// With `cni.provider: none` the user brings the pod network, and these files may be part of it.
pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    if matches!(cluster.cni, Cni::None) {
        return Vec::new();
    }
    // An interrupted join is forge's own: the pod network may have come up already.
    hosts.iter().filter(|seen| seen.is_bare() && !seen.is_ours()).filter_map(one).collect()
}

fn one(seen: &Seen<'_>) -> Option<Finding> {
    let name = &seen.host.name;
    let files: Vec<&str> = seen.observed.get(KEY).lines().collect();
    (!files.is_empty()).then(|| {
        let what = format!("{name} has the configuration of another pod network: {}", files.join(", "));
        let next = format!(
            "if nothing there is needed any more, on {name}: sudo rm {}",
            files.iter().map(|file| quote(file)).collect::<Vec<_>>().join(" ")
        );
        Finding::fatal(seen.host, what, next).cause("pods would be attached to it instead of the cluster's network")
    })
}
