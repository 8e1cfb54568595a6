//! Calico as forge brings it: the operator, what it is asked for, its word on that, and its pods. The operator is the lab's
//! stand-in (`lab/build/calico-operator`), which says what the real one says; the network behind it is labnet.

use crate::support::*;

/// The lab's own network in the inventory, and Calico in its place.
const LABNET: &str = "provider: manifests\n  manifests:\n    - {path: manifests/labnet.yaml}\n";
const REGISTRY: &str = "    lab.local: [";

/// An inventory with Calico and these settings, and with a ConfigMap for the stand-in.
struct Calico {
    settings: &'static str,
    version: &'static str,
    told: &'static str,
}

/// As the default is.
const DEFAULT: Calico = Calico { settings: "", version: "3.32.1", told: "{}" };

impl Calico {
    fn inventory(&self) -> Changed {
        let lab = project().join("lab/manifests");
        let operator = std::fs::read_to_string(lab.join("calico-operator.yaml")).unwrap();
        let operator = match self.version {
            "3.31.7" => operator.replace("v1.42.3", "v1.40.15"),
            _ => operator,
        };
        let told = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: lab, namespace: tigera-operator}}\ndata: {}\n",
            self.told
        );
        let cni = format!(
            "provider: calico\n  version: {}\n{}  manifests:\n    - {{path: {}}}\n    - {{path: operator.yaml}}\n",
            self.version,
            self.settings,
            lab.join("calico-crds.yaml").display()
        );
        let registry = format!("    quay.io: [\"http://10.77.0.1:5000\"]\n{REGISTRY}");
        // The paths in an inventory that was moved are absolute.
        let labnet = LABNET.replace("manifests/labnet", &format!("{}/labnet", lab.display()));
        Changed::by(&[(&labnet, &cni), (REGISTRY, &registry)]).with("operator.yaml", &format!("{operator}---\n{told}"))
    }
}

fn without_bpf(host: &str) {
    on(
        host,
        "mount -o remount,rw /sys; if mountpoint -q /sys/fs/bpf; then umount /sys/fs/bpf; fi; rmdir /sys/fs/bpf || true",
    );
}

/// The step of the network, as it ended.
fn network_of(said: &Said) -> serde_json::Value {
    said.of("step-finished").into_iter().find(|event| event["step"] == "pod-network").unwrap().clone()
}

fn assert_fails_with(said: &Said, words: &[&str], within_seconds: u64) {
    assert_eq!(said.code, 1, "{}", said.all());
    let found = said.found();
    let network: Vec<&String> = found.iter().filter(|line| line.contains("the pod network does not come up")).collect();
    for word in words {
        assert!(network.iter().any(|line| line.contains(word)), "{word}: {}", said.all());
    }
    assert!(network_of(said)["elapsedMs"].as_u64().unwrap() < within_seconds * 1000, "{}", said.all());
}

/// A value of the API server's.
fn value(object: &str, path: &str) -> String {
    kubectl(&format!("get {object} -o jsonpath={{{path}}}"))
}

#[test]
fn r_1_a_host_without_what_calico_mounts_is_refused_before_anything_changes() {
    bare_hosts(1, 1);
    with_bpf(&["cp1"]);
    without_bpf("w1");
    let said = DEFAULT.inventory().up();
    assert_eq!(said.code, 5, "{}", said.all());
    assert!(said.of("step-started").is_empty(), "{}", said.all());
    let found = said.found();
    assert!(
        found.iter().any(|line| line.contains("w1 has no /sys/fs/bpf, which Calico's pods mount")),
        "{}",
        said.all()
    );
    assert!(!found.iter().any(|line| line.contains("cp1")), "{}", said.all());
}

#[test]
fn r_2_what_the_operator_says_against_it_is_what_the_user_reads() {
    with_bpf(&["cp1", "w1"]);
    let told = "{degraded: 'InvalidConfigurationError: Invalid Installation provided: the lab does not want it'}";
    let said = Calico { told, ..DEFAULT }.inventory().up();
    // It says so every five seconds, and is believed after half a minute.
    assert_fails_with(
        &said,
        &["calico: InvalidConfigurationError: Invalid Installation provided: the lab does not want it"],
        90,
    );
}

