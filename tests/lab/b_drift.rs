//! What somebody changed by hand is named by `plan` and mended by `up`, and nothing else is touched.

use crate::support::*;

/// What is broken, and what the plan says of it.
const DRIFT: &[(&str, &str, &str)] = &[
    ("w1", "rm /etc/sysctl.d/99-zz-forge.conf", "w1: file /etc/sysctl.d/99-zz-forge.conf: create"),
    ("w1", "systemctl stop containerd", "w1: service containerd: start"),
    ("w1", "systemctl stop kubelet", "w1: service kubelet: start"),
    (
        "cp1",
        "chmod 644 /var/lib/kubelet/config.yaml",
        "cp1: modes of the kubelet's files: /var/lib/kubelet/config.yaml: 644 root:root → at most 600 root:root",
    ),
    ("cp1", "rm /etc/kubernetes/forge/audit-policy.yaml", "cp1: file /etc/kubernetes/forge/audit-policy.yaml: create"),
    ("cp1", "true", "cp1: kube-apiserver: restart, to read /etc/kubernetes/forge/audit-policy.yaml"),
    ("cp1", "apt-mark unhold kubelet", "cp1: packages kubernetes: hold kubelet"),
];

#[test]
fn b_1_drift_is_named_and_mended_alone() {
    for (host, command, _) in DRIFT {
        on(host, command);
    }
    let plan = plan();
    assert_eq!(plan.code, 10, "{}", plan.all());
    let mut planned = plan.planned();
    planned.retain(|line| !line.contains("namespace forge-verify"));
    let mut expected: Vec<&str> = DRIFT.iter().map(|(.., line)| *line).collect();
    expected.sort_unstable();
    planned.sort_unstable();
    assert_eq!(planned, expected);
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    assert_converged();
}
