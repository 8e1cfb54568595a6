//! The kubelet's settings: its flags, which win, and its configuration file; and that it runs with that file.

use serde_json::Value;

use super::api_server::strong_suites;
use crate::audit::control::{Check, Control, Verdict};
use crate::audit::seen::Node;
use crate::audit::seen::programs::{KUBE_PROXY, KUBELET};

const fn setting(id: &'static str, title: &'static str, check: fn(&Node<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::Node(check))
        .how("the kubelet's flags, and the configuration file that they name")
        .remedy(
            "forge up INVENTORY, unless kubeadm.kubeletConfiguration in the inventory sets it; elsewhere: \
         /var/lib/kubelet/config.yaml, kubeadm's ConfigMap kubelet-config, and systemctl restart kubelet",
        )
}

/// A setting by its flag's name and its place in the file.
fn judge(node: &Node<'_>, flag: &str, place: &str, good: impl Fn(Option<&str>) -> bool) -> Verdict {
    if let Some(value) = node.programs.flag(KUBELET, flag) {
        return Verdict::of(good(Some(value)), format!("--{flag}={value}"));
    }
    let Some(file) = &node.documents.kubelet else {
        return Verdict::NotChecked("the kubelet's configuration could not be read".to_owned());
    };
    let value = place.split('.').fold(file, |value, key| &value[key]);
    let text = match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
        other => Some(other.to_string()),
    };
    let words = text.as_ref().map_or_else(|| format!("{place} is not set"), |text| format!("{place}: {text}"));
    Verdict::of(good(text.as_deref()), words)
}

fn is(wanted: &'static str) -> impl Fn(Option<&str>) -> bool {
    move |value| value == Some(wanted)
}

fn serving_certificate(node: &Node<'_>) -> Verdict {
    let file = judge(node, "tls-cert-file", "tlsCertFile", |value| value.is_some_and(|value| !value.is_empty()));
    if let Verdict::Pass(_) = file {
        return judge(node, "tls-private-key-file", "tlsPrivateKeyFile", |value| {
            value.is_some_and(|value| !value.is_empty())
        });
    }
    let requested = judge(node, "rotate-server-certificates", "serverTLSBootstrap", is("true"));
    if !matches!(requested, Verdict::Pass(_)) {
        return requested;
    }
    let current = node.certificates.iter().find(|seen| seen.path.ends_with("/kubelet-server-current.pem"));
    match current.map(|seen| &seen.certificate) {
        Some(Ok(certificate)) => Verdict::Pass(format!("signed by {}", certificate.issuer)),
        Some(Err(why)) => Verdict::Fail(why.clone()),
        None => Verdict::Fail("it is requested from the cluster, and was not signed yet".to_owned()),
    }
}

/// What was written after the kubelet's start is not what it runs with.
fn fresh(node: &Node<'_>) -> Verdict {
    match node.documents.kubelet_written_and_started {
        None => Verdict::NotChecked("the kubelet does not run, or its configuration is not there".to_owned()),
        Some((written, started)) if written > started + 1 => Verdict::Fail(format!(
            "the configuration was written {} s after the kubelet had started",
            written - started
        )),
        Some(_) => Verdict::Pass("the kubelet started after its configuration was written".to_owned()),
    }
}

fn kubelet_stranger(node: &Node<'_>) -> Verdict {
    let said = &node.proofs.kubelet_to_stranger;
    let refused =
        ["Unauthorized", "must be logged in", "Forbidden", "forbidden"].iter().any(|word| said.contains(word));
    if !refused
        && (said.is_empty()
            || said.contains("refused")
            || said.contains("timeout")
            || said.contains("tls: internal error"))
    {
        return Verdict::NotChecked(format!("nobody answered: {said}"));
    }
    Verdict::of(refused, said.chars().take(120).collect::<String>())
}

/// Nothing but loopback; a port that nobody listens on is as good.
fn local(node: &Node<'_>, ports: &[u16]) -> Verdict {
    if node.system.listening.is_empty() {
        return Verdict::NotChecked("the listening sockets could not be read".to_owned());
    }
    let open: Vec<String> = ports.iter().flat_map(|port| node.system.open_to_others(*port)).collect();
    Verdict::unless(&open, "nothing listens there but on loopback")
}

