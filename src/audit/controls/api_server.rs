//! The API server's flags, as it runs and as its manifest would run it.

use serde_json::Value;

use crate::audit::control::{Check, Control, Verdict, nsa};
use crate::audit::seen::Node;
use crate::audit::seen::programs::{API_SERVER, has_word};

pub(super) const HOW: &str = "the flags of the running process and of its manifest";
const REMEDY: &str = "forge up INVENTORY, unless kubeadm.clusterConfiguration in the inventory sets it; elsewhere: the flag in \
    /etc/kubernetes/manifests/kube-apiserver.yaml and in kubeadm's ConfigMap";

const fn flag(id: &'static str, title: &'static str, check: fn(&Node<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::ControlPlane(check)).how(HOW).remedy(REMEDY)
}

fn judge(node: &Node<'_>, name: &str, good: impl Fn(Option<&str>) -> bool) -> Verdict {
    node.programs.judge(API_SERVER, name, good)
}

/// Both flags of a pair.
fn both(node: &Node<'_>, one: &str, other: &str) -> Verdict {
    match judge(node, one, is_set) {
        Verdict::Pass(first) => match judge(node, other, is_set) {
            Verdict::Pass(second) => Verdict::Pass(format!("{first} {second}")),
            bad => bad,
        },
        bad => bad,
    }
}

fn is_set(value: Option<&str>) -> bool {
    value.is_some_and(|value| !value.is_empty())
}

fn at_least(value: Option<&str>, least: u32) -> bool {
    value.and_then(|value| value.parse::<u32>().ok()).is_some_and(|value| value >= least)
}

/// Strong suites in Kubernetes' spelling; of TLS 1.3 all are.
pub(super) fn strong_suites(value: Option<&str>) -> bool {
    const STRONG: [&str; 8] = [
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ];
    let strong = |suite: &str| {
        STRONG.contains(&suite.trim())
            || suite.trim().starts_with("TLS_AES_")
            || suite.trim() == "TLS_CHACHA20_POLY1305_SHA256"
    };
    value.is_some_and(|value| value.split(',').all(strong))
}

/// `60s`, `1m0s`: how long; Go's notation.
fn seconds(text: &str) -> Option<f64> {
    let (mut total, mut number) = (0.0, String::new());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '0'..='9' | '.' => number.push(letter),
            'h' | 'm' | 's' => {
                let unit = match letter {
                    'h' => 3600.0,
                    'm' if letters.peek() == Some(&'s') => {
                        letters.next();
                        0.001
                    }
                    'm' => 60.0,
                    _ => 1.0,
                };
                total += number.parse::<f64>().ok()? * unit;
                number.clear();
            }
            _ => return None,
        }
    }
    number.is_empty().then_some(total)
}

/// Anonymous requests are refused, or allowed for health checks only.
fn anonymous(node: &Node<'_>) -> Verdict {
    let off = judge(node, "anonymous-auth", |value| value == Some("false"));
    if let Verdict::Pass(_) | Verdict::NotChecked(_) = off {
        return off;
    }
    let Some(document) = &node.documents.authentication else { return off };
    let anonymous = &document["anonymous"];
    let paths: Vec<&str> =
        anonymous["conditions"].as_array().into_iter().flatten().filter_map(|one| one["path"].as_str()).collect();
    let harmless = |path: &&str| ["/livez", "/readyz", "/healthz"].contains(path);
    if anonymous["enabled"] == Value::Bool(false) {
        return Verdict::Pass("the AuthenticationConfiguration turns anonymous requests off".to_owned());
    }
    Verdict::of(
        !paths.is_empty() && paths.iter().all(harmless),
        if paths.is_empty() {
            "the AuthenticationConfiguration allows anonymous requests everywhere".to_owned()
        } else {
            format!("anonymous requests reach {} only", paths.join(", "))
        },
    )
}

