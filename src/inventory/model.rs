//! The file as a person writes it: its keys, their defaults, and the words that editors show for them.
//!
//! Nothing here is checked beyond its type; `check` does that and turns it into a [`Cluster`](super::Cluster). Unknown
//! keys are refused by `structure`, which holds the file against the schema of these types and so finds all of them.

mod addons;
mod auditing;
mod host_security;
mod network;
mod rotation;
mod security;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use self::addons::{Addons, BuiltinAddon, HelmRelease};
pub use self::auditing::{Auditing, Waiver};
pub use self::host_security::{Allow, Firewall, Sshd};
pub use self::network::{Cni, CniProvider, Encapsulation, HelmSource, ManifestRef, PackageSource, Proxy, Sources};
pub use self::rotation::Rotation;
pub use self::security::{
    Audit, ClaimMappings, Encryption, GroupsClaim, Images, Issuer, Level, NetworkPolicy, PodSecurity, Security,
    UsernameClaim,
};
use super::cluster::Role;
use super::entries::Entries;

/// The machines, and the hardened Kubernetes cluster that forge makes of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Inventory {
    /// The cluster as a whole.
    #[serde(default)]
    pub cluster: ClusterSettings,
    /// How to log in: defaults for every host.
    #[serde(default)]
    pub ssh: Ssh,
    /// The machines by name. The name becomes the host name and the node name: an RFC 1123 label.
    pub hosts: Entries<Host>,
    /// Settings merged over the kubeadm configuration that forge renders.
    #[serde(default)]
    pub kubeadm: Kubeadm,
    /// Hardening that has a choice.
    #[serde(default)]
    pub security: Security,
    /// How old keys, certificates and tokens may become.
    #[serde(default)]
    pub rotation: Rotation,
    /// The pod network.
    #[serde(default)]
    pub cni: Cni,
    /// What runs on the cluster and is kept there.
    #[serde(default)]
    pub addons: Addons,
    /// Where bytes come from; each source can point at a mirror.
    #[serde(default)]
    pub sources: Sources,
    /// HTTP proxies for the hosts' package manager and container runtime.
    #[serde(default)]
    pub proxy: Proxy,
    /// What `forge audit` is told.
    #[serde(default)]
    pub audit: Auditing,
}

/// The cluster as a whole.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct ClusterSettings {
    /// The cluster's name, in kubeconfig files too: an RFC 1123 label.
    pub name: String,
    /// A minor version (`"1.36"`: the newest patch that the package repository has) or an exact one (`"1.36.5"`).
    pub kubernetes: String,
    /// The API server for everybody: a DNS name and a port. With one control plane the default is
    /// `api.<cluster name>.internal:6443`; with several it must be given. forge manages `/etc/hosts` where there is no
    /// DNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The pods' network: one CIDR, IPv4 or IPv6.
    pub pod_subnet: String,
    /// The services' network: one CIDR of the same kind.
    pub service_subnet: String,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            name: "kubernetes".to_owned(),
            kubernetes: "1.36".to_owned(),
            endpoint: None,
            pod_subnet: "10.244.0.0/16".to_owned(),
            service_subnet: "10.96.0.0/12".to_owned(),
        }
    }
}

/// How to log in.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Ssh {
    /// Login name. Anyone but root needs sudo.
    pub user: String,
    /// TCP port.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// A private key, or a public one whose private half the agent holds; `~` is your home, other relative paths start beside the
    /// inventory. Without it, the agent's keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_file: Option<String>,
    /// A machine to go through, as OpenSSH's ProxyJump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bastion: Option<Bastion>,
    /// The file with the hosts' keys, beside the inventory. `forge trust` writes it; unknown keys are refused.
    pub known_hosts: String,
}

impl Default for Ssh {
    fn default() -> Self {
        Self {
            user: "root".to_owned(),
            port: 22,
            identity_file: None,
            bastion: None,
            known_hosts: "known_hosts".to_owned(),
        }
    }
}

/// A machine that forwards connections.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Bastion {
    /// DNS name or IP address.
    pub address: String,
    /// Login name; the hosts' `user` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// TCP port; 22 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// A private key; the hosts' `identityFile` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_file: Option<String>,
}

/// One machine.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Host {
    /// The IP address that forge logs into and the other nodes use.
    pub address: String,
    /// What it is for: at least one role.
    #[schemars(length(min = 1))]
    pub roles: Vec<Role>,
    /// Node labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Node taints as kubectl takes them: `key=value:Effect`, or `key:Effect` without a value.
    #[serde(default)]
    pub taints: Vec<String>,
    /// What is different about logging into this one.
    #[serde(default)]
    pub ssh: HostSsh,
}

/// What is different about logging into one host.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct HostSsh {
    /// Login name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// TCP port.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// A private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_file: Option<String>,
    /// Another machine to go through; `null` goes directly.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "explicit")]
    #[schemars(with = "Option<Bastion>")]
    pub bastion: Option<Option<Bastion>>,
}

/// Tells `null` from a key that is not there.
fn explicit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Bastion>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Settings merged over the kubeadm configuration that forge renders.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Kubeadm {
    /// Merged key by key over the `ClusterConfiguration` (v1beta4).
    pub cluster_configuration: Map<String, Value>,
    /// Merged key by key over the `KubeletConfiguration`.
    pub kubelet_configuration: Map<String, Value>,
    /// Merged key by key over the `KubeProxyConfiguration`.
    pub kube_proxy_configuration: Map<String, Value>,
    /// Names of kubeadm's preflight checks that shall only warn.
    pub ignore_preflight_errors: Vec<String>,
}
