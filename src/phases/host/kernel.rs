//! Kernel modules and settings: what Kubernetes needs, what hardens, and what is never loaded.

use std::collections::BTreeMap;

use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::{File, Module, Sysctl};
use crate::inventory::cluster::{Cluster, Host};

const MODULES: &[&str] = &["overlay", "br_netfilter"];

const SYSCTLS: &[(&str, &str)] = &[
    // The container runtime's and kube-proxy's.
    ("net.ipv4.ip_forward", "1"),
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.bridge.bridge-nf-call-ip6tables", "1"),
    // What the kubelet insists on with `protectKernelDefaults` (`setupKernelTunables` in
    // `pkg/kubelet/cm/container_manager_linux.go`).
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
    ("kernel.keys.root_maxkeys", "1000000"),
    ("kernel.keys.root_maxbytes", "25000000"),
    // A node with many pods watches many files.
    ("fs.inotify.max_user_instances", "8192"),
    ("fs.inotify.max_user_watches", "524288"),
    // Links and pipes in folders like /tmp cannot lead a privileged program astray.
    ("fs.protected_fifos", "1"),
    ("fs.protected_hardlinks", "1"),
    ("fs.protected_regular", "2"),
    ("fs.protected_symlinks", "1"),
    // Memory of privileged programs stays off the disk, and addresses stay hard to guess.
    ("fs.suid_dumpable", "0"),
    ("kernel.core_uses_pid", "1"),
    ("kernel.dmesg_restrict", "1"),
    ("kernel.kptr_restrict", "1"),
    ("kernel.randomize_va_space", "2"),
    ("kernel.yama.ptrace_scope", "1"),
    ("vm.mmap_min_addr", "65536"),
    // Only root loads BPF, nobody another kernel or asks for it by keys.
    ("kernel.kexec_load_disabled", "1"),
    ("kernel.sysrq", "0"),
    ("kernel.unprivileged_bpf_disabled", "1"),
    // Nobody but the routing table says where packets go.
    ("net.ipv4.conf.all.accept_redirects", "0"),
    ("net.ipv4.conf.all.accept_source_route", "0"),
    ("net.ipv4.conf.all.secure_redirects", "0"),
    ("net.ipv4.conf.all.send_redirects", "0"),
    ("net.ipv4.conf.default.accept_redirects", "0"),
    ("net.ipv4.conf.default.accept_source_route", "0"),
    ("net.ipv4.conf.default.secure_redirects", "0"),
    ("net.ipv4.conf.default.send_redirects", "0"),
    ("net.ipv4.icmp_echo_ignore_broadcasts", "1"),
    ("net.ipv4.icmp_ignore_bogus_error_responses", "1"),
    ("net.ipv4.tcp_syncookies", "1"),
    ("net.ipv6.conf.all.accept_redirects", "0"),
    ("net.ipv6.conf.all.accept_source_route", "0"),
    ("net.ipv6.conf.default.accept_redirects", "0"),
    ("net.ipv6.conf.default.accept_source_route", "0"),
];

pub(super) fn resources(_: &Host, site: Site<'_>) -> Resources {
    let mut all: Vec<Box<dyn Resource>> = Vec::new();
    let modules: String = MODULES.iter().map(|module| format!("{module}\n")).collect();
    all.push(Box::new(File::text("/etc/modules-load.d/forge.conf", modules)));
    all.extend(MODULES.iter().map(|module| Box::new(Module((*module).to_owned())) as Box<dyn Resource>));
    let blocked = &site.cluster.security.host.blocked_modules;
    // `blacklist` only keeps a module from being loaded for hardware; `install` keeps it from being loaded at all.
    let lines: String =
        blocked.iter().map(|module| format!("install {module} /bin/false\nblacklist {module}\n")).collect();
    let path = "/etc/modprobe.d/forge.conf";
    all.push(Box::new(if lines.is_empty() { File::absent(path) } else { File::text(path, lines) }));
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
