//! Everything that is installed, in one run of the package manager: containerd and Kubernetes at exact versions and held
//! there, and what hardened hosts need and may lack.

use super::super::preflight;
use super::machine::Machine;
use super::package_sources::{CONTAINERD_LIST, KUBERNETES_LIST};
use super::{Resources, Site};
use crate::host::resource::{Package, Packages};
use crate::inventory::cluster::Host;

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    let version = site.facts.version.clone().unwrap_or_else(|| site.cluster.kubernetes.to_string());
    let package =
        |name: &str, version: Option<&String>, held| Package { name: name.to_owned(), version: version.cloned(), held };
    let security = &site.cluster.security.host;
    let machine = Machine::of(site.facts.hosts.get(&host.name));
    let system = [
        ("unattended-upgrades", security.auto_updates),
        ("auditd", security.auditd && !machine.is_container),
        ("apparmor", machine.has_apparmor),
        ("systemd-timesyncd", !machine.keeps_time && !machine.is_container),
    ];
    let system = system.iter().filter(|(_, wanted)| *wanted).map(|(name, _)| package(name, None, false));
    let kubernetes = ["kubelet", "kubeadm", "kubectl"].iter().map(|name| package(name, Some(&version), true));
    let packages = system.chain(kubernetes).chain([package("containerd.io", None, true)]).collect();
    let replaced = site.facts.hosts.get(&host.name).map(preflight::replaced_packages).unwrap_or_default();
    let packages = Packages::new("kubernetes", packages).from_sources(&[KUBERNETES_LIST, CONTAINERD_LIST]);
    Ok(vec![Box::new(packages.replacing(replaced))])
}
