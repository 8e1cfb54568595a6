//! `addons`: what runs on the cluster and is kept there, as Helm releases and as plain objects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ManifestRef;

/// What runs on the cluster and is kept there.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Addons {
    /// kubelet-csr-approver: approves the kubelets' serving certificates when they renew, for the inventory's names and
    /// addresses only.
    pub kubelet_csr_approver: BuiltinAddon,
    /// metrics-server: `kubectl top` and autoscaling, over the kubelets' signed certificates.
    pub metrics_server: BuiltinAddon,
    /// Falco: watches system calls on every node and reports what no workload should do.
    pub falco: BuiltinAddon,
    /// Helm releases of your own, installed in this order after forge's.
    pub helm: Vec<HelmRelease>,
    /// Kubernetes objects: applied, kept as they are here, and deleted when they are no longer here.
    pub manifests: Vec<ManifestRef>,
}

/// An add-on that forge knows.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct BuiltinAddon {
    /// Whether it runs. One that ran before and is turned off is uninstalled.
    pub enabled: bool,
    /// The chart's version; another one than forge's own needs `sha256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The SHA-256 of the chart's archive: 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The chart's values, merged key by key over those that forge renders.
    pub values: Map<String, Value>,
}

impl Default for BuiltinAddon {
    fn default() -> Self {
        Self { enabled: true, version: None, sha256: None, values: Map::new() }
    }
}

/// A Helm release of your own.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct HelmRelease {
    /// The release's name.
    pub name: String,
    /// The chart's name in the repository.
    pub chart: String,
    /// Where the chart is: an http or https URL of a chart repository, or `oci://` and a path in a registry.
    pub repo: String,
    /// The chart's exact version.
    pub version: String,
    /// The SHA-256 of the chart's archive: 64 hexadecimal digits. Without it the version is all that pins the chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The namespace, made when it is not there.
    pub namespace: String,
    /// The chart's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Map<String, Value>>,
    /// A file with the chart's values, instead of `values`: for values that are secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_file: Option<String>,
    /// Whether to wait until everything in it is ready, and to take it back when it does not become ready.
    #[serde(default = "yes")]
    pub wait: bool,
}

fn yes() -> bool {
    true
}
