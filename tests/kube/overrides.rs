//! Which hardening a user's settings replace.

use forge::kube::overridden_hardening;
use serde_json::json;

use crate::fixture::{VERSION, single, templates};

#[test]
fn only_hardening_is_told() {
    let mut cluster = single();
    assert_eq!(overridden_hardening(&templates(), &cluster, VERSION).unwrap(), []);
    let set = |value: serde_json::Value| value.as_object().unwrap().clone();
    cluster.kubeadm.cluster_configuration = set(json!({
        "clusterName": "other",
        "encryptionAlgorithm": "RSA-2048",
        "apiServer": {"extraArgs": [
            {"name": "profiling", "value": "true"},
            {"name": "audit-log-path", "value": null},
            {"name": "event-ttl", "value": "2h"},
            {"name": "authorization-mode", "value": "Node,RBAC"},
        ]},
        "scheduler": null,
    }));
    cluster.kubeadm.kubelet_configuration = set(json!({
        "failSwapOn": false,
        "authentication": {"anonymous": {"enabled": true}},
        "seccompDefault": true,
        "podPidsLimit": null,
    }));
    cluster.kubeadm.kube_proxy_configuration = set(json!({"mode": "iptables", "metricsBindAddress": "0.0.0.0:10249"}));
    let told = overridden_hardening(&templates(), &cluster, VERSION).unwrap();
    let lines: Vec<_> = told.iter().map(|one| format!("{}: {} → {}", one.path, one.ours, one.theirs)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    clusterConfiguration.encryptionAlgorithm: "ECDSA-P256" → "RSA-2048"
    clusterConfiguration.apiServer.extraArgs.audit-log-path: "/var/log/kubernetes/audit/audit.log" → null
    clusterConfiguration.apiServer.extraArgs.profiling: "false" → "true"
    clusterConfiguration.scheduler.extraArgs.profiling: "false" → null
    clusterConfiguration.scheduler.extraArgs.tls-min-version: "VersionTLS12" → null
    clusterConfiguration.scheduler.extraArgs.tls-cipher-suites: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" → null
    kubeletConfiguration.authentication.anonymous.enabled: false → true
    kubeletConfiguration.podPidsLimit: 4096 → null
    kubeProxyConfiguration.metricsBindAddress: "127.0.0.1:10249" → "0.0.0.0:10249"
    "#);
}
