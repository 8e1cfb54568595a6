//! Machines that go away in the middle, and steps that fail.

use insta::assert_snapshot;

use crate::fake_host::FakeHost;
use crate::operator::Operator;

#[test]
fn a_host_that_is_lost_before_it_answers() {
    let (cp1, w1) = (FakeHost::cp1().start(), FakeHost::w1().but(|server| server.cuts_at("head -c")).start());
    let outcome = Operator::trusting(&[&cp1, &w1]).forge(&["up", "--yes"]);
    assert_snapshot!(outcome.errors(), @r"
    exit 4
    error: the connection to w1 is lost
      cause: the host closed the connection
      next:  run the same command again: it goes on where this run was cut off
    ");
    assert!(cp1.changes().is_empty());
}

#[test]
fn a_host_that_is_lost_while_it_answers() {
    let (cp1, w1) = (FakeHost::cp1().start(), FakeHost::w1().loses_network_at("preflight system").start());
    let outcome = Operator::trusting(&[&cp1, &w1]).forge(&["up", "--yes"]);
    assert_snapshot!(outcome.errors(), @r"
    exit 4
    error: the connection to w1 was lost
      cause: the host closed the connection
      next:  run the same command again: it goes on where this run was cut off
    ");
    assert!(cp1.changes().is_empty());
}

#[test]
fn a_host_that_is_lost_during_a_step() {
    let (cp1, w1) = (FakeHost::cp1().obedient().start(), FakeHost::w1().loses_network_at("hostnamectl").start());
    let outcome = Operator::trusting(&[&cp1, &w1]).in_order().forge(&["up", "--yes"]);
    assert_snapshot!(outcome.errors(), @r"
    exit 4
    error: the connection to w1 was lost during: hostname
      cause: the machine stopped answering; what it was doing goes on there if it lives
      next:  run the same command again: it waits for what still runs and goes on from there
    ");
}

#[test]
fn what_needs_a_lost_host_is_not_begun_and_everything_else_goes_on() {
    let (cp1, w1) = (FakeHost::cp1().obedient().start(), FakeHost::w1().loses_network_at("hostnamectl").start());
    let outcome = Operator::trusting(&[&cp1, &w1]).in_order().forge(&["up", "--yes", "--json"]);
    let mut steps = outcome.steps();
    steps.sort();
    assert_snapshot!(steps.join("\n"), @r"
    cp1 auditd: done
    cp1 cloud-init: done
    cp1 container-runtime: done
    cp1 control-plane-files: done
    cp1 core-dumps: done
    cp1 etcd-user: done
    cp1 hostname: done
    cp1 hosts-file: done
    cp1 images: done
    cp1 kernel: done
    cp1 kubeadm-init: done
    cp1 kubelet: done
    cp1 kubernetes-files: done
    cp1 leftovers: done
    cp1 package-sources: done
    cp1 packages: done
    cp1 policies: done
    cp1 services: done
    cp1 serving-certificate: done
    cp1 updates: done
    cp1 verify: skipped (hostname on w1 did not end well)
    w1 auditd: skipped (hostname on w1 did not end well)
    w1 cloud-init: skipped (hostname on w1 did not end well)
    w1 container-runtime: skipped (hostname on w1 did not end well)
    w1 core-dumps: skipped (hostname on w1 did not end well)
    w1 hostname: failed
    w1 hosts-file: skipped (hostname on w1 did not end well)
    w1 images: skipped (hostname on w1 did not end well)
    w1 kernel: skipped (hostname on w1 did not end well)
    w1 kubeadm-join: skipped (hostname on w1 did not end well)
    w1 kubelet: skipped (hostname on w1 did not end well)
    w1 kubernetes-files: skipped (hostname on w1 did not end well)
    w1 package-sources: skipped (hostname on w1 did not end well)
    w1 packages: skipped (hostname on w1 did not end well)
    w1 services: skipped (hostname on w1 did not end well)
    w1 serving-certificate: skipped (hostname on w1 did not end well)
    w1 updates: skipped (hostname on w1 did not end well)
    ");
}

#[test]
fn a_step_that_fails_says_why_in_the_words_of_its_program() {
    let cp1 = FakeHost::cp1().obedient().fails("apt-get -qq install", "E: Version '1.36.3-*' was not found").start();
    assert_snapshot!(Operator::trusting(&[&cp1]).forge(&["up", "--yes"]).errors(), @r"
    exit 1
    error: cp1: containerd, Kubernetes and system packages failed
      cause: E: Version '1.36.3-*' was not found
      next:  mend the cause and run the same command again; what is done stays done
    ");
}

#[test]
fn an_image_that_cannot_be_pulled_is_named() {
    let output = "registry.example/kube-apiserver:v1.36.3\nctr: failed to resolve reference: not found";
    let cp1 = FakeHost::cp1().obedient().fails("images pull", output).start();
    assert_snapshot!(Operator::trusting(&[&cp1]).forge(&["up", "--yes"]).errors(), @r"
    exit 1
    error: cp1 cannot pull registry.example/kube-apiserver:v1.36.3
      cause: ctr: failed to resolve reference: not found
      next:  check the registry, or name a mirror that has it under sources.registries
    ");
}