/// A mode of authorization, which a file may name instead of the flag.
fn authorization(node: &Node<'_>, good: impl Fn(Option<&str>) -> bool) -> Verdict {
    match node.programs.flag(API_SERVER, "authorization-config") {
        Some(file) => Verdict::Manual(format!("{file} says how requests are authorized: read it")),
        None => judge(node, "authorization-mode", good),
    }
}

fn always_pull(node: &Node<'_>) -> Verdict {
    match judge(node, "enable-admission-plugins", |value| has_word(value, "AlwaysPullImages")) {
        Verdict::Fail(found) => {
            let kubelet =
                node.documents.kubelet.as_ref().map(|config| &config["imagePullCredentialsVerificationPolicy"]);
            match kubelet.and_then(Value::as_str) {
                Some("AlwaysVerify") => Verdict::Pass("the kubelet verifies pull credentials: AlwaysVerify".to_owned()),
                _ => Verdict::Manual(format!(
                    "{found}; it would make the registry part of every pod's start: needed where tenants share nodes"
                )),
            }
        }
        other => other,
    }
}

fn request_timeout(node: &Node<'_>) -> Verdict {
    judge(node, "request-timeout", |value| {
        value.is_none_or(|text| seconds(text).is_some_and(|long| (1.0..=300.0).contains(&long)))
    })
}

fn strong_provider(node: &Node<'_>) -> Verdict {
    let set = judge(node, "encryption-provider-config", is_set);
    let Verdict::Pass(_) = set else { return set };
    let Some((encryption, _)) = &node.documents.encryption else {
        return Verdict::NotChecked("the encryption configuration could not be read".to_owned());
    };
    let providers = encryption.groups.iter().filter_map(|group| group.providers.first());
    let names: Vec<String> = providers.map(|(name, _)| name.clone()).collect();
    let strong = |name: &String| ["secretbox", "aescbc", "kms"].contains(&name.as_str());
    Verdict::of(!names.is_empty() && names.iter().all(strong), format!("encrypts with {}", names.join(", ")))
}

