//! The machine itself: its operating system, kernel, size and what the kubelet needs of it.

use super::finding::{Finding, ignored};
use super::seen::Seen;
use crate::host::facts::{Observed, Probe};
use crate::inventory::{Cluster, Host};

const KEY: &str = "preflight system";

/// What a machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// `debian`, `ubuntu`, …: os-release's `ID`.
    pub distribution: String,
    /// `12`, `24.04`: os-release's `VERSION_ID`.
    pub release: String,
    /// `bookworm`, `noble`: os-release's `VERSION_CODENAME`.
    pub codename: String,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub pretty_name: String,
    /// `6.1.0-40-amd64`.
    pub kernel: String,
    /// As Debian names it: `amd64`.
    pub architecture: String,
    /// The name of process 1.
    pub init: String,
    /// CPUs that may be used; `None` when the host did not say.
    pub cpus: Option<u32>,
    /// Memory in MiB; `None` when the host did not say.
    pub memory: Option<u64>,
    /// The name that the host gives itself.
    pub hostname: String,
    /// Empty when it has none.
    pub machine_id: String,
    /// Whether the unified hierarchy (cgroup v2) is mounted.
    pub cgroup_v2: bool,
    /// Whether `/dev/kmsg` is there.
    pub kmsg: bool,
    /// Whether sysctls can be set.
    pub sysctls_writable: bool,
}

pub(super) fn probe() -> Probe {
    Probe::quick(
        KEY,
        r#"sed -n 's/^ID=/distribution /p; s/^VERSION_ID=/release /p; s/^VERSION_CODENAME=/codename /p; s/^PRETTY_NAME=/pretty-name /p' /etc/os-release
echo "kernel $(uname -r)"
echo "architecture $(dpkg --print-architecture || uname -m)"
echo "init $(cat /proc/1/comm)"
echo "cpus $(nproc)"
awk '$1 == "MemTotal:" {print "memory " int($2 / 1024)}' /proc/meminfo
echo "hostname $(uname -n)"
echo "machine-id $(cat /etc/machine-id)"
echo "cgroup $(stat -f -c %T /sys/fs/cgroup)"
[ -e /dev/kmsg ] && echo "kmsg there"
[ -w /proc/sys/net/ipv4/ip_forward ] && echo "sysctls writable""#,
    )
}

/// The machine as its answer describes it.
pub fn host_facts(observed: &Observed) -> HostFacts {
    let mut facts = HostFacts::default();
    for (word, rest) in observed.get(KEY).lines().filter_map(|line| line.split_once(' ')) {
        let text = rest.trim().trim_matches(['"', '\'']).to_owned();
        match word {
            "distribution" => facts.distribution = text,
            "release" => facts.release = text,
            "codename" => facts.codename = text,
            "pretty-name" => facts.pretty_name = text,
            "kernel" => facts.kernel = text,
            "architecture" => facts.architecture = text,
            "init" => facts.init = text,
            "cpus" => facts.cpus = text.parse().ok(),
            "memory" => facts.memory = text.parse().ok(),
            "hostname" => facts.hostname = text,
            "machine-id" => facts.machine_id = text,
            "cgroup" => facts.cgroup_v2 = text == "cgroup2fs",
            "kmsg" => facts.kmsg = true,
            "sysctls" => facts.sysctls_writable = true,
            _ => {}
        }
    }
    facts
}

impl HostFacts {
    /// Whether forge knows this operating system.
    pub(super) fn supported(&self) -> bool {
        let releases: &[&str] = match self.distribution.as_str() {
            "debian" => &["12", "13"],
            "ubuntu" => &["22.04", "24.04", "26.04"],
            _ => &[],
        };
        releases.contains(&self.release.as_str())
    }
}

/// kube-proxy's nftables mode needs it, and so do eBPF programs that are compiled once.
const KERNEL: (u32, u32) = (5, 13);

/// kubeadm's own floor for a control plane, in MiB.
const MEMORY_CONTROL_PLANE: u64 = 1700;

/// A kubelet, containerd, kube-proxy and a pod network, in MiB. A machine sold with 1 GiB has a little less.
const MEMORY_WORKER: u64 = 900;

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in hosts {
        findings.extend(platform(seen.host, &seen.facts));
        if seen.is_bare() {
            findings.extend(kernel(seen.host, &seen.facts));
            findings.extend(size(cluster, seen.host, &seen.facts));
            findings.extend(cgroup(cluster, seen.host, &seen.facts));
        }
    }
    findings
}

