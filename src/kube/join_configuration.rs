//! What `kubeadm join` is given.

use crate::inventory::{Cluster, Host};
use crate::kube::discovery::token_text;
use crate::kube::node_registration::NodeRegistration;
use crate::kube::{API_SERVER_PORT, JoinSecrets, paths};
use crate::render::{RenderError, Templates};
use crate::secret::Secret;

/// `JoinConfiguration` of a control plane or a worker. Discovery reads [`paths::DISCOVERY`], see
/// [`crate::kube::discovery_kubeconfig`].
///
/// # Errors
/// When the template is broken.
pub fn join_config(
    templates: &Templates,
    cluster: &Cluster,
    host: &Host,
    secrets: &JoinSecrets,
) -> Result<Secret, RenderError> {
    let control_plane = host.is_control_plane();
    // A worker never sees the key of the control plane's certificates.
    let certificate_key = if control_plane { token_text(&secrets.certificate_key)? } else { "" };
    let context = serde_json::json!({
        "discovery_file": paths::DISCOVERY,
        "token": token_text(&secrets.token)?,
        "control_plane": control_plane,
        "certificate_key": certificate_key,
        "bind_port": API_SERVER_PORT,
        "node": NodeRegistration::of(cluster, host),
    });
    templates.render_secret("kubeadm/join-configuration.yaml.tera", &context)
}
