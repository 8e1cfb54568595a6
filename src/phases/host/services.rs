//! What runs on a host and what does not: services that no node needs, a clock that is set, AppArmor.

use super::machine::Machine;
use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::{Masked, Service};
use crate::inventory::cluster::Host;

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    let machine = Machine::of(site.facts.hosts.get(&host.name));
    let mut all: Vec<Box<dyn Resource>> =
        vec![Box::new(Masked::new("unused services", &site.cluster.security.host.masked_units))];
    // Certificates are valid from a moment on, and etcd's leases run by time. A container's clock is its machine's.
    if !machine.keeps_time && !machine.is_container {
        all.push(Box::new(Service::running("systemd-timesyncd")));
    }
    // containerd confines pods with it, where the kernel has it.
    if machine.has_apparmor {
        all.push(Box::new(Service::running("apparmor")));
    }
    Ok(all)
}