fn proxy_metrics(node: &Node<'_>) -> Verdict {
    if node.programs.runs(KUBE_PROXY) {
        local(node, &[10249])
    } else {
        Verdict::NotApplicable("kube-proxy does not run here".to_owned())
    }
}

pub(super) const CONTROLS: &[Control] = &[
    setting("CIS-4.2.1", "The kubelet answers no anonymous requests", |node| {
        judge(node, "anonymous-auth", "authentication.anonymous.enabled", is("false"))
    })
    .high(),
    setting("CIS-4.2.2", "The kubelet asks the API server who may do what", |node| {
        judge(node, "authorization-mode", "authorization.mode", |value| {
            value.is_some_and(|value| value != "AlwaysAllow")
        })
    })
    .high(),
    setting("CIS-4.2.3", "The kubelet checks client certificates against a CA", |node| {
        judge(node, "client-ca-file", "authentication.x509.clientCAFile", |value| {
            value.is_some_and(|value| !value.is_empty())
        })
    })
    .high(),
    setting("CIS-4.2.4", "The kubelet's read-only port is closed", |node| {
        match judge(node, "read-only-port", "readOnlyPort", |value| value.is_none_or(|value| value == "0")) {
            Verdict::Pass(_) => local(node, &[10255]),
            other => other,
        }
    })
    .high()
    .unscored(),
    setting("CIS-4.2.5", "Idle streams end", |node| {
        judge(node, "streaming-connection-idle-timeout", "streamingConnectionIdleTimeout", |value| value != Some("0"))
    })
    .low()
    .unscored(),
    setting("CIS-4.2.6", "The kubelet keeps its iptables chains", |node| {
        judge(node, "make-iptables-util-chains", "makeIPTablesUtilChains", |value| {
            value.is_none_or(|value| value == "true")
        })
    })
    .low(),
    setting("CIS-4.2.7", "The node's name is the host's", |node| {
        match node.programs.flag(KUBELET, "hostname-override") {
            Some(name) => Verdict::Fail(format!("--hostname-override={name}")),
            None if node.programs.runs(KUBELET) => Verdict::Pass("--hostname-override is not set".to_owned()),
            None => Verdict::NotChecked("the kubelet does not run".to_owned()),
        }
    })
    .low()
    .unscored(),
    setting("CIS-4.2.8", "Events are not thrown away early", |node| {
        judge(node, "event-qps", "eventRecordQPS", |value| {
            value.is_none_or(|value| value.parse::<u32>().is_ok_and(|number| number == 0 || number >= 5))
        })
    })
    .low()
    .unscored(),
    setting("CIS-4.2.9", "The kubelet serves with a certificate of the cluster", serving_certificate).unscored(),
    setting("CIS-4.2.10", "The kubelet renews its client certificate", |node| {
        judge(node, "rotate-certificates", "rotateCertificates", is("true"))
    }),
    setting("CIS-4.2.11", "The kubelet renews its serving certificate", |node| {
        judge(node, "feature-gates", "featureGates.RotateKubeletServerCertificate", |value| {
            value.is_none_or(|value| value != "false" && !value.contains("RotateKubeletServerCertificate=false"))
        })
    })
    .unscored(),
    setting("CIS-4.2.12", "The kubelet's TLS suites are strong", |node| {
        judge(node, "tls-cipher-suites", "tlsCipherSuites", strong_suites)
    })
    .unscored(),
    setting("CIS-4.2.13", "A pod cannot use up all processes of a node", |node| {
        judge(node, "pod-max-pids", "podPidsLimit", |value| {
            value.is_some_and(|value| value.parse::<i64>().is_ok_and(|number| number > 0))
        })
    })
    .unscored(),
    setting("CIS-4.2.14", "Pods without a seccomp profile get the runtime's", |node| {
        judge(node, "seccomp-default", "seccompDefault", is("true"))
    })
    .unscored(),
    setting("CIS-4.3.1", "kube-proxy's metrics are served on loopback only", proxy_metrics)
        .low()
        .how("the listening sockets"),
    setting("FORGE-KUBELET-FRESH", "The kubelet runs with the configuration that lies there", fresh)
        .how("when the file was written against when the kubelet started")
        .remedy("systemctl restart kubelet"),
    setting("FORGE-KUBELET-STRANGER", "The kubelet tells a stranger nothing", kubelet_stranger)
        .high()
        .how("a request to /pods without credentials to the kubelet's port"),
    setting("FORGE-LOCAL-PORTS", "Health and metrics ports without a login are closed to others", |node| {
        local(node, &[2381, 10248, 10257, 10259])
    })
    .how("the listening sockets")
    .remedy("bind etcd's metrics, the kubelet's health port, controller manager and scheduler to loopback"),
];

