//! Preflight: everything that would stop a run, found before anything is changed, and told all at once.
//!
//! Each file here asks one question: its probe is the shell that a host runs, its check is what the answers mean. Answers
//! that did not come count as no answer, never as a bad one, so that a host is blamed only for what it said.

mod apt_lists;
mod bpf;
mod clock;
mod disk;
mod endpoint;
mod falco;
mod finding;
mod firewall;
mod habits;
mod identity;
mod keys;
mod login_key;
mod membership;
mod modules;
mod openpgp;
mod pod_dns;
mod pod_network;
mod ports;
mod reach;
mod ruleset;
mod runtime;
mod seen;
mod source;
mod sshd_config;
mod system;
mod tools;
mod versions;

use std::collections::BTreeMap;

pub use endpoint::endpoint_in_dns;
pub use finding::Finding;
pub use firewall::ssh_port;
pub use keys::PackageKeys;
pub use runtime::replaced_packages;
pub use source::{CONTAINERD_KEYRING, KUBERNETES_KEYRING, exports};
pub use system::{HostFacts, host_facts};

use crate::host::facts::{Observed, Probe};
use crate::inventory::{Cluster, Host, NodeName};

/// What preflight asks a host. What needs more than a look at the host itself is only done while the host has no
/// `/etc/kubernetes/kubelet.conf`, so that a converged host answers at once.
pub fn probes(cluster: &Cluster, host: &Host) -> Vec<Probe> {
    let mut probes = vec![
        system::probe(),
        tools::probe(cluster),
        firewall::probe(),
        modules::probe(cluster),
        disk::probe(),
        identity::probe(host),
        membership::probe(),
        ports::probe(host),
        endpoint::probe(cluster),
        habits::probe(),
        sshd_config::probe(),
        apt_lists::probe(cluster),
        pod_dns::probe(cluster),
        pod_network::probe(),
    ];
    probes.extend(bpf::probe(cluster));
    probes.extend(falco::probe(cluster));
    probes.extend(reach::probe(cluster, host));
    probes.extend(source::kubernetes(cluster).probe(cluster));
    probes.extend(source::containerd(cluster).probe(cluster));
    probes
}

/// Everything that is wrong: first what is about no single host, then by host in the order of the inventory. Hosts that
/// are not in `seen` are left out.
pub fn check(cluster: &Cluster, seen: &BTreeMap<NodeName, Observed>) -> Vec<Finding> {
    let hosts = seen::look(cluster, seen);
    let mut findings = system::check(cluster, &hosts);
    findings.extend(tools::check(&hosts));
    findings.extend(firewall::check(cluster, &hosts));
    findings.extend(login_key::check(cluster, &hosts));
    findings.extend(sshd_config::check(cluster, &hosts));
    findings.extend(modules::check(cluster, &hosts));
    findings.extend(bpf::check(cluster, &hosts));
    findings.extend(falco::check(cluster, &hosts));
    findings.extend(disk::check(&hosts));
    findings.extend(clock::check(&hosts));
    findings.extend(identity::check(&hosts));
    findings.extend(membership::check(cluster, &hosts));
    findings.extend(ports::check(cluster, &hosts));
    findings.extend(reach::check(cluster, &hosts));
    findings.extend(endpoint::check(cluster, &hosts));
    findings.extend(keys::check(cluster, &hosts));
    findings.extend(source::kubernetes(cluster).check(cluster, &hosts));
    findings.extend(source::containerd(cluster).check(cluster, &hosts));
    findings.extend(apt_lists::check(&hosts));
    findings.extend(runtime::check(&hosts));
    findings.extend(pod_dns::check(&hosts));
    findings.extend(pod_network::check(cluster, &hosts));
    findings.extend(versions::check(cluster, &hosts));
    findings.extend(habits::check(&hosts));
    findings.sort_by_key(|finding| cluster.hosts.iter().position(|host| Some(&host.name) == finding.host.as_ref()));
    findings
}

/// The exact version to install: the one that a living control plane has, or the exact one of the inventory, or the newest
/// patch of the wanted minor that every bare host's repository offers.
///
/// # Errors
/// The inventory leaves the choice to the repositories and there is none that all of them offer.
pub fn kubernetes_version(cluster: &Cluster, seen: &BTreeMap<NodeName, Observed>) -> Result<String, Finding> {
    versions::kubernetes_version(cluster, &seen::look(cluster, seen))
}

/// The keys that sign the repositories, in binary, checked against their pins.
///
/// # Errors
/// A key file cannot be read, or a host was given another key than the pinned one.
pub fn package_keys(cluster: &Cluster, seen: &BTreeMap<NodeName, Observed>) -> Result<PackageKeys, Vec<Finding>> {
    keys::package_keys(cluster, &seen::look(cluster, seen))
}
