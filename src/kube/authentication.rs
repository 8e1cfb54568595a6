//! `AuthenticationConfiguration`: who may come without credentials, and where to; and whose tokens are taken.

use crate::inventory::Cluster;
use crate::render::{RenderError, Templates};

/// The file behind `--authentication-config`.
///
/// # Errors
/// When the template is broken.
pub fn authentication_config(templates: &Templates, cluster: &Cluster) -> Result<String, RenderError> {
    templates.render("apiserver/authentication.yaml.tera", &serde_json::json!({ "issuers": cluster.security.oidc }))
}
