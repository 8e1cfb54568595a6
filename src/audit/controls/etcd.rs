//! etcd: who may talk to it.

use super::api_server::HOW;
use crate::audit::control::{Check, Control, Verdict};
use crate::audit::seen::Node;
use crate::audit::seen::programs::{API_SERVER, ETCD};

const fn flag(id: &'static str, title: &'static str, check: fn(&Node<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::ControlPlane(check)).high().how(HOW).remedy(
        "put the flag of /etc/kubernetes/manifests/etcd.yaml back: kubeadm init phase etcd local writes it anew",
    )
}

fn judge(node: &Node<'_>, name: &str, good: impl Fn(Option<&str>) -> bool) -> Verdict {
    node.programs.judge(ETCD, name, good)
}

fn both(node: &Node<'_>, one: &str, other: &str) -> Verdict {
    let is_set = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
    match judge(node, one, is_set) {
        Verdict::Pass(first) => match judge(node, other, is_set) {
            Verdict::Pass(second) => Verdict::Pass(format!("{first} {second}")),
            bad => bad,
        },
        bad => bad,
    }
}

/// etcd trusts another CA than the API server does, or every client certificate of the cluster would open it.
fn own_ca(node: &Node<'_>) -> Verdict {
    let (Some(etcd), Some(cluster)) =
        (node.programs.flag(ETCD, "trusted-ca-file"), node.programs.flag(API_SERVER, "client-ca-file"))
    else {
        return judge(node, "trusted-ca-file", |value| value.is_some_and(|value| !value.is_empty()));
    };
    Verdict::of(etcd != cluster, format!("etcd trusts {etcd}, the API server {cluster}"))
}

/// What a TLS server says to a client without a certificate. Any answer of HTTP means that it was let in.
fn stranger(node: &Node<'_>) -> Verdict {
    let said = &node.proofs.etcd_to_stranger;
    if !node.programs.runs(ETCD) {
        return Verdict::NotApplicable("no etcd runs here".to_owned());
    }
    if said.is_empty() || said.contains("refused") || said.contains("timeout") || said.contains("no such host") {
        return Verdict::NotChecked(format!("nobody answered: {said}"));
    }
    // Which words the client ends with depends on whether it wrote before etcd's alert came; an answer has others.
    Verdict::of(said.starts_with("Unable to connect to the server"), said.clone())
}

pub(super) const CONTROLS: &[Control] = &[
    flag("CIS-2.1", "etcd serves TLS", |node| both(node, "cert-file", "key-file")),
    flag("CIS-2.2", "etcd's clients show a certificate", |node| {
        judge(node, "client-cert-auth", |value| value == Some("true"))
    }),
    flag("CIS-2.3", "etcd signs no certificate for itself", |node| {
        judge(node, "auto-tls", |value| value != Some("true"))
    }),
    flag("CIS-2.4", "etcd's members talk TLS", |node| both(node, "peer-cert-file", "peer-key-file")),
    flag("CIS-2.5", "etcd's members show each other a certificate", |node| {
        judge(node, "peer-client-cert-auth", |value| value == Some("true"))
    }),
    flag("CIS-2.6", "etcd's members sign no certificate for themselves", |node| {
        judge(node, "peer-auto-tls", |value| value != Some("true"))
    }),
    flag("CIS-2.7", "etcd has a CA of its own", own_ca).unscored(),
    flag("FORGE-ETCD-STRANGER", "etcd turns away who shows no certificate", stranger)
        .how("a request without a certificate to etcd's client port"),
];

#[cfg(test)]
mod tests {
    use super::super::find;
    use crate::audit::judge::tests::{node, verdict};

    #[test]
    fn a_stranger_is_turned_away_or_it_was_not_checked() {
        let running = "=== etcd\netcd\n--client-cert-auth=true\n";
        for (said, expected) in [
            ("Unable to connect to the server: remote error: tls: certificate required", "pass"),
            ("Unable to connect to the server: write tcp 10.0.0.1:1->10.0.0.1:2379: write: broken pipe", "pass"),
            ("Unable to connect to the server: http2: client conn could not be established", "pass"),
            ("{\"etcdserver\":\"3.6.8\"}", "fail"),
            ("The connection to the server 10.0.0.1:2379 was refused", "not checked"),
            ("", "not checked"),
        ] {
            let strangers = format!("api\n{said}");
            let node =
                node(&[("audit programs", running), ("audit strangers at the control plane", strangers.as_str())]);
            let found = verdict(find("FORGE-ETCD-STRANGER").unwrap(), &node);
            assert_eq!(found.split(':').next().unwrap(), expected, "{found}");
        }
        assert!(
            verdict(find("CIS-2.1").unwrap(), &node(&[])).starts_with("not applicable"),
            "an external etcd is elsewhere"
        );
    }
}
