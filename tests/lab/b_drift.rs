//! What was changed by hand is named by `plan` and restored by `up`, and nothing else is touched.

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

/// `kubectl delete node` by mistake: the hosts still run their kubelets, which never register again by themselves.
#[test]
fn b_2_deleted_nodes_are_named_and_come_back() {
    kubectl("delete node w1 cp1");
    let plan = plan();
    assert_eq!(plan.code, 10, "{}", plan.all());
    for node in ["cp1", "w1"] {
        assert!(plan.planned().iter().any(|line| line.contains(&format!("node {node}: the cluster no longer has it"))));
    }
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    let roles = "get node cp1 -o jsonpath={.metadata.labels}{.spec.taints}";
    assert_eq!(kubectl(roles).matches("node-role.kubernetes.io/control-plane").count(), 2, "its label and its taint");
    assert_converged();
}
