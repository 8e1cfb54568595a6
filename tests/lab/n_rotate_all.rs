//! The crash matrix of `rotate encryption-key`, which takes longer than a regular run should: run by
//! `cargo test --features lab --test lab n_all -- --ignored --test-threads=1`.

use std::collections::BTreeSet;

use crate::rotation::*;
use crate::support::*;

/// Every step dies once, on three control planes.
#[test]
#[ignore = "takes half an hour: every step waits for API servers that look once a minute"]
fn n_all_1_every_step_survives_being_killed_at() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let written = Written::new("walked", 200);
    let somebody = Somebody::begins();
    let mut died: BTreeSet<StepName> = BTreeSet::new();
    loop {
        let watched = until_event(rotation(&[], folder.path()), "step-started", |step| !died.contains(step));
        println!("killed at {:?}", watched.killed);
        written.assert_readable(&control_planes());
        if watched.killed.is_empty() {
            break;
        }
        died.extend(watched.killed);
    }
    assert_eq!(died.len(), 10, "three stages on three control planes, and the rewriting: {died:?}");
    somebody.ends();
    assert_at_rest();
    assert_eq!(prefixes(), writers()[0]);
}

/// Keeps each list of keys that cp3 gets, by its number.
fn keep_lists() {
    on(
        "cp3",
        "systemctl stop lists 2>/dev/null; rm -rf /root/lists; mkdir /root/lists; systemd-run --quiet --collect --unit=lists --property=TimeoutStopSec=2 sh -c '\
         before=; n=0; while :; do now=$(sha256sum /etc/kubernetes/forge/encryption/config.yaml); \
         if [ \"$now\" != \"$before\" ]; then before=$now; n=$((n + 1)); \
         cp -a /etc/kubernetes/forge/encryption/config.yaml /root/lists/$n; fi; sleep 0.2; done'",
    );
}

/// Gives cp3 the list back that it had before its last one, and waits until its API server has loaded it. The journal is
/// written before the list, so it stays.
fn put_back_the_list_before((name, address): &(String, String)) {
    wait_for_lock(name);
    let sum = on(
        name,
        "set -e; systemctl stop lists; before=$(($(ls /root/lists | wc -l) - 1)); \
         cd /etc/kubernetes/forge/encryption; cp -a /root/lists/$before old; mv old config.yaml; sha256sum <config.yaml",
    );
    let sum = sum.split_whitespace().next().unwrap();
    let loaded = format!(
        "kubectl --kubeconfig=/etc/kubernetes/admin.conf --server=https://{address}:6443 get --raw /metrics | grep -F 'sha256:{sum}'"
    );
    wait_until("the list before is loaded", || try_on(name, &loaded).status.success());
}

#[test]
#[ignore = "takes a quarter of an hour"]
fn n_all_2_providers_change_and_encryption_goes_off_and_on() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let written = Written::new("changed", 200);
    for (provider, expected) in [("aescbc", "aescbc key-"), ("identity", "identity"), ("secretbox", "secretbox key-")] {
        keep_lists();
        until_event(rotation(&["--provider", provider], folder.path()), "step-started", |(_, name)| {
            name == "encryption-rewrite"
        });
        let servers = control_planes();
        written.assert_readable(&servers);
        // All three are told at once: two of three is what is left when the third is put back to what it had.
        put_back_the_list_before(&servers[2]);
        let between = writers();
        assert_eq!(between[0], between[1]);
        assert_ne!(between[0], between[2]);
        written.assert_readable(&servers);
        let said = rotate(&["--provider", provider], folder.path());
        assert_eq!(said.code, 0, "{}", said.all());
        written.assert_readable(&control_planes());
        assert_at_rest();
        let writers = writers();
        assert!(writers.iter().all(|writer| writer.starts_with(expected)), "{writers:?}");
        assert_eq!(prefixes(), if provider == "identity" { "plaintext" } else { writers[0].as_str() });
    }
    assert_converged();
}

