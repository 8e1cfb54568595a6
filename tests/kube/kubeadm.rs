//! kubeadm's configuration files.

use forge::inventory::cluster::{Role, Taint};
use forge::kube::{discovery_kubeconfig, init_config, join_config, phase_config};
use serde_json::{Value, json};

use crate::fixture::{VERSION, named, secrets, single, templates, text, three_and_one};

#[test]
fn init_of_a_single_host() {
    let cluster = single();
    let file = init_config(&templates(), &cluster, &cluster.hosts[0], VERSION, &secrets()).unwrap();
    insta::assert_snapshot!("init-single", text(&file));
}

#[test]
fn init_of_the_first_of_three() {
    let cluster = three_and_one();
    let file = init_config(&templates(), &cluster, named(&cluster, "cp1"), VERSION, &secrets()).unwrap();
    insta::assert_snapshot!("init-three", text(&file));
}

#[test]
fn join_of_a_control_plane() {
    let mut cluster = three_and_one();
    cluster.kubeadm.ignore_preflight_errors = vec!["SystemVerification".into()];
    let file = join_config(&templates(), &cluster, named(&cluster, "cp2"), &secrets()).unwrap();
    insta::assert_snapshot!("join-control-plane", text(&file));
}

#[test]
fn join_of_a_worker_does_not_carry_the_certificate_key() {
    let mut cluster = three_and_one();
    cluster.hosts[3].taints = taints(&["gpu=true:NoSchedule", "slow:PreferNoSchedule"]);
    let file = text(&join_config(&templates(), &cluster, named(&cluster, "w1"), &secrets()).unwrap());
    assert!(!file.contains("c0c0"), "{file}");
    insta::assert_snapshot!("join-worker", file);
}

#[test]
fn only_pure_control_planes_keep_pods_away() {
    let mut cluster = three_and_one();
    cluster.hosts[1].roles.push(Role::Worker);
    cluster.hosts[2].taints = taints(&["node-role.kubernetes.io/control-plane:NoSchedule", "a=b:NoExecute"]);
    let written = |name: &str| {
        let file = text(&join_config(&templates(), &cluster, named(&cluster, name), &secrets()).unwrap());
        let parsed: Value = serde_yaml::from_str(&file).unwrap();
        parsed["nodeRegistration"]["taints"].clone()
    };
    let keep_away = json!({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"});
    assert_eq!(written("cp1"), json!([keep_away]));
    assert_eq!(written("cp2"), json!([]));
    assert_eq!(written("cp3"), json!([keep_away, {"key": "a", "value": "b", "effect": "NoExecute"}]));
    assert_eq!(written("w1"), json!([]));
}

#[test]
fn single_phases_get_the_same_settings_and_nothing_that_joins() {
    let mut cluster = three_and_one();
    cluster.hosts[3].taints = taints(&["gpu=true:NoSchedule"]);
    let documents = |text: &str| -> Vec<Value> { serde_yaml::from_multiple(text).unwrap() };
    let of = |name: &str| {
        let file = text(&phase_config(&templates(), &cluster, named(&cluster, name), VERSION).unwrap());
        assert!(!file.contains("bootstrapTokens") && !file.contains("certificateKey"), "{file}");
        documents(&file)
    };
    let init = init_config(&templates(), &cluster, named(&cluster, "cp1"), VERSION, &secrets()).unwrap();
    assert_eq!(of("cp1")[1..], documents(&text(&init))[1..]);
    let worker = of("w1");
    assert_eq!(worker[1]["certificatesDir"], "/var/lib/forge/no-pki");
    assert_eq!(worker[2..], of("cp1")[2..]);
    let flags = &worker[0]["nodeRegistration"]["kubeletExtraArgs"];
    assert_eq!(flags[1], json!({"name": "register-with-taints", "value": "gpu=true:NoSchedule"}));
}

#[test]
fn a_backend_for_audit_events_is_written_to_in_batches() {
    let mut cluster = single();
    cluster.security.audit.webhook = Some("/folder/webhook.conf".into());
    let file = text(&init_config(&templates(), &cluster, &cluster.hosts[0], VERSION, &secrets()).unwrap());
    let before = text(&init_config(&templates(), &single(), &cluster.hosts[0], VERSION, &secrets()).unwrap());
    let diff = similar::TextDiff::from_lines(&before, &file);
    insta::assert_snapshot!(diff.unified_diff().context_radius(0).to_string().lines().skip(1).collect::<Vec<_>>().join("\n"), @"
    +  - name: audit-webhook-config-file
    +    value: /etc/kubernetes/forge/audit-webhook.conf
    +  - name: audit-webhook-mode
    +    value: batch
    ");
}

#[test]
fn discovery_pins_the_ca() {
    let ca =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/certificates/ca.pem")).unwrap();
    let file = discovery_kubeconfig(&templates(), &three_and_one(), &ca, &secrets().token).unwrap();
    insta::assert_snapshot!("discovery", text(&file));
    let error = discovery_kubeconfig(&templates(), &three_and_one(), "404", &secrets().token).unwrap_err();
    assert_eq!(error.to_string(), "the cluster's CA cannot be used: there is no certificate in it");
}

#[test]
fn a_version_with_and_without_v_is_the_same() {
    let cluster = single();
    let render = |version| text(&init_config(&templates(), &cluster, &cluster.hosts[0], version, &secrets()).unwrap());
    assert!(render("1.36.5").contains("kubernetesVersion: v1.36.5\n"));
    assert_eq!(render("1.36.5"), render("v1.36.5"));
}

#[test]
fn the_users_settings_come_last() {
    let mut cluster = single();
    let set = |value: Value| value.as_object().unwrap().clone();
    cluster.kubeadm.cluster_configuration = set(json!({
        "networking": {"dnsDomain": "lab.local"},
        "apiServer": {
            "extraArgs": [
                {"name": "profiling", "value": "true"},
                {"name": "event-ttl", "value": "2h"},
                {"name": "service-account-lookup", "value": null},
            ],
            "extraVolumes": [{"name": "webhook", "hostPath": "/etc/webhook", "mountPath": "/etc/webhook"}],
        },
    }));
    cluster.kubeadm.kubelet_configuration = set(json!({"maxPods": 250, "evictionHard": {"nodefs.available": "1%"}}));
    cluster.kubeadm.kube_proxy_configuration = set(json!({"mode": "iptables", "conntrack": {"maxPerCore": 0}}));
    let file = text(&init_config(&templates(), &cluster, &cluster.hosts[0], VERSION, &secrets()).unwrap());
    let before = text(&init_config(&templates(), &single(), &cluster.hosts[0], VERSION, &secrets()).unwrap());
    let diff = similar::TextDiff::from_lines(&before, &file);
    insta::assert_snapshot!("user-settings", diff.unified_diff().context_radius(0).to_string());
}

#[test]
fn a_document_stays_what_it_is() {
    let mut cluster = single();
    cluster.kubeadm.kubelet_configuration.insert("kind".into(), json!("Pod"));
    let error = init_config(&templates(), &cluster, &cluster.hosts[0], VERSION, &secrets()).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"kubeadm.kubeletConfiguration is kubelet.config.k8s.io/v1beta1 Pod, where kubelet.config.k8s.io/v1beta1 KubeletConfiguration is needed");
}

fn taints(texts: &[&str]) -> Vec<Taint> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}
