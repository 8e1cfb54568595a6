//! Three control planes and a worker, and a worker that comes later.

use crate::support::*;

#[test]
fn j_1_three_control_planes_and_a_worker() {
    bare_hosts(3, 1);
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    let nodes = kubectl("get nodes --no-headers");
    assert_eq!(nodes.lines().filter(|line| line.contains(" Ready ")).count(), 4, "{nodes}");
    let members = said.of("evidence").into_iter().find(|row| text(&row["check"]).starts_with("etcd members")).unwrap();
    assert_eq!(members["found"], "3 of 3");
    assert_converged();
}

#[test]
fn j_2_all_control_planes_have_the_same_encryption_key() {
    let sums: Vec<String> =
        CONTROL_PLANES.iter().map(|host| on(host, "sha256sum /etc/kubernetes/forge/encryption/config.yaml")).collect();
    assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
}
