//! Machines that will not do.

use forge::inventory::cluster::Cni;
use serde_json::json;

use super::fixture::*;

#[test]
fn bare_machines_are_fine() {
    bare().finds_nothing();
}

#[test]
fn nodes_are_fine() {
    joined().finds_nothing();
}

#[test]
fn all_that_is_wrong_is_told_at_once_by_host_in_the_order_of_the_inventory() {
    let answers = bare()
        .but("w1", "system", "kmsg there\n", "")
        .but("w2", "system", "kmsg there\n", "")
        .but("cp1", "system", "cpus 2", "cpus 1");
    let hosts: Vec<String> = answers.check().iter().map(|finding| finding.host.as_ref().unwrap().to_string()).collect();
    assert_eq!(hosts, ["cp1", "w2", "w1"]);
}

#[test]
fn each_unfit_machine_gives_its_finding() {
    let table = [
        (
            "\"12\"",
            "\"11\"",
            "error: cp1 | cp1 runs Debian GNU/Linux 12 (bookworm), which forge does not support\n  next: install Debian 12 or \
             13, or Ubuntu 22.04, 24.04 or 26.04 on cp1",
        ),
        (
            "amd64\ninit",
            "riscv64\ninit",
            "error: cp1 | cp1 has the architecture riscv64, which forge does not support\n  next: use an amd64 or arm64 machine \
             as cp1",
        ),
        (
            "init systemd",
            "init openrc-init",
            "error: cp1 | cp1 is not run by systemd: process 1 is openrc-init\n  next: use a machine or container that boots \
             systemd as cp1",
        ),
        (
            "6.1.0-40-amd64",
            "5.10.0-35-amd64",
            "error: cp1 | cp1 runs the kernel 5.10.0-35-amd64; 5.13 is the oldest that will do\n  next: boot a newer kernel on \
             cp1",
        ),
        (
            "kmsg there\n",
            "",
            "error: cp1 | cp1 has no /dev/kmsg, which the kubelet reads\n  next: give cp1 its /dev/kmsg; a container needs it \
             bound from outside",
        ),
        (
            "\nsysctls writable",
            "",
            "error: cp1 | cp1 does not let kernel parameters be set: /proc/sys is read-only\n  next: mount /proc/sys on cp1 \
             read-write; a container must be privileged",
        ),
        (
            "cpus 2",
            "cpus 1",
            "error: cp1 | cp1 has 1 CPU; a control plane needs 2\n  next: give cp1 a second CPU, or accept it with \
             kubeadm.ignorePreflightErrors: [NumCPU]",
        ),
        (
            "memory 1953",
            "memory 967",
            "error: cp1 | cp1 has 967 MiB of memory; a control plane needs 1700 MiB\n  next: give cp1 more memory, or accept it \
             with kubeadm.ignorePreflightErrors: [Mem]",
        ),
        (
            "cgroup2fs",
            "tmpfs",
            "error: cp1 | cp1 uses cgroup v1, which Kubernetes 1.36 refuses\n  next: boot cp1 with \
             systemd.unified_cgroup_hierarchy=1 on the kernel's command line, or accept it with \
             kubeadm.ignorePreflightErrors: [SystemVerification] and kubeadm.kubeletConfiguration.failCgroupV1: false",
        ),
    ];
    for (good, bad, expected) in table {
        bare().but("cp1", "system", good, bad).finds(expected);
    }
}

#[test]
fn a_worker_may_be_smaller() {
    bare().but("w1", "system", "cpus 2", "cpus 1").but("w1", "system", "memory 1953", "memory 967").finds_nothing();
    bare().but("w1", "system", "memory 1953", "memory 480").finds(
        "error: w1 | w1 has 480 MiB of memory; a worker needs 900 MiB\n  next: give w1 more memory, or accept it with \
         kubeadm.ignorePreflightErrors: [Mem]",
    );
}

#[test]
fn what_kubeadm_is_told_to_let_pass_is_a_warning() {
    let small = bare()
        .but("cp1", "system", "cpus 2", "cpus 1")
        .wants(|cluster| cluster.kubeadm.ignore_preflight_errors = vec!["numcpu".to_owned()]);
    small.finds("warning: cp1 | cp1 has 1 CPU; a control plane needs 2\n  next: give cp1 a second CPU");

    let old = |ignore: &str, fail: bool| {
        let ignore = ignore.to_owned();
        bare().but("w1", "system", "cgroup2fs", "tmpfs").wants(move |cluster| {
            cluster.kubeadm.ignore_preflight_errors = vec![ignore];
            cluster.kubeadm.kubelet_configuration.insert("failCgroupV1".to_owned(), json!(fail));
        })
    };
    assert!(old("SystemVerification", true).check()[0].fatal);
    assert!(old("Swap", false).check()[0].fatal);
    old("SystemVerification", false).finds(
        "warning: w1 | w1 uses cgroup v1, which Kubernetes will give up\n  next: boot w1 with \
         systemd.unified_cgroup_hierarchy=1 on the kernel's command line",
    );
}

