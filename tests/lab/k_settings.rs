//! Settings of a living cluster: what the inventory changes and what somebody edits is named, rolled out and mended. On the
//! three control planes and the worker that were made before.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::*;

/// The address of the machine on the lab's bridge, from the inventory.
fn machine() -> String {
    let text = std::fs::read_to_string(inventory()).unwrap();
    text.split("http://").nth(1).unwrap().split(':').next().unwrap().to_owned()
}

/// A shorter audit log, a kubelet setting, an issuer, and a backend for audit events.
fn changed(backend: u16) -> Changed {
    let security = "security:\n  audit: {maxAge: 20, webhook: webhook.conf}\n  oidc:\n  - url: https://issuer.lab.example\n    \
                    audiences: [lab]\n    claimMappings: {username: {claim: email}}\n";
    let kubelet = "  kubeletConfiguration:\n    podPidsLimit: 2048\n";
    let webhook = format!(
        "{{apiVersion: v1, kind: Config, current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}], \
         clusters: [{{name: a, cluster: {{server: \"https://{}:{backend}\"}}}}], users: [{{name: a, user: {{token: swordfish}}}}]}}",
        machine()
    );
    let replacements = [("security:\n", security), ("  kubeletConfiguration:\n", kubelet)];
    Changed::by(&replacements).with("webhook.conf", &webhook)
}

/// The flags that the API server of a host runs with.
fn running(host: &str) -> String {
    on(
        host,
        "for comm in $(grep -l -x kube-apiserver /proc/[0-9]*/comm); do tr '\\0' '\\n' <\"${comm%comm}cmdline\"; done",
    )
}

#[test]
#[ignore = "takes three control planes and five minutes: lab/test --all"]
fn k_1_a_changed_inventory_is_rolled_out() {
    let backend = TcpListener::bind((machine(), 0)).unwrap();
    let (heard, hears) = channel();
    let changed = changed(backend.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in backend.incoming() {
            let mut first = [0; 1];
            let _ = stream.unwrap().read_exact(&mut first);
            let _ = heard.send(first[0]);
        }
    });
    let planned = changed.plan().planned();
    let expected: Vec<String> =
        ["cp1: ConfigMap kubeadm-config apiServer.extraArgs.audit-log-maxage: 30 → 20".to_owned()]
            .into_iter()
            .chain(NODES.map(|host| format!("{host}: kubelet podPidsLimit: 4096 → 2048")))
            .chain(CONTROL_PLANES.map(|host| format!("{host}: kube-apiserver --audit-log-maxage: 30 → 20")))
            .chain(CONTROL_PLANES.map(|host| format!("{host}: file /etc/kubernetes/forge/authentication.yaml: change")))
            .collect();
    for line in expected {
        assert!(planned.contains(&line), "{line}: {planned:?}");
    }
    let said = changed.up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    let again = changed.plan();
    assert_eq!(again.code, 0, "{:?}", again.planned());
    for host in CONTROL_PLANES {
        let flags = running(host);
        assert!(flags.contains("--audit-log-maxage=20\n"), "{host}: {flags}");
        assert!(
            flags.contains("--audit-webhook-config-file=/etc/kubernetes/forge/audit-webhook.conf\n"),
            "{host}: {flags}"
        );
        assert_eq!(on(host, "stat -c '%a %U' /etc/kubernetes/forge/audit-webhook.conf"), "600 root\n");
    }
    // The API server has taken the issuer, and it talks TLS to the backend.
    let failures = kubectl(
        "get --raw /metrics | grep 'authentication_config_controller_automatic_reloads_total{.*failure' || true",
    );
    assert_eq!(failures, "");
    let sum = on("cp1", "sha256sum </etc/kubernetes/forge/authentication.yaml");
    let loaded = "get --raw /metrics | grep authentication_config_controller_last_config_info";
    assert!(kubectl(loaded).contains(sum.split(' ').next().unwrap()), "{}", kubectl(loaded));
    const HANDSHAKE: u8 = 0x16;
    assert_eq!(hears.recv_timeout(Duration::from_secs(60)).unwrap(), HANDSHAKE);
}

/// What is broken by hand, and what the plan says of it.
const TAMPERED: &[(&str, &str, &str)] = &[
    (
        "cp2",
        "sed -i s/--profiling=false/--profiling=true/ /etc/kubernetes/manifests/kube-controller-manager.yaml",
        "cp2: kube-controller-manager --profiling: true → false",
    ),
    (
        "cp3",
        "sed -i /--profiling=false/d /etc/kubernetes/manifests/kube-scheduler.yaml",
        "cp3: kube-scheduler --profiling: not set → false",
    ),
    (
        "w1",
        "sed -i 's/seccompDefault: true/seccompDefault: false/' /var/lib/kubelet/config.yaml",
        "w1: kubelet seccompDefault: false → true",
    ),
    (
        "cp1",
        "chmod 644 /etc/kubernetes/manifests/etcd.yaml",
        "cp1: modes of kubeadm's files: /etc/kubernetes/manifests/etcd.yaml: 644 root:root → at most 600 root:root",
    ),
    (
        "cp1",
        "chmod 640 /etc/kubernetes/pki/sa.key",
        "cp1: modes of certificates and keys: /etc/kubernetes/pki/sa.key: 640 root:root → at most 600 root:root",
    ),
    (
        "w1",
        "chmod 644 /usr/lib/systemd/system/kubelet.service",
        "w1: modes of packaged files: 600 root:root for /usr/lib/systemd/system/kubelet.service",
    ),
    (
        "cp1",
        "cp /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf",
        "cp1: file /etc/kubernetes/super-admin.conf: remove",
    ),
];

/// With the lab's own inventory again, so that everything goes back in the same run.
#[test]
#[ignore = "takes three control planes and five minutes: lab/test --all"]
fn k_2_what_was_edited_by_hand_is_named_and_mended() {
    for (host, command, _) in TAMPERED {
        on(host, command);
    }
    let planned = plan().planned();
    for (.., line) in TAMPERED {
        assert!(planned.iter().any(|planned| planned == line), "{line}: {planned:?}");
    }
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    for host in CONTROL_PLANES {
        let flags = running(host);
        assert!(flags.contains("--audit-log-maxage=30\n") && !flags.contains("webhook"), "{host}: {flags}");
    }
    assert!(on("w1", "cat /var/lib/kubelet/config.yaml").contains("seccompDefault: true"));
    assert_converged();
}

/// One flag that no API server knows: it never answers, so the first control plane goes on as it was and no other is touched.
#[test]
#[ignore = "takes three control planes and five minutes: lab/test --all"]
fn k_3_what_an_api_server_does_not_live_with_is_taken_back() {
    let flags = || CONTROL_PLANES.map(running);
    let before = flags();
    let flag = "  clusterConfiguration: {apiServer: {extraArgs: [{name: no-such-flag, value: \"1\"}]}}\n  kubeletConfiguration:\n";
    let said = Changed::by(&[("  kubeletConfiguration:\n", flag)]).up();
    assert_eq!(said.code, 1, "{}", said.all());
    for words in ["unknown flag: --no-such-flag", "the manifests before these were put back and answer again"] {
        assert!(said.all().contains(words), "{words}: {}", said.all());
    }
    assert_eq!(flags(), before);
    for host in CONTROL_PLANES {
        let left = "find /etc/kubernetes/forge/manifests -type f ! -name since 2>/dev/null || true";
        assert_eq!(on(host, left), "", "{host}");
    }
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_converged();
}
