//! The audit daemon watches who changes accounts, sudo, sshd, Kubernetes and the kernel. What processes do inside of pods is
//! not its business: a rule per process start would drown everything else.

use super::machine::Machine;
use super::{Resources, Site};
use crate::host::resource::{AuditRules, File};
use crate::inventory::cluster::Host;

const RULES: &str = "/etc/audit/rules.d/50-forge.rules";

/// Of the rules' keys.
const PREFIX: &str = "forge-";

/// Path and key.
const WATCHES: &[(&str, &str)] = &[
    ("/etc/cni/net.d/", "cni"),
    ("/etc/containerd/", "containerd"),
    ("/etc/forge/", "forge"),
    ("/etc/group", "identity"),
    ("/etc/kubernetes/", "kubernetes"),
    ("/etc/modprobe.d/", "modules"),
    ("/etc/passwd", "identity"),
    ("/etc/shadow", "identity"),
    ("/etc/ssh/", "sshd"),
    ("/etc/sudoers", "sudo"),
    ("/etc/sudoers.d/", "sudo"),
    ("/etc/sysctl.d/", "sysctl"),
    ("/etc/systemd/system/", "units"),
    ("/usr/bin/containerd", "containerd"),
    ("/usr/bin/kubeadm", "kubernetes"),
    ("/usr/bin/kubelet", "kubernetes"),
    ("/var/lib/kubelet/config.yaml", "kubernetes"),
];

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    let machine = Machine::of(site.facts.hosts.get(&host.name));
    if !site.cluster.security.host.auditd || machine.is_container {
        return Ok(vec![Box::new(File::absent(RULES))]);
    }
    // A rule that cannot be loaded, because what it watches is not there, does not stop the others.
    let mut text = String::from("# Written by forge.\n-i\n");
    for (path, key) in WATCHES {
        text.push_str(&format!("-w {path} -p wa -k {PREFIX}{key}\n"));
    }
    text.push_str(&format!(
        "-a always,exit -F arch=b64 -S init_module,finit_module,delete_module -k {PREFIX}modules\n"
    ));
    Ok(vec![Box::new(File::text(RULES, text).mode(0o640)), Box::new(AuditRules { file: RULES, prefix: PREFIX })])
}