fn platform(host: &Host, facts: &HostFacts) -> Vec<Finding> {
    let name = &host.name;
    let mut findings = Vec::new();
    if !facts.supported() {
        let told = [&facts.pretty_name, &facts.distribution].into_iter().find(|told| !told.is_empty());
        let runs = told.map_or("an unknown operating system", String::as_str);
        findings.push(Finding::fatal(
            host,
            format!("{name} runs {runs}, which forge does not support"),
            format!("install Debian 12 or 13, or Ubuntu 22.04, 24.04 or 26.04 on {name}"),
        ));
    }
    if !matches!(facts.architecture.as_str(), "amd64" | "arm64") {
        findings.push(Finding::fatal(
            host,
            format!("{name} has the architecture {}, which forge does not support", facts.architecture),
            format!("use an amd64 or arm64 machine as {name}"),
        ));
    }
    if facts.init != "systemd" {
        findings.push(Finding::fatal(
            host,
            format!("{name} is not run by systemd: process 1 is {}", facts.init),
            format!("use a machine or container that boots systemd as {name}"),
        ));
    }
    findings
}

fn kernel(host: &Host, facts: &HostFacts) -> Vec<Finding> {
    let name = &host.name;
    let mut findings = Vec::new();
    let mut numbers = facts.kernel.split(['.', '-']).map(str::parse::<u32>);
    let version = (numbers.next(), numbers.next());
    if let (Some(Ok(major)), Some(Ok(minor))) = version
        && (major, minor) < KERNEL
    {
        findings.push(Finding::fatal(
            host,
            format!("{name} runs the kernel {}; {}.{} is the oldest that will do", facts.kernel, KERNEL.0, KERNEL.1),
            format!("boot a newer kernel on {name}"),
        ));
    }
    if !facts.kmsg {
        findings.push(Finding::fatal(
            host,
            format!("{name} has no /dev/kmsg, which the kubelet reads"),
            format!("give {name} its /dev/kmsg; a container needs it bound from outside"),
        ));
    }
    if !facts.sysctls_writable {
        findings.push(Finding::fatal(
            host,
            format!("{name} does not let kernel parameters be set: /proc/sys is read-only"),
            format!("mount /proc/sys on {name} read-write; a container must be privileged"),
        ));
    }
    findings
}

fn size(cluster: &Cluster, host: &Host, facts: &HostFacts) -> Vec<Finding> {
    let name = &host.name;
    let mut findings = Vec::new();
    if let Some(cpus) = facts.cpus
        && host.is_control_plane()
        && cpus < 2
    {
        let what = format!("{name} has {cpus} CPU; a control plane needs 2");
        let finding = Finding::fatal(host, what, format!("give {name} a second CPU"));
        findings.push(finding.unless_ignored(cluster, "NumCPU"));
    }
    let (needed, role) = match host.is_control_plane() {
        true => (MEMORY_CONTROL_PLANE, "control plane"),
        false => (MEMORY_WORKER, "worker"),
    };
    if let Some(memory) = facts.memory
        && memory < needed
    {
        let what = format!("{name} has {memory} MiB of memory; a {role} needs {needed} MiB");
        let finding = Finding::fatal(host, what, format!("give {name} more memory"));
        findings.push(finding.unless_ignored(cluster, "Mem"));
    }
    findings
}

/// From 1.35 on both kubeadm and the kubelet refuse cgroup v1 unless each of them is told otherwise.
fn cgroup(cluster: &Cluster, host: &Host, facts: &HostFacts) -> Option<Finding> {
    let name = &host.name;
    let kubelet_accepts = cluster.kubeadm.kubelet_configuration.get("failCgroupV1") == Some(&false.into());
    let accepted = kubelet_accepts && ignored(cluster, "SystemVerification");
    let what = format!("{name} uses cgroup v1, which Kubernetes {} refuses", cluster.kubernetes);
    match (facts.cgroup_v2, accepted) {
        (true, _) => None,
        (false, true) => Some(Finding::warning(
            host,
            format!("{name} uses cgroup v1, which Kubernetes will give up"),
            format!("boot {name} with systemd.unified_cgroup_hierarchy=1 on the kernel's command line"),
        )),
        (false, false) => Some(Finding::fatal(
            host,
            what,
            format!(
                "boot {name} with systemd.unified_cgroup_hierarchy=1 on the kernel's command line, or accept it with \
                 kubeadm.ignorePreflightErrors: [SystemVerification] and kubeadm.kubeletConfiguration.failCgroupV1: false"
            ),
        )),
    }
}
