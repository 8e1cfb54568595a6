//! `cni`, `sources` and `proxy`: the pod network, and where hosts get things from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pod network.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Cni {
    /// Who brings it.
    pub provider: CniProvider,
    /// Calico's version. `3.32.1` (the default) and `3.31.7` are known with their checksums; another one needs
    /// `manifests`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Calico's encapsulation; `VXLANCrossSubnet` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encapsulation: Option<Encapsulation>,
    /// Whether Calico encrypts the traffic between nodes; `false` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wireguard: Option<bool>,
    /// Kubernetes objects, applied in this order: the network itself with provider `manifests`, or the operator's own
    /// manifests (CRDs first) of a Calico version that forge does not know.
    pub manifests: Vec<ManifestRef>,
}

/// Who brings the pod network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CniProvider {
    /// Calico by its operator.
    #[default]
    Calico,
    /// Your own manifests.
    Manifests,
    /// You bring one later; nodes stay NotReady until then.
    None,
}

/// How Calico carries packets between nodes.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub enum Encapsulation {
    /// VXLAN always.
    #[serde(rename = "VXLAN")]
    Vxlan,
    /// VXLAN between subnets, plain routing inside one.
    #[serde(rename = "VXLANCrossSubnet")]
    VxlanCrossSubnet,
    /// IP in IP always.
    #[serde(rename = "IPIP")]
    Ipip,
    /// IP in IP between subnets, plain routing inside one.
    #[serde(rename = "IPIPCrossSubnet")]
    IpipCrossSubnet,
    /// Plain routing.
    None,
}

impl Encapsulation {
    /// The word that Calico uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vxlan => "VXLAN",
            Self::VxlanCrossSubnet => "VXLANCrossSubnet",
            Self::Ipip => "IPIP",
            Self::IpipCrossSubnet => "IPIPCrossSubnet",
            Self::None => "None",
        }
    }
}

/// Kubernetes objects: `{path: …}`, or `{url: …, sha256: …}`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ManifestRef {
    /// A file beside the inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// An http or https URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The SHA-256 of what the URL must yield: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Where bytes come from.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Sources {
    /// A flat Debian repository with kubelet, kubeadm and kubectl; `{minor}` in it stands for `1.36`.
    pub kubernetes_packages: PackageSource,
    /// A Debian repository with suites and a component `stable`; `{distribution}` in it stands for `debian` or `ubuntu`.
    pub containerd_packages: PackageSource,
    /// Registry → URLs of its mirrors, tried in order before the registry itself.
    pub registries: BTreeMap<String, Vec<String>>,
    /// The helm program that installs add-ons.
    pub helm: HelmSource,
    /// URL prefix → URL prefix for everything else that forge names by URL, charts in registries (`oci://`) included.
    pub artifacts: BTreeMap<String, String>,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            kubernetes_packages: PackageSource {
                url: "https://pkgs.k8s.io/core:/stable:/v{minor}/deb/".to_owned(),
                key: "https://pkgs.k8s.io/core:/stable:/v{minor}/deb/Release.key".to_owned(),
                fingerprint: Some(KUBERNETES_FINGERPRINT.to_owned()),
            },
            containerd_packages: PackageSource {
                url: "https://download.docker.com/linux/{distribution}".to_owned(),
                key: "https://download.docker.com/linux/{distribution}/gpg".to_owned(),
                fingerprint: Some(DOCKER_FINGERPRINT.to_owned()),
            },
            registries: BTreeMap::new(),
            helm: HelmSource::default(),
            artifacts: BTreeMap::new(),
        }
    }
}

/// The well-known fingerprint of the key that signs pkgs.k8s.io.
const KUBERNETES_FINGERPRINT: &str = "DE15B14486CD377B9E876E1A234654DA9A296436";

/// The well-known fingerprint of the key that signs download.docker.com.
const DOCKER_FINGERPRINT: &str = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88";

/// A signed package repository.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct PackageSource {
    /// Base URL.
    pub url: String,
    /// The armored key that signs it: a file beside the inventory, or a URL with `fingerprint` beside it.
    pub key: String,
    /// The OpenPGP fingerprint of the key behind a URL: 40 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// The helm program, from `https://get.helm.sh/helm-vVERSION-linux-ARCHITECTURE.tar.gz`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct HelmSource {
    /// A version of Helm 4. `4.3.0` (the default) is known with its checksums; another one needs `sha256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Architecture (`amd64`, `arm64`) → the SHA-256 of that archive.
    pub sha256: BTreeMap<String, String>,
}

/// HTTP proxies.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Proxy {
    /// For `http://`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// For `https://`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https: Option<String>,
    /// Names, suffixes and networks reached directly.
    pub no_proxy: Vec<String>,
}