/// A policy that forbids changes of a secret keeps it under the old key, and thereby the old key.
#[test]
#[ignore = "takes four minutes"]
fn n_all_3_a_straggler_is_named_and_keeps_the_old_key() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let written = Written::new("straggling", 20);
    let policy = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: frozen}\nspec:\n  \
        matchConstraints: {resourceRules: [{apiGroups: [\"\"], apiVersions: [v1], operations: [UPDATE], resources: [secrets]}]}\n  \
        validations: [{expression: \"object.metadata.name != 's-7' || object.metadata.namespace != 'straggling'\"}]\n---\n\
        apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: frozen}\n\
        spec: {policyName: frozen, validationActions: [Deny]}\n";
    on("cp1", &format!("kubectl --kubeconfig=/etc/kubernetes/admin.conf apply -f - <<'EOT'\n{policy}EOT\nsleep 5"));
    let stopped = rotate(&[], folder.path());
    assert_eq!(stopped.code, 1, "{}", stopped.all());
    assert!(stopped.found().iter().any(|line| line.contains("/registry/secrets/straggling/s-7")), "{}", stopped.all());
    written.assert_readable(&control_planes());
    assert_eq!(keys_on("cp1").len(), 2);
    kubectl("delete validatingadmissionpolicy,validatingadmissionpolicybinding frozen");
    let said = rotate(&[], folder.path());
    assert_eq!(said.code, 0, "{}", said.all());
    written.assert_readable(&control_planes());
    assert_at_rest();
}

/// cp3 is cut off by a firewall while it should load the key that writes, and comes back.
#[test]
#[ignore = "takes six minutes"]
fn n_all_4_a_control_plane_that_is_cut_off_stops_it_and_loses_nothing() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let written = Written::new("cut-off", 20);
    let servers = control_planes();
    until_event(rotation(&[], folder.path()), "step-started", |(host, name)| {
        host == "cp3" && name == "encryption-promote"
    });
    cut_off("cp3", 90);
    let stopped = rotate(&[], folder.path());
    assert_eq!(stopped.code, 4, "{}", stopped.all());
    written.assert_readable(&servers[..2]);
    wait_until_reached("cp3");
    written.assert_readable(&servers);
    let said = rotate(&[], folder.path());
    assert_eq!(said.code, 0, "{}", said.all());
    written.assert_readable(&servers);
    assert_at_rest();
}

#[test]
#[ignore = "takes six minutes"]
fn n_all_5_etcds_leader_and_a_hosts_power_may_go() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let written = Written::new("powerless", 500);
    let servers = control_planes();
    until_event(rotation(&[], folder.path()), "step-started", |(_, name)| name == "encryption-rewrite");
    let name = stop_etcds_leader();
    let said = rotate(&[], folder.path());
    println!("etcd's leader {name} was stopped while everything was rewritten: exit {}", said.code);
    wait_for_api_server(&name);
    written.assert_readable(&servers);
    let said = rotate(&[], folder.path());
    assert_eq!(said.code, 0, "{}", said.all());
    written.assert_readable(&servers);

    until_event(rotation(&[], folder.path()), "step-started", |(host, name)| {
        host == "cp3" && name == "encryption-promote"
    });
    power("cp3", "kill");
    written.assert_readable(&servers[..2]);
    assert_eq!(rotate(&[], folder.path()).code, 4);
    power("cp3", "start");
    wait_for_api_server("cp3");
    written.assert_readable(&servers);
    let said = rotate(&[], folder.path());
    assert_eq!(said.code, 0, "{}", said.all());
    written.assert_readable(&servers);
    assert_at_rest();
}

#[test]
#[ignore = "makes hosts of its own"]
fn n_all_6_a_single_control_plane_rotates_with_secrets_of_several_pages() {
    bare_hosts(1, 1);
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    let folder = tempfile::tempdir().unwrap();
    let written = Written::new("paged", 3000);
    let said = rotate(&[], folder.path());
    assert_eq!(said.code, 0, "{}", said.all());
    written.assert_readable(&control_planes());
    assert_at_rest();
    assert_converged();
}
