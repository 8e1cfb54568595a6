//! What Falco's driver needs of a kernel: its BTF, and leave to lift the limit of locked memory.

use super::finding::Finding;
use super::seen::Seen;
use crate::host::facts::Probe;
use crate::inventory::Cluster;

const KEY: &str = "preflight falco";

/// `cap_sys_resource` in the bounding set that the first process leaves to all others (`linux/capability.h`).
const SYS_RESOURCE: u64 = 24;

/// Asked only when Falco shall run. Prints `btf missing`, and the bounding set.
pub(super) fn probe(cluster: &Cluster) -> Option<Probe> {
    cluster.addons.falco.as_ref()?;
    let shell = "[ -e /sys/kernel/btf/vmlinux ] || echo \"btf missing\"\nsed -n 's/^CapBnd:/bounding/p' /proc/1/status";
    Some(Probe::quick(KEY, shell))
}

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    if cluster.addons.falco.is_none() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for seen in hosts {
        let (name, answer) = (&seen.host.name, seen.observed.get(KEY));
        if answer.lines().any(|line| line == "btf missing") {
            findings.push(Finding::fatal(
                seen.host,
                format!("the kernel of {name} has no BTF (/sys/kernel/btf/vmlinux), which Falco needs"),
                format!("boot the distribution's kernel on {name}, or turn Falco off with addons.falco.enabled: false"),
            ));
        }
        let bounding =
            answer.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("bounding")?.trim(), 16).ok());
        if bounding.is_some_and(|set| set & (1 << SYS_RESOURCE) == 0) {
            findings.push(Finding::fatal(
                seen.host,
                format!("{name} may not raise limits (CAP_SYS_RESOURCE), which Falco does when it starts"),
                format!("give the container that is {name} the capability, or turn Falco off with addons.falco.enabled: false"),
            ));
        }
    }
    findings
}
