//! `AdmissionConfiguration`: event rate limits and Pod Security defaults.

use crate::inventory::Cluster;
use crate::render::{RenderError, Templates};

/// The file behind `--admission-control-config-file`.
///
/// # Errors
/// When the template is broken.
pub fn admission_config(templates: &Templates, cluster: &Cluster) -> Result<String, RenderError> {
    let pod_security = &cluster.security.pod_security;
    let context = serde_json::json!({
        "enforce": pod_security.enforce,
        "audit": pod_security.audit,
        "warn": pod_security.warn,
        "exempt_namespaces": pod_security.exempt_namespaces,
    });
    templates.render("apiserver/admission.yaml.tera", &context)
}
