//! The cluster as wanted: the inventory parsed, checked and with every default filled in. Pure data.

mod addons;
mod auditing;
mod network;
mod rotation;
mod security;
mod sources;
mod taint;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use addons::{Addons, BuiltinAddon, Chart, ChartValues, HelmRelease};
pub use auditing::{Auditing, Day, Waiver};
pub use network::{Calico, Cni, Manifest};
pub use rotation::{Age, Rotation};
pub use security::{
    Audit, CALICO_NAMESPACES, Claim, Encryption, EncryptionProvider, Images, Issuer, KUBERNETES_NAMESPACES,
    NetworkPolicy, PodSecurity, Security,
};
pub use sources::{Helm, PackageKey, PackageSource, Proxy, Sources};
pub use taint::Taint;

/// A host's name and its Kubernetes node name, which are the same: an RFC 1123 label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct NodeName(String);

impl NodeName {
    /// `None` unless `name` is an RFC 1123 label: at most 63 of `a-z`, `0-9` and `-`, neither beginning nor ending with `-`.
    pub fn new(name: &str) -> Option<Self> {
        let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let fits = !name.is_empty() && name.len() <= 63 && !name.starts_with('-') && !name.ends_with('-');
        (letters && fits).then(|| Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// `1.36` (the newest patch that the package repository has) or `1.36.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion {
    /// The 36 of 1.36.5.
    pub minor: u32,
    /// The 5 of 1.36.5; `None` leaves the choice to the repository.
    pub patch: Option<u32>,
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "1.{}", self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(formatter, ".{patch}"))
    }
}

impl Serialize for KubernetesVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The whole of what one inventory asks for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// kubeadm's `clusterName`.
    pub name: String,
    /// The version wanted.
    pub kubernetes: KubernetesVersion,
    /// kubeadm's `controlPlaneEndpoint`.
    pub endpoint: Endpoint,
    /// The pods' network.
    pub pod_subnet: IpNet,
    /// The services' network.
    pub service_subnet: IpNet,
    /// In the order of the file.
    pub hosts: Vec<Host>,
    /// The user's own kubeadm settings, merged over ours.
    pub kubeadm: Kubeadm,
    /// Hardening.
    pub security: Security,
    /// How old keys, certificates and tokens may become.
    pub rotation: Rotation,
    /// The pod network.
    pub cni: Cni,
    /// What runs on the cluster and is kept there.
    pub addons: Addons,
    /// Where bytes come from.
    pub sources: Sources,
    /// HTTP proxies for the hosts.
    pub proxy: Proxy,
    /// What `forge audit` is told.
    pub audit: Auditing,
    /// Absolute path of the `known_hosts` file.
    pub known_hosts: PathBuf,
    /// Absolute path of the folder that holds the inventory; relative paths in it start here.
    pub directory: PathBuf,
}

/// The API server's address for everybody: always a name, so that it can move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// A DNS name.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs etcd and the control plane; ordinary pods too when it is a worker as well.
    ControlPlane,
    /// Runs ordinary pods.
    Worker,
}

/// One machine.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// Host and node name.
    pub name: NodeName,
    /// The address that the other nodes use, and SSH too.
    pub address: IpAddr,
    /// At least one.
    pub roles: Vec<Role>,
    /// Node labels.
    pub labels: BTreeMap<String, String>,
    /// Node taints.
    pub taints: Vec<Taint>,
    /// How to log in.
    pub ssh: Ssh,
}

impl Host {
    /// Whether etcd and the API server run here.
    pub fn is_control_plane(&self) -> bool {
        self.roles.contains(&Role::ControlPlane)
    }
}

/// How to log in to one host, the file's defaults and the host's own settings merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ssh {
    /// Login name.
    pub user: String,
    /// TCP port.
    pub port: u16,
    /// Absolute path of a private key; `None` leaves it to the agent.
    pub identity_file: Option<PathBuf>,
    /// The machine to go through.
    pub bastion: Option<Bastion>,
}

/// A machine that forwards connections (`direct-tcpip`), as OpenSSH's `ProxyJump`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bastion {
    /// Name or address.
    pub address: String,
    /// Login name.
    pub user: String,
    /// TCP port.
    pub port: u16,
    /// Absolute path of a private key; `None` leaves it to the agent.
    pub identity_file: Option<PathBuf>,
}

/// Settings handed to kubeadm; objects are merged key by key over what forge renders.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kubeadm {
    /// Merged over our `ClusterConfiguration`.
    pub cluster_configuration: Map<String, Value>,
    /// Merged over our `KubeletConfiguration`.
    pub kubelet_configuration: Map<String, Value>,
    /// Merged over our `KubeProxyConfiguration`.
    pub kube_proxy_configuration: Map<String, Value>,
    /// Names of kubeadm preflight checks that only warn.
    pub ignore_preflight_errors: Vec<String>,
}

impl Cluster {
    /// Hosts that run etcd and the API server, in the order of the file. The checks guarantee at least one.
    pub fn control_planes(&self) -> impl Iterator<Item = &Host> + Clone {
        self.hosts.iter().filter(|host| host.is_control_plane())
    }

    /// Hosts that only run ordinary pods.
    pub fn workers(&self) -> impl Iterator<Item = &Host> + Clone {
        self.hosts.iter().filter(|host| !host.is_control_plane())
    }
}
