//! `addons`: what runs on the cluster and is kept there.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Manifest;

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
