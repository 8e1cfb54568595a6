//! The kubeconfig with which a host finds the cluster when it joins: it pins the CA and carries the token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::inventory::Cluster;
use crate::kube::certificates;
use crate::render::{RenderError, Templates};
use crate::secret::Secret;

/// The file that a join configuration names for discovery; it goes away after the join.
///
/// # Errors
/// When `ca_pem` holds no certificate or the template is broken.
pub fn discovery_kubeconfig(
    templates: &Templates,
    cluster: &Cluster,
    ca_pem: &str,
    token: &Secret,
) -> Result<Secret, RenderError> {
    certificates::parse(ca_pem)
        .map_err(|error| RenderError::Value { what: format!("the cluster's CA cannot be used: {error}") })?;
    let context = serde_json::json!({
        "name": cluster.name,
        "server": format!("https://{}", cluster.endpoint),
        "ca_data": STANDARD.encode(ca_pem),
        "token": token_text(token)?,
    });
    templates.render_secret("kubeadm/discovery.yaml.tera", &context)
}

/// A token as text.
pub(super) fn token_text(token: &Secret) -> Result<&str, RenderError> {
    std::str::from_utf8(token.expose()).map_err(|_| RenderError::Value { what: "a token is not text".to_owned() })
}
