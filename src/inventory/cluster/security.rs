//! `security`: how the API server is hardened, as wanted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::host_security::HostSecurity;

/// Hardening that has a choice.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Security {
    /// Pod Security admission.
    pub pod_security: PodSecurity,
    /// Network policies.
    pub network_policy: NetworkPolicy,
    /// Container images.
    pub images: Images,
    /// Encryption of objects in etcd.
    pub encryption: Encryption,
    /// The API server's audit log.
    pub audit: Audit,
    /// OpenID Connect issuers whose tokens the API server takes.
    pub oidc: Vec<Issuer>,
    /// Sysctls added to or overriding ours; `None` drops one.
    pub sysctls: BTreeMap<String, Option<String>>,
    /// The machines themselves.
    #[serde(flatten)]
    pub host: HostSecurity,
}

/// Defaults for namespaces without labels of their own.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSecurity {
    /// Level that refuses pods: `privileged`, `baseline` or `restricted`.
    pub enforce: String,
    /// Level that is written to the audit log.
    pub audit: String,
    /// Level that warns the client.
    pub warn: String,
    /// Namespaces that are not looked at.
    pub exempt_namespaces: Vec<String>,
}

/// Network policies that forge keeps in place.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// Namespaces in which nothing is allowed but DNS.
    pub default_deny_namespaces: Vec<String>,
}

/// Which images pods may have.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// Whether a tag other than `latest`, or a digest, is needed.
    pub forbid_latest: bool,
    /// `registry.k8s.io` or `ghcr.io/acme`, without a slash at the end; empty allows all.
    pub allowed_registries: Vec<String>,
}

/// How objects are encrypted in etcd.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// The provider that encrypts what is written.
    pub provider: EncryptionProvider,
    /// Resources as the API server names them: `secrets`, `configmaps`, `widgets.example.com`.
    pub resources: Vec<String>,
}

/// An `EncryptionConfiguration` provider with a local 32-byte key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EncryptionProvider {
    /// XSalsa20 and Poly1305: upstream's recommendation among local keys.
    Secretbox,
    /// AES in CBC mode: weak by upstream's own word, wanted by some rule books.
    Aescbc,
    /// AES in GCM mode with a random nonce: must be rotated often.
    Aesgcm,
}

impl EncryptionProvider {
    /// The provider's key in an `EncryptionConfiguration`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secretbox => "secretbox",
            Self::Aescbc => "aescbc",
            Self::Aesgcm => "aesgcm",
        }
    }
}

/// The API server's audit log.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Absolute path of the user's own policy; `None` is ours.
    pub policy: Option<PathBuf>,
    /// Absolute path of the kubeconfig of a backend that gets every event.
    pub webhook: Option<PathBuf>,
    /// Days.
    pub max_age: u32,
    /// Files.
    pub max_backup: u32,
    /// Mebibytes.
    pub max_size: u32,
}

/// An OpenID Connect issuer whose tokens the API server takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issuer {
    /// Its https URL, exactly as tokens name it.
    pub url: String,
    /// A token must be made for one of these.
    pub audiences: Vec<String>,
    /// The PEM text of the certificates that the issuer's own is signed by; `None` is those of the API server's image.
    pub certificate_authority: Option<String>,
    /// The user's name.
    pub username: Claim,
    /// The user's groups.
    pub groups: Claim,
}

/// A claim of a token, and what is put before its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Its name.
    pub claim: String,
    /// May be empty.
    pub prefix: String,
}

/// Namespaces of Kubernetes itself.
pub const KUBERNETES_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];
/// Namespaces of Calico and its operator.
pub const CALICO_NAMESPACES: [&str; 3] = ["tigera-operator", "calico-system", "calico-apiserver"];