pub(super) const CONTROLS: &[Control] = &[
    flag("CIS-1.2.1", "Anonymous requests reach nothing but health checks", anonymous)
        .high()
        .unscored()
        .how("the flag, or the AuthenticationConfiguration that the API server reads")
        .also(&[nsa::ACCESS]),
    flag("CIS-1.2.2", "No file of static tokens is accepted", |node| {
        judge(node, "token-auth-file", |value| value.is_none())
    })
    .high(),
    flag("CIS-1.2.3", "Services may not take over foreign addresses", |node| {
        judge(node, "enable-admission-plugins", |value| has_word(value, "DenyServiceExternalIPs"))
    })
    .unscored(),
    flag("CIS-1.2.4", "The API server shows kubelets a client certificate", |node| {
        both(node, "kubelet-client-certificate", "kubelet-client-key")
    })
    .high(),
    flag("CIS-1.2.5", "The API server checks the kubelets' certificates", |node| {
        judge(node, "kubelet-certificate-authority", is_set)
    })
    .high(),
    flag("CIS-1.2.6", "Not every request is authorized", |node| {
        authorization(node, |value| is_set(value) && !has_word(value, "AlwaysAllow"))
    })
    .high()
    .also(&[nsa::ACCESS]),
    flag("CIS-1.2.7", "Nodes are authorized as nodes", |node| authorization(node, |value| has_word(value, "Node")))
        .high(),
    flag("CIS-1.2.8", "Everybody else is authorized by roles", |node| {
        authorization(node, |value| has_word(value, "RBAC"))
    })
    .high()
    .also(&[nsa::ACCESS]),
    flag("CIS-1.2.9", "Floods of events are bounded", |node| {
        judge(node, "enable-admission-plugins", |value| has_word(value, "EventRateLimit"))
    })
    .low()
    .unscored(),
    flag("CIS-1.2.10", "No admission plugin admits everything", |node| {
        judge(node, "enable-admission-plugins", |value| !has_word(value, "AlwaysAdmit"))
    })
    .high(),
    flag("CIS-1.2.11", "Pods need the right to pull an image that a node already has", always_pull)
        .low()
        .unscored()
        .remedy(
            "kubeadm.clusterConfiguration.apiServer.extraArgs: enable-admission-plugins with AlwaysPullImages, or \
                 kubeadm.kubeletConfiguration.imagePullCredentialsVerificationPolicy: AlwaysVerify",
        ),
    flag("CIS-1.2.12", "Pods get service accounts by admission", |node| {
        judge(node, "disable-admission-plugins", |value| !has_word(value, "ServiceAccount"))
    }),
    flag("CIS-1.2.13", "Nothing is made in namespaces that are going", |node| {
        judge(node, "disable-admission-plugins", |value| !has_word(value, "NamespaceLifecycle"))
    }),
    flag("CIS-1.2.14", "Kubelets change only their own node and pods", |node| {
        judge(node, "enable-admission-plugins", |value| has_word(value, "NodeRestriction"))
    })
    .high(),
    flag("CIS-1.2.15", "The API server serves no profiles", |node| {
        judge(node, "profiling", |value| value == Some("false"))
    })
    .low(),
    flag("CIS-1.2.16", "The API server writes an audit log", |node| judge(node, "audit-log-path", is_set))
        .high()
        .also(&[nsa::AUDIT]),
    flag("CIS-1.2.17", "Audit logs are kept for 30 days at least", |node| {
        judge(node, "audit-log-maxage", |value| at_least(value, 30))
    })
    .also(&[nsa::AUDIT]),
    flag("CIS-1.2.18", "Ten rotated audit logs are kept at least", |node| {
        judge(node, "audit-log-maxbackup", |value| at_least(value, 10))
    })
    .low(),
    flag("CIS-1.2.19", "Audit logs are rotated at 100 MB or more", |node| {
        judge(node, "audit-log-maxsize", |value| at_least(value, 100))
    })
    .low(),
    flag("CIS-1.2.20", "Requests end after a while, and not at once", request_timeout).low().unscored(),
    flag("CIS-1.2.21", "Tokens of deleted service accounts are refused", |node| {
        judge(node, "service-account-lookup", |value| value.is_none_or(|value| value == "true"))
    }),
    flag("CIS-1.2.22", "Service-account tokens are verified with a key of their own", |node| {
        judge(node, "service-account-key-file", is_set)
    }),
    flag("CIS-1.2.23", "The API server shows etcd a client certificate", |node| {
        both(node, "etcd-certfile", "etcd-keyfile")
    })
    .high(),
    flag("CIS-1.2.24", "The API server serves TLS with its own certificate", |node| {
        both(node, "tls-cert-file", "tls-private-key-file")
    })
    .high(),
    flag("CIS-1.2.25", "Client certificates are checked against a CA", |node| judge(node, "client-ca-file", is_set))
        .high(),
    flag("CIS-1.2.26", "The API server checks etcd's certificate", |node| judge(node, "etcd-cafile", is_set)).high(),
    flag("CIS-1.2.27", "Secrets are encrypted before they reach etcd", |node| {
        judge(node, "encryption-provider-config", is_set)
    })
    .high()
    .unscored(),
    flag("CIS-1.2.28", "A strong provider encrypts", strong_provider)
        .high()
        .unscored()
        .how("the encryption configuration that the API server reads, its keys blotted out on the host"),
    flag("CIS-1.2.29", "The API server's TLS suites are strong", |node| {
        judge(node, "tls-cipher-suites", strong_suites)
    })
    .unscored(),
    flag("CIS-1.2.30", "Service-account tokens are not stretched to a year", |node| {
        judge(node, "service-account-extend-token-expiration", |value| value == Some("false"))
    }),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::find;
    use super::{seconds, strong_suites};
    use crate::audit::judge::tests::{node, verdict};

    /// The verdict of a control on an API server that runs with these flags and has no manifest.
    fn with(id: &str, flags: &str, documents: &str) -> String {
        let running = format!("=== kube-apiserver\nkube-apiserver\n{}\n", flags.replace(' ', "\n"));
        verdict(find(id).unwrap(), &node(&[("audit programs", running.as_str()), ("audit documents", documents)]))
    }

    #[test]
    fn each_flag_is_judged_by_its_own_rule() {
        for (id, flags, good) in [
            ("CIS-1.2.2", "", true),
            ("CIS-1.2.2", "--token-auth-file=/x", false),
            ("CIS-1.2.3", "--enable-admission-plugins=NodeRestriction,DenyServiceExternalIPs", true),
            ("CIS-1.2.4", "--kubelet-client-certificate=/a --kubelet-client-key=/b", true),
            ("CIS-1.2.4", "--kubelet-client-certificate=/a", false),
            ("CIS-1.2.6", "--authorization-mode=Node,RBAC", true),
            ("CIS-1.2.6", "--authorization-mode=Node,AlwaysAllow", false),
            ("CIS-1.2.6", "", false),
            ("CIS-1.2.10", "--enable-admission-plugins=AlwaysAdmit", false),
            ("CIS-1.2.12", "--disable-admission-plugins=ServiceAccount", false),
            ("CIS-1.2.14", "--enable-admission-plugins=EventRateLimit", false),
            ("CIS-1.2.15", "--profiling", false),
            ("CIS-1.2.15", "--profiling=true --profiling=false", true),
            ("CIS-1.2.17", "--audit-log-maxage=30", true),
            ("CIS-1.2.17", "--audit-log-maxage=29", false),
            ("CIS-1.2.18", "--audit-log-maxbackup=ten", false),
            ("CIS-1.2.20", "", true),
            ("CIS-1.2.20", "--request-timeout=0s", false),
            ("CIS-1.2.20", "--request-timeout=3m0s", true),
            ("CIS-1.2.21", "--service-account-lookup=false", false),
            ("CIS-1.2.30", "", false),
        ] {
            let found = with(id, flags, "");
            assert_eq!(found.starts_with("pass"), good, "{id} {flags}: {found}");
        }
        assert!(with("CIS-1.2.6", "--authorization-config=/x", "").starts_with("manual"));
        assert!(with("CIS-1.2.11", "", "").starts_with("manual"), "a choice is never a failure");
        assert!(
            with("CIS-1.2.11", "", "=== kubelet x\nimagePullCredentialsVerificationPolicy: AlwaysVerify\n")
                .starts_with("pass")
        );
    }

    #[test]
    fn anonymous_access_is_off_or_for_health_checks_only() {
        let with_file =
            |text: &str| with("CIS-1.2.1", "--authentication-config=/x", &format!("=== authentication /x\n{text}"));
        assert!(with("CIS-1.2.1", "--anonymous-auth=false", "").starts_with("pass"));
        assert_eq!(with("CIS-1.2.1", "", ""), "fail: --anonymous-auth is not set");
        assert_eq!(
            with_file("anonymous: {enabled: true, conditions: [{path: /livez}, {path: /readyz}]}\n"),
            "pass: anonymous requests reach /livez, /readyz only"
        );
        assert!(with_file("anonymous: {enabled: false}\n").starts_with("pass"));
        assert!(with_file("anonymous: {enabled: true}\n").starts_with("fail"));
        assert!(with_file("anonymous: {enabled: true, conditions: [{path: /api}]}\n").starts_with("fail"));
    }

    #[test]
    fn a_weak_suite_among_strong_ones_fails() {
        assert!(strong_suites(Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_AES_128_GCM_SHA256")));
        assert!(!strong_suites(Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_128_CBC_SHA")));
        assert!(!strong_suites(None) && !strong_suites(Some("")));
    }

    proptest! {
        #[test]
        fn durations_are_read_as_go_writes_them(hours in 0u32..100, minutes in 0u32..60, secs in 0u32..60) {
            let total = f64::from(hours * 3600 + minutes * 60 + secs);
            prop_assert_eq!(seconds(&format!("{hours}h{minutes}m{secs}s")), Some(total));
            prop_assert_eq!(seconds(&format!("{secs}")), None);
        }
    }
}
