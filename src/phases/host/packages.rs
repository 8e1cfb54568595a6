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
    let mut replaced = site.facts.hosts.get(&host.name).map(preflight::replaced_packages).unwrap_or_default();
    if !machine.keeps_time && !machine.is_container {
        replaced.extend(machine.clocks);
    }
    let packages = Packages::new("kubernetes", packages).from_sources(&[KUBERNETES_LIST, CONTAINERD_LIST]);
    Ok(vec![Box::new(packages.replacing(replaced))])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cluster, seen};
    use super::*;
    use crate::phases::Facts;
    use crate::render::Templates;

    fn planned(facts: &Facts) -> String {
        let (cluster, templates) = (cluster(""), Templates::load(None).unwrap());
        let site = Site { cluster: &cluster, facts, templates: &templates };
        resources(&cluster.hosts[0], site).unwrap()[0].differ("").unwrap().summary
    }

    #[test]
    fn what_other_packages_take_the_place_of_is_in_the_plan() {
        assert!(!planned(&seen(&[])).contains("remove"));
        let docker = "updated\nremoves containerd\nremoves runc";
        let said =
            planned(&seen(&[("cp1", "preflight source containerd", docker), ("cp1", "machine", "clock chrony")]));
        assert!(said.ends_with(", remove containerd, remove runc, remove chrony"), "{said}");
        assert!(!planned(&seen(&[("cp1", "machine", "time\nclock chrony")])).contains("remove"), "it sets the clock");
    }
}
