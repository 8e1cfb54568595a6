//! Preflight refuses with everything it found, before anything is changed.

use insta::assert_snapshot;

use crate::fake_host::FakeHost;
use crate::operator::Operator;

#[test]
fn all_findings_on_all_hosts_are_told_at_once() {
    let cp1 = FakeHost::cp1().says("preflight disk", "/ 1000000").says("preflight modules", "br_netfilter").start();
    let w1 = FakeHost::w1().says("preflight ports", "*:10250 users:((\"nginx\",pid=7,fd=6))").start();
    let operator = Operator::trusting(&[&cp1, &w1]);
    assert_snapshot!(operator.forge(&["up", "--yes"]).errors(), @r"
    exit 5
    error: cp1 lacks the kernel module br_netfilter, needed for services between pods of one host
      next:  boot the distribution's full kernel on cp1 (linux-image-generic or linux-image-amd64); it runs 6.1.0-40-amd64
    error: cp1 has 976 MiB free on the disk that holds /var; it needs 6.0 GiB
      next:  make room on cp1: sudo du -xh -d 2 / | sort -h | tail
    error: port 10250 on w1 is taken by nginx
      next:  on w1: sudo ss -ltnp 'sport = :10250'   shows it; stop it or move it to another port, or accept it with kubeadm.ignorePreflightErrors: [Port-10250]
    error: preflight refused: 3 findings above, nothing was changed
    ");
    assert!(cp1.changes().is_empty() && w1.changes().is_empty());
}

#[test]
fn a_repository_that_cannot_be_reached() {
    let said = "error Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)\n\
                error apt-get update did not succeed";
    let cp1 = FakeHost::cp1().says("preflight source kubernetes", said).start();
    assert_snapshot!(Operator::trusting(&[&cp1]).forge(&["up", "--yes"]).errors(), @r"
    exit 5
    error: cp1 cannot use the Kubernetes packages at http://127.0.0.1:9/v1.36
      cause: Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)
      next:  check sources.kubernetesPackages.url and what cp1 may reach; behind a proxy, set proxy
    error: preflight refused: 1 finding above, nothing was changed
    ");
    assert!(cp1.changes().is_empty());
}

#[test]
fn a_repository_that_somebody_else_signed() {
    let said = "error The following signatures couldn't be verified because the public key is not available: \
                NO_PUBKEY 234654DA9A296436\nerror apt-get update did not succeed";
    let cp1 = FakeHost::cp1().says("preflight source containerd", said).start();
    assert_snapshot!(Operator::trusting(&[&cp1]).forge(&["up", "--yes"]).errors(), @r"
    exit 5
    error: the containerd packages at http://127.0.0.1:9/containerd are not signed by the pinned key, says cp1
      cause: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 234654DA9A296436
      next:  check sources.containerdPackages.key against what the repository's owner publishes
    error: preflight refused: 1 finding above, nothing was changed
    ");
    assert!(cp1.changes().is_empty());
}

#[test]
fn a_version_that_no_repository_has() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::trusting(&[&cp1]).edit("\"1.36\"", "\"1.36.99\"");
    assert_snapshot!(operator.forge(&["up", "--yes"]).errors(), @r"
    exit 5
    error: the Kubernetes packages that cp1 is offered have no kubeadm 1.36.99
      cause: the newest kubeadm there: 1.36.3
      next:  set kubernetes to a version that is there, or sources.kubernetesPackages.url to a repository that has it
    error: preflight refused: 1 finding above, nothing was changed
    ");
    assert!(cp1.changes().is_empty());
}

#[test]
fn a_control_plane_of_another_cluster() {
    let of_another = "joined\nkubelet-server https://127.0.0.2:6443\nadmin-server https://api.other.example:6443\n\
                      admin-cluster other\ncontrol-plane\nca aaaa  -\napi-server 1.36.3\nkubeadm hi  1.36.3-1.1";
    let cp1 = FakeHost::cp1().says("preflight membership", of_another).start();
    assert_snapshot!(Operator::trusting(&[&cp1]).forge(&["up", "--yes"]).errors(), @r"
    exit 5
    error: cp1 belongs to another cluster
      cause: /etc/kubernetes/admin.conf: server: https://api.other.example:6443; the inventory's endpoint is https://api.prod.internal:6443
      next:  use the inventory of that cluster, or take cp1 out of it first: sudo kubeadm reset --force
    error: preflight refused: 1 finding above, nothing was changed
    ");
    assert!(cp1.changes().is_empty());
}
