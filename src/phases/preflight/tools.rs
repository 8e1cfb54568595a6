//! Programs that forge calls on a host.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::seen::Seen;
use crate::host::facts::Probe;
use crate::inventory::Cluster;

const KEY: &str = "preflight tools";

/// Program and the Debian package that brings it.
const TOOLS: &[(&str, &str)] = &[
    ("apt-get", "apt"),
    ("awk", "mawk"),
    ("base64", "coreutils"),
    ("bash", "bash"),
    ("dpkg-query", "dpkg"),
    ("flock", "util-linux"),
    ("getent", "libc-bin"),
    ("hostname", "hostname"),
    ("ip", "iproute2"),
    ("modprobe", "kmod"),
    ("mount", "mount"),
    ("openssl", "openssl"),
    ("sed", "sed"),
    ("sha256sum", "coreutils"),
    ("ss", "iproute2"),
    ("sysctl", "procps"),
    ("systemctl", "systemd"),
    ("systemd-run", "systemd"),
    ("tar", "tar"),
    ("timeout", "coreutils"),
];

/// What only the firewall needs.
const FIREWALL: &[(&str, &str)] = &[("nft", "nftables"), ("unshare", "util-linux")];

/// Prints what is missing.
pub(super) fn probe(cluster: &Cluster) -> Probe {
    let firewall = if cluster.security.host.firewall.enabled { FIREWALL } else { &[] };
    let names: Vec<&str> = TOOLS.iter().chain(firewall).map(|(name, _)| *name).collect();
    Probe::quick(
        KEY,
        format!("for tool in {}; do\n  command -v \"$tool\" >/dev/null || echo \"$tool\"\ndone", names.join(" ")),
    )
}

pub(super) fn check(hosts: &[Seen<'_>]) -> Vec<Finding> {
    // On a system that forge does not know the packages have other names; that finding is enough.
    hosts.iter().filter(|seen| seen.facts.supported()).filter_map(missing).collect()
}

fn missing(seen: &Seen<'_>) -> Option<Finding> {
    let name = &seen.host.name;
    let answer = seen.observed.get(KEY);
    let known = || TOOLS.iter().chain(FIREWALL).filter(|(tool, _)| answer.lines().any(|line| line == *tool));
    let tools: Vec<&str> = known().map(|(tool, _)| *tool).collect();
    let packages: BTreeSet<&str> = known().map(|(_, package)| *package).collect();
    let packages: Vec<&str> = packages.into_iter().collect();
    let next = format!("on {name}: sudo apt-get install {}", packages.join(" "));
    (!tools.is_empty()).then(|| Finding::fatal(seen.host, format!("{name} lacks {}", tools.join(", ")), next))
}
