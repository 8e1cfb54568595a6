//! What Calico's pods mount of every host, whatever they make of it: the kernel's file system for eBPF.

use super::finding::Finding;
use super::seen::Seen;
use crate::host::facts::Probe;
use crate::inventory::Cluster;
use crate::inventory::cluster::Cni;

const KEY: &str = "preflight bpf";

/// Asked only when Calico shall run. The kernel makes the folder when it knows eBPF, and calico-node mounts the file system when
/// systemd has not; a container may have neither.
pub(super) fn probe(cluster: &Cluster) -> Option<Probe> {
    let Cni::Calico(_) = &cluster.cni else { return None };
    let shell = "[ -d /sys/fs/bpf ] || { echo missing; exit 0; }\n\
                 [ \"$(stat -f -c %T /sys/fs/bpf)\" = bpf_fs ] || grep -qw bpf /proc/filesystems || echo unknown";
    Some(Probe::quick(KEY, shell))
}

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    let Cni::Calico(_) = &cluster.cni else { return Vec::new() };
    let finding = |seen: &Seen<'_>| {
        let name = &seen.host.name;
        let what = match seen.observed.get(KEY).trim() {
            "missing" => format!("{name} has no /sys/fs/bpf, which Calico's pods mount"),
            "unknown" => {
                format!("the kernel of {name} has no bpf file system, which Calico's pods mount at /sys/fs/bpf")
            }
            _ => return None,
        };
        let next = format!(
            "boot the distribution's kernel on {name} (CONFIG_BPF_SYSCALL); a container needs the machine's /sys/fs/bpf bound \
             from outside"
        );
        Some(Finding::fatal(seen.host, what, next))
    };
    hosts.iter().filter_map(finding).collect()
}
