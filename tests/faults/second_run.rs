//! A second `up` finds everything as it should be, in one round trip.

use serde_json::{Value, json};

use crate::fake_host::{CA, FakeHost, Machine};
use crate::operator::Operator;

const FILES: &str = "/etc/kubernetes/kubelet.conf\n/var/lib/kubelet/pki/kubelet-server-current.pem";

/// A control plane's labels and taint.
const MARKS: &str = "{\"node-role.kubernetes.io/control-plane\":\"\",\"node.kubernetes.io/exclude-from-external-load-balancers\":\"\"}\t\
                     [{\"key\":\"node-role.kubernetes.io/control-plane\",\"effect\":\"NoSchedule\"}]";

/// The last value that was noted under this key in the cluster's record.
fn noted(machine: &Machine, key: &str) -> String {
    noted_if_any(machine, key).unwrap()
}

fn noted_if_any(machine: &Machine, key: &str) -> Option<String> {
    let mut found = None;
    for request in machine.changes() {
        for (name, content) in &request.files {
            if name.ends_with(&format!("/record-{key}")) {
                let patch: Value = serde_json::from_slice(content).unwrap();
                found = patch["data"][key].as_str().map(str::to_owned);
            }
        }
    }
    found
}

/// The nodes, the record with these policies, and the cluster's own copies of its settings, whatever they hold.
fn cluster(cp1: &Machine, policies: &Value) -> String {
    let node = |name: &str| match name {
        "cp1" => format!("node\tcp1\tTrue\tv1.36.3\t{MARKS}\n"),
        _ => format!("node\t{name}\tTrue\tv1.36.3\t{{}}\t\n"),
    };
    let mut record = json!({"verified": noted(cp1, "verified"), "applied-policies": policies.to_string()});
    if let Some(network) = noted_if_any(cp1, "network") {
        record["network"] = json!(network);
    }
    // What `kubeadm init` noted of the copies.
    let programs: String = cp1.changes().iter().flat_map(|request| request.parts()).collect();
    let settled = programs.split("\nsettle ").nth(1).unwrap().lines().next().unwrap();
    for (name, sum) in settled.split(' ').map(|word| word.split_once('=').unwrap()) {
        record[name] = json!(format!("{sum}-{}", sha256("{}")));
    }
    let copies = ["kubeadm-config", "kubelet-config", "kube-proxy"].map(|name| format!("config\t{name}\t{{}}\n"));
    format!("{}{}config\tforge\t{record}\n{}answered\n", node("cp1"), node("w1"), copies.concat())
}

/// Both hosts as they are after a first `up`, whose scripts they remember.
fn converged() -> (Operator, Machine, Machine) {
    converged_with(|operator| operator)
}

