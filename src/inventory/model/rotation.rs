//! `rotation`: how old keys, certificates and tokens may become.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How old what can be replaced may become before `forge status` complains: a number of days (`90d`) or hours (`24h`).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Rotation {
    /// Certificates that kubeadm issued. The kubelets renew their own.
    pub certificates: String,
    /// The key that encrypts objects in etcd.
    pub encryption_key: String,
    /// Bootstrap tokens, uploaded certificates, and service accounts' tokens in secrets.
    pub tokens: String,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { certificates: "90d".to_owned(), encryption_key: "90d".to_owned(), tokens: "24h".to_owned() }
    }
}
