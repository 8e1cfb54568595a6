//! Kernel modules and settings that Kubernetes needs.
//!
//! The first group is the container runtime's and kube-proxy's; the second is what the kubelet insists on with
//! `protectKernelDefaults` (`pkg/kubelet/cm/container_manager_linux.go`, `setupKernelTunables`).

use std::collections::BTreeMap;

use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::{File, Module, Sysctl};
use crate::inventory::cluster::{Cluster, Host};

const MODULES: &[&str] = &["overlay", "br_netfilter"];

const SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "1"),
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.bridge.bridge-nf-call-ip6tables", "1"),
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
    ("kernel.keys.root_maxkeys", "1000000"),
    ("kernel.keys.root_maxbytes", "25000000"),
];

pub(super) fn resources(_: &Host, site: Site<'_>) -> Resources {
    let mut all: Vec<Box<dyn Resource>> = Vec::new();
    let modules: String = MODULES.iter().map(|module| format!("{module}\n")).collect();
    all.push(Box::new(File::text("/etc/modules-load.d/forge.conf", modules)));
    all.extend(MODULES.iter().map(|module| Box::new(Module((*module).to_owned())) as Box<dyn Resource>));
    let wanted = sysctls(site.cluster);
    let text: String = wanted.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    // systemd-sysctl reads all folders in the order of the file names and the last one wins.
    all.push(Box::new(File::text("/etc/sysctl.d/99-zz-forge.conf", text)));
    all.extend(wanted.into_iter().map(|(key, value)| Box::new(Sysctl { key, value }) as Box<dyn Resource>));
    Ok(all)
}

fn sysctls(cluster: &Cluster) -> BTreeMap<String, String> {
    let mut wanted: BTreeMap<String, String> =
        SYSCTLS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    if cluster.pod_subnet.addr().is_ipv6() {
        wanted.insert("net.ipv6.conf.all.forwarding".to_owned(), "1".to_owned());
    }
    for (key, value) in &cluster.security.sysctls {
        match value {
            Some(value) => drop(wanted.insert(key.clone(), value.clone())),
            None => drop(wanted.remove(key)),
        }
    }
    wanted
}
