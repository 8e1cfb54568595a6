//! Kernel modules that containers, services and the pod network need: there, built in, or loadable.

use super::finding::Finding;
use super::seen::{JOINED, Seen};
use crate::host::facts::Probe;
use crate::host::script::quote;
use crate::inventory::{Cluster, cluster::Cni};

const KEY: &str = "preflight modules";

/// Module, the kernel option that builds it, and what stops without it.
const ALWAYS: &[(&str, &str, &str)] = &[
    ("overlay", "OVERLAY_FS", "containers' file systems"),
    ("br_netfilter", "BRIDGE_NETFILTER", "services between pods of one host"),
    ("nf_conntrack", "NF_CONNTRACK", "services"),
    ("nf_tables", "NF_TABLES", "services and the firewall"),
];
const VXLAN: (&str, &str, &str) = ("vxlan", "VXLAN", "Calico's VXLAN");
const IPIP: (&str, &str, &str) = ("ipip", "NET_IPIP", "Calico's IPIP");
const WIREGUARD: (&str, &str, &str) = ("wireguard", "WIREGUARD", "Calico's WireGuard");

type Module = (&'static str, &'static str, &'static str);

fn for_network(cluster: &Cluster) -> Vec<Module> {
    let mut needed = Vec::new();
    if let Cni::Calico(calico) = &cluster.cni {
        needed.extend(calico.uses_vxlan().then_some(VXLAN));
        needed.extend(calico.uses_ipip().then_some(IPIP));
        needed.extend(calico.wireguard.then_some(WIREGUARD));
    }
    needed
}

/// Prints what is missing. A node has what every node needs, or it would be none; what the network needs is asked of it too,
/// because the inventory may ask for more than it did when the node joined. What is built in has a folder below `/sys/module` only when it has parameters, and a container
/// may lack the machine's `/lib/modules`: the kernel's own configuration then tells.
pub(super) fn probe(cluster: &Cluster) -> Probe {
    let pairs = |modules: &[Module]| {
        let pair = |(module, option, _): &Module| format!(" {}", quote(&format!("{module} {option}")));
        modules.iter().map(pair).collect::<String>()
    };
    let (always, network) = (pairs(ALWAYS), pairs(&for_network(cluster)));
    Probe::quick(
        KEY,
        format!(
            r#"set --{network}
{JOINED} || set -- "$@"{always}
[ $# -gt 0 ] || exit 0
kernel=$(uname -r)
printf '%s\n' "$@" | while read -r module option; do
  [ -d "/sys/module/$module" ] && continue
  grep -q "/$module.ko" "/lib/modules/$kernel/modules.builtin" && continue
  modprobe -n -q "$module" && continue
  {{ zcat /proc/config.gz || cat "/boot/config-$kernel"; }} | grep -q "^CONFIG_$option=y" && continue
  echo "$module"
done"#
        ),
    )
}

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in hosts {
        let missing: Vec<&str> = seen.observed.get(KEY).lines().collect();
        let needed = ALWAYS.iter().copied().chain(for_network(cluster));
        for (module, _, purpose) in needed.filter(|(module, ..)| missing.contains(module)) {
            let (name, kernel) = (&seen.host.name, &seen.facts.kernel);
            findings.push(Finding::fatal(
                seen.host,
                format!("{name} lacks the kernel module {module}, needed for {purpose}"),
                format!(
                    "boot the distribution's full kernel on {name} (linux-image-generic or linux-image-{}); it runs {kernel}",
                    seen.facts.architecture
                ),
            ));
        }
    }
    findings
}
