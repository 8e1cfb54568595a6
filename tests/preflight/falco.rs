//! Kernels that Falco cannot watch.

use super::fixture::*;

#[test]
fn a_kernel_without_btf_is_found_before_anything_changes() {
    let expected = "error: w1 | the kernel of w1 has no BTF (/sys/kernel/btf/vmlinux), which Falco needs\n  \
                    next: boot the distribution's kernel on w1, or turn Falco off with addons.falco.enabled: false";
    bare().says("w1", "falco", "btf missing\nbounding 000001ffffffffff").finds(expected);
    joined().says("w1", "falco", "btf missing").finds(expected);
}

#[test]
fn a_container_that_may_not_raise_limits_is_found_too() {
    bare().says("w1", "falco", "bounding 000001fffeffffff").finds(
        "error: w1 | w1 may not raise limits (CAP_SYS_RESOURCE), which Falco does when it starts\n  \
         next: give the container that is w1 the capability, or turn Falco off with addons.falco.enabled: false",
    );
}

#[test]
fn without_falco_nobody_asks() {
    let answers = bare().says("w1", "falco", "btf missing").wants(|cluster| cluster.addons.falco = None);
    answers.finds_nothing();
    let probes = forge::phases::preflight::probes(&answers.cluster, &answers.cluster.hosts[0]);
    assert!(probes.iter().all(|probe| probe.key != "preflight falco"));
}
