//! What verification puts into a cluster for a moment: a secret, and a pod on every node, in a namespace of their own.

use serde_json::json;

use crate::inventory::NodeName;
use crate::render::{RenderError, Templates};
use crate::secret::Secret;

/// The namespace that holds it all. It stays, empty.
pub const NAMESPACE: &str = "forge-verify";

/// The namespace's manifest.
///
/// # Errors
/// The template does not render.
pub fn canary_namespace(templates: &Templates) -> Result<String, RenderError> {
    templates.render("verify/namespace.yaml.tera", &json!({}))
}

/// A secret with this value, and what the pods need.
///
/// # Errors
/// The template does not render.
pub fn canary_secret(templates: &Templates, value: &str) -> Result<Secret, RenderError> {
    templates.render_secret("verify/canary.yaml.tera", &json!({ "value": value }))
}

/// A pod on `node` that asks the API server, by its service's name, whether it is ready.
///
/// # Errors
/// The template does not render.
pub fn canary_pod(templates: &Templates, node: &NodeName, version: &str) -> Result<String, RenderError> {
    let image = format!("registry.k8s.io/kubectl:v{version}");
    templates.render("verify/pod.yaml.tera", &json!({ "pod": format!("on-{node}"), "node": node, "image": image }))
}
