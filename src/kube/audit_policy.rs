//! The API server's audit policy: ours, or the one that the inventory names.

use crate::inventory::Cluster;
use crate::render::{self, RenderError, Templates};

/// The file behind `--audit-policy-file`.
///
/// # Errors
/// When the template is broken, or the user's file cannot be read or is not an audit policy.
pub fn audit_policy(templates: &Templates, cluster: &Cluster) -> Result<String, RenderError> {
    let Some(path) = &cluster.security.audit.policy else {
        return templates.render("apiserver/audit-policy.yaml.tera", &serde_json::json!({}));
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| RenderError::Unreadable { path: path.clone(), cause: error.to_string() })?;
    render::check_object(&path.display().to_string(), &text, "audit.k8s.io/v1", "Policy")?;
    Ok(text)
}
