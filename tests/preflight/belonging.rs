//! Hosts of other clusters, whole or in pieces.

use super::fixture::*;

#[test]
fn another_kubernetes_is_refused() {
    bare().says("w1", "membership", "service k3s-agent.service").finds(
        "error: w1 | another Kubernetes is installed on w1\n  cause: k3s-agent.service\n  next: remove it from w1, or take w1 out \
         of the inventory",
    );
}

#[test]
fn pieces_of_another_cluster_are_refused() {
    let pieces = "leftover /etc/kubernetes/manifests/etcd.yaml\nleftover /var/lib/etcd/member";
    bare().says("cp1", "membership", pieces).finds(
        "error: cp1 | cp1 holds pieces of another cluster\n  cause: /etc/kubernetes/manifests/etcd.yaml, /var/lib/etcd/member\n  \
         next: if nothing there is needed any more, on cp1: sudo kubeadm reset --force",
    );
}

#[test]
fn pieces_of_our_own_interrupted_run_are_not() {
    bare().says("cp1", "membership", "interrupted\nleftover /etc/kubernetes/manifests/etcd.yaml").finds_nothing();
    joined().says("cp1", "membership", "joined\ninterrupted\nkubelet-server x\nkubeadm ii  1.36.5-1").finds_nothing();
}

fn elsewhere(host: &str, cause: &str) -> String {
    format!(
        "error: {host} | {host} belongs to another cluster\n  cause: {cause}\n  next: use the inventory of that cluster, or take \
         {host} out of it first: sudo kubeadm reset --force"
    )
}

#[test]
fn a_control_plane_of_another_cluster_is_refused() {
    let other = |old, new| joined().but("cp1", "membership", old, new);
    let endpoint = "; the inventory's endpoint is https://api.prod.example:6443";
    other("admin-server https://api.prod.example:6443", "admin-server https://api.other.example:6443").finds(
        &elsewhere("cp1", &format!("/etc/kubernetes/admin.conf: server: https://api.other.example:6443{endpoint}")),
    );
    other("kubelet-server https://192.0.2.11:6443", "kubelet-server https://192.0.2.99:6443")
        .finds(&elsewhere("cp1", &format!("/etc/kubernetes/kubelet.conf: server: https://192.0.2.99:6443{endpoint}")));
    other("admin-cluster prod", "admin-cluster kubernetes").finds(&elsewhere(
        "cp1",
        "/etc/kubernetes/admin.conf: the cluster is called kubernetes; the inventory's is prod",
    ));
    other("kubelet-server https://192.0.2.11:6443", "kubelet-server https://api.prod.example:6443").finds_nothing();
}

#[test]
fn a_worker_of_another_cluster_is_refused() {
    let stray = joined().but("w1", "membership", "api.prod.example", "192.0.2.21");
    stray.finds(&elsewhere(
        "w1",
        "/etc/kubernetes/kubelet.conf: server: https://192.0.2.21:6443; the inventory's endpoint is \
         https://api.prod.example:6443",
    ));
}

#[test]
fn while_authorities_are_rotated_nobody_joins_and_nodes_have_to_be_equally_far() {
    let rotating = || joined().but("cp1", "membership", "control-plane", "control-plane\nrotating");
    let finding = |kind: &str, cause: &str| {
        format!(
            "{kind}: all | a rotation of the authorities was begun and is not finished\n  cause: {cause}\n  \
             next: forge certs rotate-ca INVENTORY"
        )
    };
    rotating().finds(&finding("warning", "all nodes are at the same stage"));
    rotating()
        .but("w1", "membership", "ca aaaa", "ca bbbb")
        .finds(&finding("error", "/etc/kubernetes/pki/ca.crt is not the same on all nodes yet"));
    let found: Vec<String> = rotating().says("w1", "membership", "").check().iter().map(words).collect();
    assert!(found.contains(&finding("error", "w1 cannot join before it is")), "{found:?}");
}

#[test]
fn hosts_that_trust_different_authorities_are_refused() {
    joined().but("w1", "membership", "ca aaaa", "ca bbbb").finds(
        "error: w1 | w1 and cp1 belong to different clusters: their CA certificates differ\n  cause: SHA-256 of \
         /etc/kubernetes/pki/ca.crt: w1 bbbb, cp1 aaaa\n  next: take w1 out of the inventory, or out of its cluster: sudo \
         kubeadm reset --force",
    );
}

#[test]
fn a_node_cannot_change_its_role() {
    joined().but("cp1", "membership", "control-plane\n", "").but("cp1", "membership", "192.0.2.11", "api.prod.example").finds(
        "error: cp1 | cp1 is a worker of this cluster and the inventory makes it a control plane\n  next: give cp1 its role \
         back, or remove the node and kubeadm reset it before it joins anew",
    );
    joined().says("w1", "membership", &format!("{WORKER}\ncontrol-plane")).finds(
        "error: w1 | w1 is a control plane of this cluster and the inventory makes it a worker\n  next: give w1 its role back, \
         or remove the node and kubeadm reset it before it joins anew",
    );
}

#[test]
fn workers_without_their_control_planes_are_refused() {
    let fresh = bare().says("w1", "membership", WORKER);
    fresh.finds(
        "error: w1 | w1 is a node of a cluster that no control plane of the inventory runs\n  next: restore a control plane, or \
         give w1 up as a node: on w1: sudo kubeadm reset --force",
    );
    // A control plane that did not answer may well be one.
    let mut answers = bare().says("w1", "membership", WORKER);
    answers.seen.remove(&answers.cluster.hosts[0].name);
    answers.finds_nothing();
}
