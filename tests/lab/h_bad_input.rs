//! Bad input and bad luck on real hosts: a clear error, nothing changed or nothing lost, and the next good run converges.

use crate::support::*;

/// Refused by preflight with these words, on each of two bare hosts, and nothing was begun.
fn assert_refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 5, "{}", said.all());
    assert!(said.of("step-started").is_empty(), "{}", said.all());
    let found = said.found();
    for word in words {
        assert!(found.iter().any(|line| line.contains(word)), "{word}: {}", said.all());
    }
}

#[test]
fn h_1_preflight_refuses_before_anything_changes() {
    bare_hosts(1, 1);
    let before = plan().planned();
    let unreachable = Changed::by(&[(":8080/apt/kubernetes", ":8081/apt/kubernetes")]).up();
    assert_refused(
        &unreachable,
        &["cp1 cannot use the Kubernetes packages", "w1 cannot use the Kubernetes packages", "Connection refused"],
    );
    let wrong_key = Changed::by(&[("keys/kubernetes.asc", "keys/containerd.asc")]).up();
    assert_refused(&wrong_key, &["are not signed by the pinned key"]);
    let no_version = Changed::by(&[("kubernetes: \"1.36\"", "kubernetes: \"1.36.99\"")]).up();
    assert_refused(&no_version, &["have no kubeadm 1.36.99", "the newest kubeadm there: 1.36."]);
    on("w1", "mkdir -p /var/lib/containerd; mount -t tmpfs -o size=10m tmpfs /var/lib/containerd");
    assert_refused(&up(), &["w1", "/var/lib/containerd"]);
    on("w1", "umount /var/lib/containerd");
    assert_eq!(plan().planned(), before, "something was changed");
}

#[test]
fn h_2_an_image_that_cannot_be_pulled_is_named() {
    let said = Changed::by(&[("http://10.77.0.1:5000", "http://10.77.0.1:5001")]).up();
    assert_eq!(said.code, 1, "{}", said.all());
    let found = said.found();
    assert!(
        found.iter().any(|line| line.contains("cp1 cannot pull registry.k8s.io/kube-apiserver:v1.36.")),
        "{}",
        said.all()
    );
    assert!(found.iter().all(|line| line.contains("connection refused")), "{}", said.all());
}

#[test]
fn h_3_a_host_that_dies_during_a_step_is_told_of_and_loses_nothing() {
    // Bare again, so that power goes in the middle of the package manager's work.
    bare_hosts(1, 1);
    let said = std::thread::scope(|scope| {
        let run = scope.spawn(up);
        while !try_on(
            "w1",
            "systemctl is-active 'forge-changes-*' && [ -e /usr/bin/kubelet -o -d /var/lib/dpkg/tmp.ci ]",
        )
        .status
        .success()
        {
            assert!(!run.is_finished(), "it ended before the power could go");
        }
        power("w1", "kill");
        run.join().unwrap()
    });
    assert_eq!(said.code, 4, "{}", said.all());
    assert!(said.found().iter().any(|line| line.contains("the connection to w1 was lost during")), "{}", said.all());
    power("w1", "start");
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    assert_converged();
}

#[test]
fn h_4_a_control_plane_of_another_cluster_is_left_alone() {
    let said = Changed::by(&[("name: lab", "name: other")]).up();
    assert_refused(&said, &["cp1", "lab"]);
}

#[test]
fn h_5_a_network_whose_image_cannot_be_pulled_fails_within_a_minute_and_names_it() {
    with_bpf(&["cp1", "w1"]);
    let manifests = "provider: calico\n  version: \"3.99.0\"\n  manifests:\n    - {path: operator.yaml}\n#";
    let said = Changed::by(&[("provider: manifests\n  manifests:\n", manifests)]).with("operator.yaml", OPERATOR).up();
    assert_eq!(said.code, 1, "{}", said.all());
    let found = said.found();
    let words =
        ["the pod network does not come up", "tigera-operator/tigera-operator-", "10.77.0.1:5001/tigera/operator:v1"];
    for word in words {
        assert!(found.iter().any(|line| line.contains(word)), "{word}: {}", said.all());
    }
    let step = said.of("step-finished").into_iter().find(|event| event["step"] == "pod-network").unwrap();
    // Not how fast it is, but that it does not wait for a time-out of minutes.
    assert!(step["elapsedMs"].as_u64().unwrap() < 60_000, "{}", said.all());
}

/// The shape of Calico's operator: a namespace, the definition that the installation needs, and the Deployment.
const OPERATOR: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: tigera-operator, labels: {pod-security.kubernetes.io/enforce: privileged}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: installations.operator.tigera.io}
spec:
  group: operator.tigera.io
  scope: Cluster
  names: {kind: Installation, plural: installations, singular: installation, listKind: InstallationList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: tigera-operator, namespace: tigera-operator}
spec:
  selector: {matchLabels: {name: tigera-operator}}
  template:
    metadata: {labels: {name: tigera-operator}}
    spec:
      containers:
      - {name: tigera-operator, image: "10.77.0.1:5001/tigera/operator:v1"}
"#;
