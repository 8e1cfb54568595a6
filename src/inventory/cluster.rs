//! The cluster as wanted: the inventory parsed, checked and with every default filled in. Pure data.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::host_security::HostSecurity;

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
    /// Node taints as kubectl writes them: `key=value:Effect` or `key:Effect`.
    pub taints: Vec<String>,
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

/// How old keys, certificates and tokens may become before `forge status` complains.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Certificates that kubeadm issued.
    pub certificates: Age,
    /// The key that encrypts objects in etcd.
    pub encryption_key: Age,
    /// Bootstrap tokens, uploaded certificates, service accounts' tokens in secrets.
    pub tokens: Age,
}

/// A number of days or hours: `90d`, `24h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// `90d`.
    Days(u32),
    /// `24h`.
    Hours(u32),
}

impl Age {
    /// Reads it; zero is no age.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|number| plain && *number > 0)
        };
        let days = text.strip_suffix('d').and_then(number).map(Self::Days);
        days.or_else(|| text.strip_suffix('h').and_then(number).map(Self::Hours))
    }

    /// Its length in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Days(days) => i64::from(days) * 86_400,
            Self::Hours(hours) => i64::from(hours) * 3600,
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(formatter, "{days}d"),
            Self::Hours(hours) => write!(formatter, "{hours}h"),
        }
    }
}

impl Serialize for Age {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The pod network.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "provider", rename_all = "lowercase")]
pub enum Cni {
    /// Calico by its operator.
    Calico(Calico),
    /// The user's own manifests.
    Manifests {
        /// Applied in this order.
        manifests: Vec<Manifest>,
    },
    /// The user brings one later; nodes stay NotReady until then.
    None,
}

/// Calico by its operator.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Calico {
    /// Without the leading `v`.
    pub version: String,
    /// `VXLAN`, `VXLANCrossSubnet`, `IPIP`, `IPIPCrossSubnet` or `None`.
    pub encapsulation: String,
    /// Encrypt traffic between nodes.
    pub wireguard: bool,
    /// The operator's manifests in the order in which they are applied, each with its pin.
    pub manifests: Vec<Manifest>,
}

/// Kubernetes objects from a file beside the inventory, or from the network with a pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Manifest {
    /// Absolute path.
    Path(PathBuf),
    /// Fetched by the first control plane and refused when the sum differs.
    Url {
        /// `http://` or `https://`.
        url: String,
        /// 64 lower-case hexadecimal digits.
        sha256: String,
    },
}

/// What runs on the cluster and is kept there.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Addons {
    /// Approves the kubelets' serving certificates; `None` when it is turned off, as the others.
    pub kubelet_csr_approver: Option<BuiltinAddon>,
    /// Serves resource metrics.
    pub metrics_server: Option<BuiltinAddon>,
    /// Watches system calls.
    pub falco: Option<BuiltinAddon>,
    /// The user's own, in the order of the file.
    pub helm: Vec<HelmRelease>,
    /// Applied in this order, and deleted when they are no longer here.
    pub manifests: Vec<Manifest>,
}

/// An add-on that forge knows.
#[derive(Clone, Debug, Serialize)]
pub struct BuiltinAddon {
    /// Where it comes from.
    pub chart: Chart,
    /// The user's values, merged over ours.
    pub values: Map<String, Value>,
}

/// A Helm chart at one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chart {
    /// `https://…`, `http://…` or `oci://…`.
    pub repo: String,
    /// Its name there.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// Of the archive, 64 lower-case hexadecimal digits; without it only the version pins the chart.
    pub sha256: Option<String>,
}

/// A Helm release of the user's own.
#[derive(Clone, Debug, Serialize)]
pub struct HelmRelease {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Where it comes from.
    pub chart: Chart,
    /// The chart's values.
    pub values: ChartValues,
    /// Whether it has to become ready.
    pub wait: bool,
}

/// Values for a chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChartValues {
    /// From the inventory.
    Inline(Map<String, Value>),
    /// From a file (absolute path), whose content is never shown.
    File(PathBuf),
}

/// Where bytes come from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sources {
    /// A flat Debian repository, one per minor version, as the Kubernetes project publishes it.
    pub kubernetes_packages: PackageSource,
    /// A Debian repository with suites and a component `stable`, as Docker publishes it.
    pub containerd_packages: PackageSource,
    /// Registry name → URLs of mirrors, tried in order before the registry itself.
    pub registries: BTreeMap<String, Vec<String>>,
    /// The helm program.
    pub helm: Helm,
    /// URL prefix → URL prefix for everything that forge names by URL.
    pub artifacts: BTreeMap<String, String>,
}

impl Sources {
    /// `url` after the `artifacts` table; the longest prefix wins.
    pub fn rewrite(&self, url: &str) -> String {
        let matching = self.artifacts.iter().filter(|(from, _)| url.starts_with(from.as_str()));
        match matching.max_by_key(|(from, _)| from.len()) {
            Some((from, to)) => format!("{to}{}", &url[from.len()..]),
            None => url.to_owned(),
        }
    }
}

/// The helm program that installs add-ons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Helm {
    /// Without the leading `v`.
    pub version: String,
    /// Architecture as Debian names it → SHA-256 of the archive for it, 64 lower-case hexadecimal digits.
    pub sha256: BTreeMap<String, String>,
}

/// A signed package repository.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageSource {
    /// Base URL.
    pub url: String,
    /// The key that signs it.
    pub key: PackageKey,
}

/// An OpenPGP public key that is pinned: by content or by fingerprint.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKey {
    /// An armored key in a file (absolute path): the file is the pin.
    Path(PathBuf),
    /// Fetched by the hosts and refused unless its primary key has this fingerprint.
    Url {
        /// `http://` or `https://`.
        url: String,
        /// 40 upper-case hexadecimal digits.
        fingerprint: String,
    },
}

/// HTTP proxies for the hosts' package manager and container runtime.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proxy {
    /// For `http://`.
    pub http: Option<String>,
    /// For `https://`.
    pub https: Option<String>,
    /// Names, suffixes and networks reached directly.
    pub no_proxy: Vec<String>,
}

/// Namespaces of Kubernetes itself.
pub const KUBERNETES_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];
/// Namespaces of Calico and its operator.
pub const CALICO_NAMESPACES: [&str; 3] = ["tigera-operator", "calico-system", "calico-apiserver"];

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

/// What `forge audit` is told.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Auditing {
    /// Failures that are accepted for a while.
    pub waivers: Vec<Waiver>,
}

/// A failure that is accepted for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiver {
    /// The identity of a control that there is.
    pub control: String,
    /// Hosts that it holds for; empty means all of them, and the cluster.
    pub hosts: Vec<NodeName>,
    /// Never empty.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: Day,
}

/// A day in UTC, written `2027-06-30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(time::Date);

impl Day {
    /// `None` unless it is year, month and day, and there is such a day.
    pub fn parse(text: &str) -> Option<Self> {
        let [year, month, day] = text.split('-').collect::<Vec<_>>()[..] else { return None };
        let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
            return None;
        }
        let month = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
        time::Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok().map(Self)
    }

    /// By this machine's clock.
    pub fn today() -> Self {
        Self(time::OffsetDateTime::now_utc().date())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