#[cfg(test)]
mod tests {
    use super::super::find;
    use crate::audit::judge::tests::{node, verdict};

    fn with(id: &str, flags: &str, config: &str) -> String {
        let (running, documents) =
            (format!("=== kubelet\n/usr/bin/kubelet\n{flags}\n"), format!("=== kubelet /c\n{config}\n"));
        let sockets = "LISTEN 0 4096 127.0.0.1:10248 0.0.0.0:*\n";
        verdict(
            find(id).unwrap(),
            &node(&[
                ("audit programs", running.as_str()),
                ("audit documents", documents.as_str()),
                ("audit sockets", sockets),
            ]),
        )
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let file = "authentication: {anonymous: {enabled: false}}";
        assert_eq!(with("CIS-4.2.1", "", file), "pass: authentication.anonymous.enabled: false");
        assert_eq!(with("CIS-4.2.1", "--anonymous-auth=true", file), "fail: --anonymous-auth=true");
        assert_eq!(with("CIS-4.2.1", "", "authentication: {}"), "fail: authentication.anonymous.enabled is not set");
    }

    #[test]
    fn each_setting_is_judged_by_its_own_rule() {
        for (id, config, good) in [
            ("CIS-4.2.2", "authorization: {mode: Webhook}", true),
            ("CIS-4.2.2", "authorization: {mode: AlwaysAllow}", false),
            ("CIS-4.2.3", "authentication: {x509: {clientCAFile: /ca}}", true),
            ("CIS-4.2.4", "readOnlyPort: 0", true),
            ("CIS-4.2.4", "readOnlyPort: 10255", false),
            ("CIS-4.2.5", "streamingConnectionIdleTimeout: 0s", true),
            ("CIS-4.2.6", "makeIPTablesUtilChains: false", false),
            ("CIS-4.2.8", "eventRecordQPS: 1", false),
            ("CIS-4.2.8", "a: 1", true),
            ("CIS-4.2.10", "rotateCertificates: false", false),
            ("CIS-4.2.11", "featureGates: {RotateKubeletServerCertificate: false}", false),
            ("CIS-4.2.12", "tlsCipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]", true),
            ("CIS-4.2.12", "tlsCipherSuites: [TLS_RSA_WITH_3DES_EDE_CBC_SHA]", false),
            ("CIS-4.2.13", "podPidsLimit: -1", false),
            ("CIS-4.2.14", "seccompDefault: true", true),
        ] {
            let found = with(id, "", config);
            assert_eq!(found.starts_with("pass"), good, "{id} {config}: {found}");
        }
    }

    #[test]
    fn a_configuration_that_is_newer_than_the_kubelet_is_not_what_it_runs_with() {
        let of = |times: &str| verdict(find("FORGE-KUBELET-FRESH").unwrap(), &node(&[("audit documents", times)]));
        assert!(of("=== times\n1000 2000 900\n").starts_with("pass"));
        assert_eq!(
            of("=== times\n1500 2000 900\n"),
            "fail: the configuration was written 400 s after the kubelet had started"
        );
        assert!(of("").starts_with("not checked"));
    }
}