#[test]
fn missing_programs_are_told_with_their_packages() {
    bare()
        .says("w1", "tools", "ip\nss\nsysctl")
        .finds("error: w1 | w1 lacks ip, ss, sysctl\n  next: on w1: sudo apt-get install iproute2 procps");
    // Of a system that forge does not know that alone is told.
    let strange =
        bare().but("w1", "system", "distribution debian", "distribution fedora").says("w1", "tools", "apt-get");
    assert_eq!(strange.says("w1", "source kubernetes", "").check().len(), 1);
}

#[test]
fn missing_modules_are_told_with_what_needs_them() {
    let lacks = |module: &str, purpose: &str| {
        format!(
            "error: w1 | w1 lacks the kernel module {module}, needed for {purpose}\n  next: boot the distribution's full kernel \
             on w1 (linux-image-generic or linux-image-amd64); it runs 6.1.0-40-amd64"
        )
    };
    let both = [lacks("br_netfilter", "services between pods of one host"), lacks("wireguard", "Calico's WireGuard")];
    bare().says("w1", "modules", "br_netfilter\nwireguard").finds(&both.join("\n"));
}

#[test]
fn what_calico_mounts_is_asked_for_only_when_calico_is_wanted() {
    let next = "\n  next: boot the distribution's kernel on w1 (CONFIG_BPF_SYSCALL); a container needs the machine's /sys/fs/bpf \
                bound from outside";
    for machines in [bare(), joined()] {
        let missing = machines.says("w1", "bpf", "missing\n");
        missing.finds(&format!("error: w1 | w1 has no /sys/fs/bpf, which Calico's pods mount{next}"));
        missing.wants(|cluster| cluster.cni = Cni::None).finds_nothing();
    }
    bare().says("w1", "bpf", "unknown\n").finds(&format!(
        "error: w1 | the kernel of w1 has no bpf file system, which Calico's pods mount at /sys/fs/bpf{next}"
    ));
}

#[test]
fn a_full_disk_is_refused() {
    bare().says("w1", "disk", "/ 6291456").finds_nothing();
    bare().says("w1", "disk", "/ 6291455").finds(
        "error: w1 | w1 has 6.0 GiB free on the disk that holds /var; it needs 6.0 GiB\n  next: make room on w1: sudo du -xh \
         -d 2 / | sort -h | tail",
    );
    bare().says("w1", "disk", "/var 0").finds(
        "error: w1 | w1 has 0 MiB free on the disk that holds /var; it needs 6.0 GiB\n  next: make room on w1: sudo du -xh -d \
         2 /var | sort -h | tail",
    );
    // A disk of its own for images.
    bare().says("w1", "disk", "/ 3000000\n/var/lib/containerd 90000000").finds_nothing();
    bare().says("w1", "disk", "/ 90000000\n/var/lib/containerd 1000000").finds(
        "error: w1 | w1 has 976 MiB free on the disk that holds /var/lib/containerd; it needs 4.0 GiB\n  next: make room on \
         w1: sudo du -xh -d 2 /var/lib/containerd | sort -h | tail",
    );
    joined().says("w1", "disk", "/ 1000000\n/ 1000000").finds_nothing();
    joined().says("w1", "disk", "/ 1000").finds(
        "error: w1 | w1 has 0 MiB free on the disk that holds /var; it needs 512 MiB\n  next: make room on w1: sudo du -xh -d \
         2 / | sort -h | tail",
    );
}

#[test]
fn the_clock_that_is_off_is_named() {
    bare().clock("cp1", 0.4).clock("w1", -0.5).finds_nothing();
    let off = |host: &str, how: &str| {
        format!(
            "the clock of {host} is {how} the other hosts'\n  next: on {host}: sudo timedatectl set-ntp true   (or start \
             chrony) and wait until the clock is right"
        )
    };
    bare().clock("w1", -61.0).finds(&format!("error: w1 | {}", off("w1", "61.0 s behind")));
    joined().clock("w1", 61.0).finds(&format!("warning: w1 | {}", off("w1", "61.0 s ahead of")));
    // Each within a second of the middle and yet too far from each other: the farthest is named.
    bare().clock("cp1", -0.6).clock("w1", 0.7).finds(&format!("error: w1 | {}", off("w1", "0.7 s ahead of")));
}

#[test]
fn an_operators_wrong_clock_is_a_warning() {
    bare().clock("cp1", 30.0).clock("w1", 30.2).clock("w2", 29.9).finds(
        "warning: all | this machine's clock is 30.0 s behind the hosts'\n  next: set this machine's clock: timedatectl \
         set-ntp true",
    );
}

#[test]
fn what_a_reboot_would_undo_is_a_warning() {
    bare().says("w1", "habits", "zram /dev/zram0").finds(
        "warning: w1 | w1 swaps to /dev/zram0, which comes back at its next boot and keeps the kubelet from starting\n  next: \
         on w1: sudo apt-get purge zram-tools systemd-zram-generator",
    );
}