/// The same with another inventory.
pub fn converged_with(change: impl FnOnce(Operator) -> Operator) -> (Operator, Machine, Machine) {
    let (cp1, w1) = (FakeHost::cp1().obedient().start(), FakeHost::w1().start());
    let operator = change(Operator::trusting(&[&cp1, &w1]));
    let first = operator.forge(&["up", "--yes", "--json"]);
    assert_eq!(first.code, Some(0), "{:?}", first.steps());

    // The policies as they were left. The fake cluster has no objects, so the record is made to name none.
    let policies: Value = serde_json::from_str(&noted(&cp1, "applied-policies")).unwrap();
    let policies = json!({"kind": "List", "items": [], "sources": policies["sources"]});
    cp1.says("cluster", &cluster(&cp1, &policies));
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

fn sha256(text: &str) -> String {
    forge::secret::Secret::new(text).sha256()
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
    let changes: Vec<&Value> =
        planned["steps"].as_array().unwrap().iter().map(|step| &step["changes"][0]["summary"]).collect();
    assert_eq!(changes[0], "sysctl vm.panic_on_oom: 1 → 0");
    assert_eq!((changes.len(), planned["steps"][1]["step"].as_str()), (2, Some("verify")));
    drop(cp1);
}

#[test]
fn a_node_that_was_deleted_is_named_and_registers_again() {
    let (operator, cp1, w1) = converged();
    let without_w1 =
        cp1.said("cluster").lines().filter(|line| !line.starts_with("node\tw1")).collect::<Vec<_>>().join("\n");
    cp1.says("cluster", &without_w1);
    let line = "w1: node w1: the cluster no longer has it, and the host is part of the cluster: restart its kubelet, which registers, and its pods";
    assert_eq!(planned(&operator), [line]);
    let up = operator.forge(&["up", "--yes", "--json"]);
    assert_eq!(up.code, Some(0), "{:?}", up.steps());
    assert!(w1.changes().last().unwrap().parts().concat().contains("systemctl restart kubelet"));
}

#[test]
fn a_node_that_is_not_ready_is_looked_at_and_never_passed_over() {
    let with_a_network = |operator: Operator| {
        std::fs::write(operator.path("network.yaml"), "kind: Namespace\napiVersion: v1\nmetadata: {name: network}\n")
            .unwrap();
        operator.edit("cni: {provider: none}", "cni: {provider: manifests, manifests: [{path: network.yaml}]}")
    };
    let (operator, cp1, _w1) = converged_with(with_a_network);
    assert_eq!(operator.forge(&["plan"]).code, Some(0));
    cp1.says("cluster", &cp1.said("cluster").replace("node\tw1\tTrue", "node\tw1\tUnknown"));
    assert!(planned(&operator).is_empty(), "nothing but the look");
    let plan = operator.forge(&["plan"]);
    assert!(plan.code == Some(10) && plan.stderr.contains("cluster looked at from outside"), "{}", plan.stderr);
}

#[test]
fn a_policy_that_somebody_deleted_is_made_again() {
    let (operator, cp1, _w1) = converged();
    let policies: Value = serde_json::from_str(&noted(&cp1, "applied-policies")).unwrap();
    // All are there as they were left, but for one.
    let there: String = policies["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["metadata"]["name"] != "forge-default-deny")
        .map(|item| {
            let (name, namespace) = (&item["metadata"]["name"], &item["metadata"]["namespace"]);
            let words = [&item["apiVersion"], &item["kind"], namespace, name].map(|word| word.as_str().unwrap_or("-"));
            format!("live\t{}\t\t0\t-\t\n", words.join("\t"))
        })
        .collect();
    cp1.says("cluster", &format!("{there}{}", cluster(&cp1, &policies)));
    let plan = operator.forge(&["plan", "--json"]);
    assert_eq!(plan.code, Some(10), "{}", plan.stderr);
    let planned = plan.events().into_iter().find(|event| event["type"] == "planned").unwrap();
    let summaries: Vec<&Value> =
        planned["steps"][0]["changes"].as_array().unwrap().iter().map(|change| &change["summary"]).collect();
    assert_eq!(summaries, ["NetworkPolicy default/forge-default-deny: create"]);
    assert_eq!(planned["steps"][1]["step"], "verify");
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

/// The planned changes, `HOST: CHANGE`, without the look at the cluster that follows all of them.
fn planned(operator: &Operator) -> Vec<String> {
    let plan = operator.forge(&["plan", "--json"]);
    let planned = plan.events().into_iter().find(|event| event["type"] == "planned").unwrap();
    let steps = planned["steps"].as_array().unwrap().clone();
    let line = |step: &serde_json::Value, change: &serde_json::Value| {
        format!("{}: {}", step["host"].as_str().unwrap(), change["summary"].as_str().unwrap())
    };
    let all = steps.iter().filter(|step| step["step"] != "verify");
    all.flat_map(|step| step["changes"].as_array().unwrap().iter().map(|change| line(step, change))).collect()
}

/// A file that a host's kubeadm would write otherwise, as the probe prints it.
fn drifted(name: &str, wanted: &str, now: &str) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    format!("{name}\t{}\t{}", encode(wanted), encode(now))
}

fn manifest(flags: &str) -> String {
    let flags: String = flags.split(' ').map(|flag| format!("    - {flag}\n")).collect();
    format!("spec:\n  containers:\n  - command:\n    - etcd\n{flags}    image: etcd:3.6.8\n")
}

#[test]
fn settings_that_somebody_edited_on_a_host_are_named() {
    let (operator, cp1, w1) = converged();
    let files = [
        drifted(
            "kube-apiserver.yaml",
            &manifest("--profiling=false"),
            &manifest("--profiling=true --token-auth-file=/x"),
        ),
        drifted("kube-scheduler.yaml", &manifest("--profiling=false"), ""),
        drifted(
            "kubeadm-flags.env",
            "KUBELET_KUBEADM_ARGS=\"--node-ip=1\"",
            "KUBELET_KUBEADM_ARGS=\"--node-ip=1 --v=9\"",
        ),
    ];
    cp1.says("files of kubeadm", &files.join("\n"));
    w1.says("files of kubeadm", &drifted("config.yaml", "seccompDefault: true\n", "seccompDefault: false\nv: 1\n"));
    assert_eq!(
        planned(&operator),
        [
            "cp1: kubelet --v: 9 → not set",
            "w1: kubelet seccompDefault: false → true",
            "w1: kubelet v: 1 → not set",
            "cp1: kube-apiserver --profiling: true → false",
            "cp1: kube-apiserver --token-auth-file: /x → not set",
            "cp1: file /etc/kubernetes/manifests/kube-scheduler.yaml: create",
        ]
    );
}

#[test]
fn what_only_counts_before_etcd_has_data_is_no_difference() {
    let (operator, cp1, _w1) = converged();
    let joined = manifest("--initial-cluster=cp1=https://1,cp2=https://2 --initial-cluster-state=existing --name=cp1");
    let alone = manifest("--initial-cluster=cp1=https://1 --name=cp1");
    cp1.says("files of kubeadm", &drifted("etcd.yaml", &alone, &joined));
    assert_eq!(planned(&operator), Vec::<String>::new());
    cp1.says("files of kubeadm", &drifted("etcd.yaml", &alone, &joined.replace("name=cp1", "name=cp9")));
    assert!(planned(&operator).contains(&"cp1: etcd --name: cp9 → cp1".to_owned()));
}

#[test]
fn a_process_that_is_older_than_its_files_is_restarted() {
    let (operator, cp1, w1) = converged();
    let forge = "/etc/kubernetes/forge";
    let age = |file: &str, age: &str| format!("{age} {file}\n");
    let files =
        age(&format!("{forge}/audit-policy.yaml"), "99.90") + &age(&format!("{forge}/admission.yaml"), "100.10");
    cp1.says("ages of processes", &format!("100.00 kube-apiserver\n{files}"));
    w1.says("ages of processes", "100.00 kubelet\n20.00 /var/lib/kubelet/config.yaml");
    assert_eq!(
        planned(&operator),
        [
            "w1: kubelet: restart, /var/lib/kubelet/config.yaml is newer",
            "cp1: kube-apiserver: restart, to read /etc/kubernetes/forge/audit-policy.yaml",
        ]
    );
}

#[test]
fn a_copy_in_the_cluster_that_somebody_edited_is_named() {
    let (operator, cp1, _w1) = converged();
    let answer = cp1.said("cluster");
    let edited = r#"config	kube-proxy	{"config.conf":"mode: iptables\nmetricsBindAddress: 127.0.0.1:10249\n"}"#;
    cp1.says("cluster", &answer.replace("config\tkube-proxy\t{}", edited));
    let planned = planned(&operator);
    assert!(planned.contains(&"cp1: ConfigMap kube-proxy mode: iptables → nftables".to_owned()), "{planned:?}");
    assert!(planned.iter().all(|line| line.starts_with("cp1: ConfigMap kube-proxy ")), "{planned:?}");
}

#[test]
fn settings_that_kubeadm_refuses_stop_the_run_before_anything_changes() {
    let (operator, cp1, w1) = converged();
    let before = cp1.changes().len();
    cp1.says("files of kubeadm", "refused\terror: featureGates: Invalid value");
    let said = operator.forge(&["up", "--yes"]);
    assert_eq!(said.code, Some(5), "{}", said.stderr);
    assert!(
        said.stderr.contains("kubeadm on cp1 refuses the settings\n  cause: error: featureGates: Invalid value"),
        "{}",
        said.stderr
    );
    assert_eq!(cp1.changes().len(), before);
    drop(w1);
}

/// What only it knows looks as if it were not there.
#[test]
fn an_api_server_that_is_silent_is_named() {
    let (operator, cp1, _w1) = converged();
    cp1.says("cluster", "unanswered\nunanswered\nsilent\tThe connection to the server 127.0.0.2:6443 was refused\n");
    let plan = operator.forge(&["plan"]);
    assert_eq!(plan.code, Some(10), "{}", plan.stderr);
    let warning = plan.stderr.find("warning:").map_or("none", |start| &plan.stderr[start..]);
    assert_eq!(
        warning.lines().take(3).collect::<Vec<_>>(),
        [
            "warning: the API server of cp1 does not answer",
            "  cause: The connection to the server 127.0.0.2:6443 was refused",
            "  next:  on cp1: sudo journalctl --unit kubelet --lines 20; sudo crictl ps --all --name kube-apiserver",
        ],
        "{}{}",
        plan.stdout,
        plan.stderr
    );
}
