//! `addons`: what runs on the cluster and is kept there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ManifestRef;

/// What runs on the cluster and is kept there.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Addons {
    /// Kubernetes objects: applied, kept as they are here, and deleted when they are no longer here.
    pub manifests: Vec<ManifestRef>,
}
