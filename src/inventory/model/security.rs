//! `security`: hardening that has a choice.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::host_security::{Firewall, Sshd};
use crate::inventory::cluster::EncryptionProvider;
use crate::inventory::host_security::HostSecurity;

/// Hardening that has a choice.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Security {
    /// Pod Security admission: defaults for namespaces without labels of their own.
    pub pod_security: PodSecurity,
    /// Network policies that forge keeps in place.
    pub network_policy: NetworkPolicy,
    /// Which container images pods may have, outside exempt namespaces.
    pub images: Images,
    /// Encryption of objects in etcd.
    pub encryption: Encryption,
    /// The API server's audit log.
    pub audit: Audit,
    /// OpenID Connect issuers whose tokens the API server takes for people.
    pub oidc: Vec<Issuer>,
    /// Kernel settings added to or overriding forge's; `null` drops one.
    #[schemars(schema_with = "sysctls")]
    pub sysctls: BTreeMap<String, Option<String>>,
    /// Networks that may reach SSH and the API server, as CIDRs or single addresses; without any, everybody may. forge refuses
    /// a list that shuts itself out.
    #[serde(rename = "trustedCIDRs")]
    pub trusted_cidrs: Vec<String>,
    /// The hosts' own packet filter.
    pub firewall: Firewall,
    /// The hosts' SSH server.
    pub sshd: Sshd,
    /// Whether hosts install security upgrades of the operating system by themselves.
    pub auto_updates: bool,
    /// Whether hosts that can have the audit daemon and its rules.
    pub auditd: bool,
    /// Whether programs that crash may leave their memory on the disk.
    pub core_dumps: bool,
    /// Kernel modules that are never loaded.
    pub blocked_modules: Vec<String>,
    /// systemd units that are masked where they are installed.
    pub masked_units: Vec<String>,
}

impl Default for Security {
    fn default() -> Self {
        let host = HostSecurity::default();
        Self {
            pod_security: PodSecurity::default(),
            network_policy: NetworkPolicy::default(),
            images: Images::default(),
            encryption: Encryption::default(),
            audit: Audit::default(),
            oidc: Vec::new(),
            sysctls: BTreeMap::new(),
            trusted_cidrs: Vec::new(),
            firewall: Firewall::default(),
            sshd: Sshd::default(),
            auto_updates: host.auto_updates,
            auditd: host.auditd,
            core_dumps: host.core_dumps,
            blocked_modules: host.blocked_modules,
            masked_units: host.masked_units,
        }
    }
}

fn sysctls(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": ["string", "integer", "null"]}})
}

/// A Pod Security Standard.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Anything goes.
    Privileged,
    /// Known privilege escalations are refused.
    Baseline,
    /// Pods must follow today's hardening practice.
    Restricted,
}

impl Level {
    /// The word that Kubernetes uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// Pod Security admission.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct PodSecurity {
    /// Level that refuses pods.
    pub enforce: Level,
    /// Level that is written to the audit log.
    pub audit: Level,
    /// Level that warns the client.
    pub warn: Level,
    /// Namespaces that are not looked at.
    pub exempt_namespaces: Vec<String>,
}

impl Default for PodSecurity {
    fn default() -> Self {
        Self {
            enforce: Level::Baseline,
            audit: Level::Restricted,
            warn: Level::Restricted,
            exempt_namespaces: vec!["kube-system".to_owned()],
        }
    }
}

/// Network policies that forge keeps in place.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct NetworkPolicy {
    /// Namespaces whose pods reach nothing but DNS, and are reached by nobody, unless a policy of yours allows it. A
    /// namespace that does not exist is created.
    pub default_deny_namespaces: Vec<String>,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self { default_deny_namespaces: vec!["default".to_owned()] }
    }
}

/// Which container images pods may have, outside exempt namespaces.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Images {
    /// Whether an image needs a tag other than `latest`, or a digest.
    pub forbid_latest: bool,
    /// Registries, or folders of one, that images may come from: `registry.k8s.io`, `ghcr.io/acme`. Empty allows all.
    pub allowed_registries: Vec<String>,
}

impl Default for Images {
    fn default() -> Self {
        Self { forbid_latest: true, allowed_registries: Vec::new() }
    }
}

/// Encryption of objects in etcd with a key that forge generates once and keeps on the control planes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Encryption {
    /// The provider that encrypts what is written.
    pub provider: EncryptionProvider,
    /// Resources as the API server names them: `secrets`, `configmaps`, `widgets.example.com`. `secrets` must be among
    /// them.
    pub resources: Vec<String>,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { provider: EncryptionProvider::Secretbox, resources: vec!["secrets".to_owned()] }
    }
}

/// The API server's audit log.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Audit {
    /// Your own policy file; forge's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// A kubeconfig file that names a backend, which every event is sent to as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// Days that a log file is kept.
    pub max_age: u32,
    /// Log files that are kept.
    pub max_backup: u32,
    /// Mebibytes after which a new log file is begun.
    #[schemars(range(min = 1))]
    pub max_size: u32,
}

impl Default for Audit {
    fn default() -> Self {
        Self { policy: None, webhook: None, max_age: 30, max_backup: 10, max_size: 100 }
    }
}

/// An OpenID Connect issuer whose tokens the API server takes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Issuer {
    /// Its https URL, exactly as tokens name it (`iss`).
    pub url: String,
    /// A token must be made for one of these (`aud`): mostly the client's id.
    #[schemars(length(min = 1))]
    pub audiences: Vec<String>,
    /// The certificates that the issuer's own is signed by, in PEM; those of the API server's image when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
    /// Who a token is for.
    #[serde(default)]
    pub claim_mappings: ClaimMappings,
}

/// Who a token is for.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ClaimMappings {
    /// The user's name.
    pub username: UsernameClaim,
    /// The user's groups.
    pub groups: GroupsClaim,
}

/// The user's name.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct UsernameClaim {
    /// The claim that holds it.
    pub claim: String,
    /// What is put before it, so that nobody can be mistaken for somebody else; may be empty.
    pub prefix: String,
}

impl Default for UsernameClaim {
    fn default() -> Self {
        Self { claim: "sub".to_owned(), prefix: "oidc:".to_owned() }
    }
}

/// The user's groups.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct GroupsClaim {
    /// The claim that holds them.
    pub claim: String,
    /// What is put before each; may be empty.
    pub prefix: String,
}

impl Default for GroupsClaim {
    fn default() -> Self {
        Self { claim: "groups".to_owned(), prefix: "oidc:".to_owned() }
    }
}
