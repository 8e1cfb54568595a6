//! Live questions: who answers a stranger, what the audit log holds, which encryption configuration an API server has loaded.

use super::ARGUMENTS;
use crate::host::facts::Probe;
use crate::host::{Observed, quote};
use crate::inventory::cluster::Host;

/// What was answered.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// What the kubelet's port said to a stranger.
    pub kubelet_to_stranger: String,
    /// What the API server said to a stranger who wants to see what there is, and who wants to join.
    pub api_to_stranger: String,
    /// What etcd said to a stranger.
    pub etcd_to_stranger: String,
    /// The audit log, when the API server writes one to a file.
    pub audit_log: Option<AuditLog>,
    /// SHA-256 of the encryption configuration that the API server has loaded; empty when it does not tell.
    pub loaded_encryption: String,
}

/// What the audit log's newest part holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditLog {
    /// Seconds since it was written to.
    pub silent_for: i64,
    /// Events.
    pub events: u64,
    /// Events about secrets, config maps or tokens with the body of a request or an answer.
    pub bodies: u64,
}

const STRANGER: &str = "audit stranger at the kubelet";
const STRANGERS: &str = "audit strangers at the control plane";
const LOG: &str = "audit log";
const LOADED: &str = "audit loaded encryption";

/// Defines `stranger URL PATH`: what a request without credentials is told. kubectl would ask a person for a name when it has
/// nothing at all; basic authentication is what no Kubernetes server knows any more, so that it is nobody's credential.
const ASK: &str = r#"stranger() { timeout 10 kubectl --kubeconfig=/dev/null --username=stranger --password=none --server="$1" --insecure-skip-tls-verify --request-timeout=5s get --raw "$2" 2>&1 | head -c 400 | tr '\n\t' '  '; echo; }"#;

pub(super) fn of_node(host: &Host) -> Probe {
    let kubelet = std::net::SocketAddr::new(host.address, 10250);
    Probe::slow(STRANGER, format!("{ASK}\nstranger {} /pods", quote(&format!("https://{kubelet}"))))
}

pub(super) fn of_control_plane() -> Vec<Probe> {
    vec![
        Probe::slow(STRANGERS, format!("{ARGUMENTS}\n{ASK}\n{STRANGERS_SHELL}")),
        Probe::slow(LOG, format!("{ARGUMENTS}\n{LOG_SHELL}")),
        Probe::slow(LOADED, format!("{ARGUMENTS}\n{LOADED_SHELL}")),
    ]
}

const STRANGERS_SHELL: &str = r#"server="https://$(option kube-apiserver advertise-address):$(option kube-apiserver secure-port)"
stranger "$server" /api
stranger "$(option etcd advertise-client-urls | cut -d, -f1)" /version"#;

/// Only the newest 32 MiB are read: the log is rotated, and a policy that logs bodies shows in every hour of it.
const LOG_SHELL: &str = r#"log=$(option kube-apiserver audit-log-path)
[ -f "$log" ] || exit 0
echo "$(($(date +%s) - $(stat -c %Y "$log")))"
tail -c 33554432 "$log" | awk '/"kind":"Event"/ {events++} /"objectRef":\{"resource":"(secrets|configmaps)"|"subresource":"token"|"resource":"tokenreviews"/ && /"(request|response)Object":/ {bodies++} END {print events + 0; print bodies + 0}'"#;

const LOADED_SHELL: &str = r#"server="https://$(option kube-apiserver advertise-address):$(option kube-apiserver secure-port)"
[ -n "$(option kube-apiserver encryption-provider-config)" ] || exit 0
kubectl --server="$server" --request-timeout=20s get --raw /metrics | sed -n 's/^apiserver_encryption_config_controller_last_config_info{.*hash="sha256:\([0-9a-f]*\)".*/\1/p' | tail -n 1"#;

pub(super) fn read(observed: &Observed) -> Proofs {
    let mut strangers = observed.get(STRANGERS).lines().map(|line| line.trim().to_owned());
    let numbers: Vec<i64> = observed.get(LOG).lines().filter_map(|line| line.trim().parse().ok()).collect();
    let audit_log = match numbers[..] {
        [silent_for, events, bodies] => {
            Some(AuditLog { silent_for, events: events.unsigned_abs(), bodies: bodies.unsigned_abs() })
        }
        _ => None,
    };
    Proofs {
        kubelet_to_stranger: observed.get(STRANGER).trim().to_owned(),
        api_to_stranger: strangers.next().unwrap_or_default(),
        etcd_to_stranger: strangers.next().unwrap_or_default(),
        audit_log,
        loaded_encryption: observed.get(LOADED).trim().to_owned(),
    }
}
