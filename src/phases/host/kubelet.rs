//! The kubelet's service, and the modes of its unit's files, which its package leaves readable to all (CIS 4.1.1).

use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::{PackagedModes, Service};
use crate::inventory::cluster::Host;

const UNIT: &[&str] =
    &["/usr/lib/systemd/system/kubelet.service", "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"];

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    let joined = site.facts.joined(&host.name);
    let modes: Box<dyn Resource> = Box::new(PackagedModes::new(UNIT, 0o600));
    // Before kubeadm has given it a configuration the kubelet can only fail.
    Ok(vec![modes, Box::new(if joined { Service::running("kubelet") } else { Service::enabled("kubelet") })])
}