/// The controllers only wait for the network that `calico-node` brings: it is the one to name, with what the kubelet says.
#[test]
fn r_3_the_first_pod_that_does_not_start_is_named_with_its_last_warning() {
    let said = Calico { told: "{mount: /var/lib/not-there}", ..DEFAULT }.inventory().up();
    assert_fails_with(
        &said,
        &[
            "calico-system/calico-node-",
            "FailedMount",
            "/var/lib/not-there is not a directory",
            "describe pod calico-node-",
        ],
        240,
    );
    assert!(!said.found().iter().any(|line| line.contains("sources.registries")), "{}", said.all());
}

#[test]
fn r_4_calico_comes_up() {
    with_bpf(&["cp1", "w1"]);
    let inventory = DEFAULT.inventory();
    let said = inventory.up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    wait_until("the operator names its version", || {
        value("installation default", ".status.calicoVersion") == "v3.32.1"
    });
    assert_eq!(value("felixconfigurations.crd.projectcalico.org default", ".spec.wireguardEnabled"), "false");
    let again = inventory.up();
    assert_eq!((again.code, again.planned()), (0, Vec::new()), "{}", again.all());
}

/// A change is waited for, though everything was available before it and still is for a while.
#[test]
fn r_5_a_change_has_come_when_forge_says_so() {
    let nodes = |path: &str| {
        value("pods -n calico-system -l k8s-app=calico-node", &format!(".items[*].spec.containers[0]{path}"))
    };
    assert_eq!(nodes(".env[1].value"), "Nftables Nftables");
    let iptables = |calico: &Calico| {
        let changed = calico.inventory();
        let path = changed.inventory();
        let text = std::fs::read_to_string(&path).unwrap();
        let proxy = "  kubeProxyConfiguration:\n";
        assert!(text.contains(proxy));
        std::fs::write(&path, text.replace(proxy, &format!("{proxy}    mode: iptables\n"))).unwrap();
        changed
    };
    let said = iptables(&DEFAULT).up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_eq!(nodes(".env[1].value"), "Iptables Iptables", "{}", said.all());

    let said = iptables(&Calico { version: "3.31.7", ..DEFAULT }).up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_eq!(nodes(".image"), "quay.io/calico/node:v3.31.7 quay.io/calico/node:v3.31.7", "{}", said.all());
    let back = DEFAULT.inventory().up();
    assert_eq!(back.code, 0, "{}", back.all());
    assert_eq!(nodes(".image"), "quay.io/calico/node:v3.32.1 quay.io/calico/node:v3.32.1", "{}", back.all());
}

/// The lab's kernel has no WireGuard. So a node is asked for it, and what an earlier run has switched on is switched off.
#[test]
fn r_6_wireguard_is_asked_of_nodes_and_switched_off() {
    let on = Calico { settings: "  wireguard: true\n", ..DEFAULT }.inventory().plan();
    assert_eq!(on.code, 5, "{}", on.all());
    assert!(on.found().iter().any(|line| line.contains("w1 lacks the kernel module wireguard")), "{}", on.all());
    let felix = "felixconfigurations.crd.projectcalico.org default";
    kubectl(&format!("patch {felix} --type merge -p '{{\"spec\":{{\"wireguardEnabled\":true}}}}'"));
    kubectl("-n kube-system patch configmap forge --type merge -p '{\"data\":{\"network\":\"with wireguard\"}}'");
    let said = DEFAULT.inventory().up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_eq!(value(felix, ".spec.wireguardEnabled"), "false");
}

/// The operator cannot change a pool without an API server of Calico's, which forge does not ask for; and says so.
#[test]
fn r_7_a_pool_that_cannot_be_changed_is_reported_in_the_operators_words() {
    let said = Calico { settings: "  encapsulation: None\n", ..DEFAULT }.inventory().up();
    assert_fails_with(
        &said,
        &["ippools: ResourceNotReady: Unable to modify IP pools while Calico API server is unavailable"],
        200,
    );
    let said = DEFAULT.inventory().up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
}
