//! The kubelet's service, and the modes of the files that kubeadm writes for it (CIS 4.1.5, 4.1.9).

use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::{Mode, Service};
use crate::inventory::cluster::Host;
use crate::kube::paths;

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    let joined = site.facts.joined(&host.name);
    let mut all: Vec<Box<dyn Resource>> = Vec::new();
    for path in [paths::KUBELET_CONFIG, "/var/lib/kubelet/instance-config.yaml", "/var/lib/kubelet/kubeadm-flags.env"] {
        all.push(Box::new(Mode::new(path, 0o600)));
    }
    // Before kubeadm has given it a configuration the kubelet can only fail.
    all.push(Box::new(if joined { Service::running("kubelet") } else { Service::enabled("kubelet") }));
    Ok(all)
}
