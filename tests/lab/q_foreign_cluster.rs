//! `forge audit` of a cluster that forge did not build: everything is judged, nothing is touched.

use std::process::Command;

use crate::support::*;

/// What plain kubeadm on a plain machine is known for, and what it does well.
const FAILS: [&str; 8] = [
    "CIS-1.2.1",
    "CIS-1.2.16",
    "CIS-1.2.27",
    "CIS-4.2.9",
    "CIS-5.3.2",
    "FORGE-BOOTSTRAP-TOKENS",
    "FORGE-ETCD-CIPHERTEXT",
    "FORGE-FIREWALL",
];
const PASSES: [&str; 5] = ["CIS-1.1.11", "CIS-1.2.6", "CIS-1.2.14", "CIS-2.1", "CIS-4.2.1"];

/// Everything that an audit could have changed: files and their owners, what is in the cluster, services, settings.
fn state() -> String {
    let host = |name| {
        on(
            name,
            // kubectl keeps what it has learnt of an API server, and every login is a unit.
            "find /etc /root /var/lib/kubelet /usr/local -xdev -type f ! -path '*/pods/*' ! -path '/root/.kube/cache/*' \
             -printf '%p %s %m %u %T@\\n' | sort\n\
             find /var/lib/forge /run/forge -type f 2>/dev/null || true\n\
             systemctl list-unit-files --no-legend | grep -v '^session-' | sort",
        )
    };
    let objects = kubectl(
        "get namespaces,secrets,configmaps,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,networkpolicies -A \
         -o custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name,U:.metadata.uid --no-headers",
    );
    [host("cp1"), host("w1"), objects].join("\n")
}

#[test]
fn q_1_a_cluster_that_forge_did_not_build_is_audited_and_left_alone() {
    bare_hosts(1, 1);
    let bare = Command::new(project().join("bench/bare-kubeadm")).args(["cp1", "w1"]).output().unwrap();
    assert!(bare.status.success(), "{}", String::from_utf8_lossy(&bare.stderr));
    kubectl("wait --for=condition=Ready nodes --all --timeout=120s");
    kubectl("-n kube-system wait --for=condition=Available deployment/coredns --timeout=120s");
    let before = state();
    let said = run(&["audit", inventory().to_str().unwrap(), "--json"]);
    assert_eq!(said.code, 6, "{}", said.all());
    let of = |id: &str| {
        let events = said.of("control");
        let states: Vec<String> =
            events.iter().filter(|event| event["id"] == id).map(|event| text(&event["state"]).to_owned()).collect();
        assert!(!states.is_empty(), "{id} was not looked at");
        states
    };
    for id in FAILS {
        assert!(of(id).iter().any(|state| state == "fail"), "{id}: {:?}", of(id));
    }
    for id in PASSES {
        assert!(of(id).iter().all(|state| state == "pass"), "{id}: {:?}", of(id));
    }
    // Without an audit policy there is none to read; everything else is judged.
    let unchecked: Vec<&str> = said
        .of("control")
        .iter()
        .filter(|event| event["state"] == "not-checked")
        .map(|event| text(&event["id"]))
        .collect();
    assert_eq!(unchecked, ["CIS-3.2.2"], "{}", said.all());
    assert_eq!(said.finished()["roundTrips"], 1);
    assert_same(&before, &state());
}

fn assert_same(before: &str, after: &str) {
    let changed: Vec<&str> = after.lines().filter(|line| !before.contains(line)).collect();
    let gone: Vec<&str> = before.lines().filter(|line| !after.contains(line)).collect();
    assert!(changed.is_empty() && gone.is_empty(), "changed: {changed:?}, gone: {gone:?}");
}
