//! A second `up` finds everything as it should be, in one round trip.

use crate::fake_host::{CA, FakeHost, Machine};
use crate::operator::Operator;

const FILES: &str = "/etc/kubernetes/kubelet.conf\n/var/lib/kubelet/pki/kubelet-server-current.pem";

/// Both hosts as they are after a first `up`, whose scripts they remember.
fn converged() -> (Operator, Machine, Machine) {
    let (cp1, w1) = (FakeHost::cp1().obedient().start(), FakeHost::w1().start());
    let operator = Operator::trusting(&[&cp1, &w1]);
    let first = operator.forge(&["up", "--yes", "--json"]);
    assert_eq!(first.code, Some(0), "{:?}", first.steps());

    let programs: String = cp1.changes().iter().flat_map(|request| request.parts()).collect();
    let verified = programs.split("{\"data\":{\"verified\":\"").nth(1).unwrap().split('"').next().unwrap();
    let node = |name: &str| format!("node\t{name}\tTrue\tv1.36.3\t{{}}\t\n");
    cp1.says("cluster", &format!("{}{}record\t{{\"verified\":\"{verified}\"}}", node("cp1"), node("w1")));
    cp1.says("membership", &format!("{FILES}\n/etc/kubernetes/admin.conf"));
    cp1.says("ca", CA.trim());
    cp1.says(
        "preflight membership",
        "joined\nkubelet-server https://127.0.0.2:6443\nadmin-server https://api.prod.internal:6443\n\
         admin-cluster prod\ncontrol-plane\nca aaaa  -\napi-server 1.36.3\nkubeadm hi  1.36.3-1.1",
    );
    w1.says("membership", FILES);
    w1.says("preflight membership", "joined\nkubelet-server https://api.prod.internal:6443\nca aaaa  -");
    for (machine, name) in [(&cp1, "cp1"), (&w1, "w1")] {
        machine.says("preflight source kubernetes", "");
        machine.says("preflight source containerd", "");
        machine.says(
            "preflight system",
            &crate::fake_host::system(name).replace("hostname debian", &format!("hostname {name}")),
        );
    }
    (operator, cp1, w1)
}

#[test]
fn nothing_is_changed_and_every_host_is_asked_once() {
    let (operator, cp1, w1) = converged();
    let before = (cp1.changes().len(), w1.changes().len());
    let second = operator.forge(&["up", "--json"]);
    assert_eq!((second.code, second.stderr.as_str()), (Some(0), ""), "{}", second.stdout);
    let finished = second.finished();
    assert_eq!((&finished["changed"], &finished["roundTrips"]), (&0.into(), &1.into()));
    assert_eq!(finished["traffic"]["commands"], 2);
    assert_eq!((cp1.changes().len(), w1.changes().len()), before);
    assert_eq!(operator.forge(&["plan"]).code, Some(0));
}

#[test]
fn what_somebody_changed_by_hand_is_put_back_and_nothing_else() {
    let (operator, cp1, w1) = converged();
    w1.says("sysctl vm.panic_on_oom", "1");
    let plan = operator.forge(&["plan", "--json"]);
    assert_eq!(plan.code, Some(10), "{}", plan.stderr);
    let planned = plan.events().into_iter().find(|event| event["type"] == "planned").unwrap();
    let changes: Vec<&serde_json::Value> =
        planned["steps"].as_array().unwrap().iter().map(|step| &step["changes"][0]["summary"]).collect();
    assert_eq!(changes[0], "sysctl vm.panic_on_oom: 1 → 0");
    assert_eq!((changes.len(), planned["steps"][1]["step"].as_str()), (2, Some("verify")));
    drop(cp1);
}

#[test]
fn an_inventory_that_replaces_hardening_is_told_so_with_both_values() {
    let cp1 = FakeHost::cp1().start();
    let loosened =
        "kubeadm: {clusterConfiguration: {apiServer: {extraArgs: [{name: profiling, value: \"true\"}]}}}\nhosts:";
    let operator = Operator::trusting(&[&cp1]).edit("hosts:", loosened);
    let plan = operator.forge(&["plan", "--json"]);
    let warned = plan.events().into_iter().filter(|event| event["type"] == "found" && event["fatal"] == false);
    let words: Vec<String> = warned.map(|event| format!("{}: {}", event["what"], event["cause"])).collect();
    let path = "kubeadm.clusterConfiguration.apiServer.extraArgs.profiling of the inventory replaces hardening";
    assert!(words.iter().any(|line| line.contains(path) && line.contains("true")), "{words:?}");
}
