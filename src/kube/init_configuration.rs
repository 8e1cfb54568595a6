//! What `kubeadm init` is given on the first control plane.

use crate::inventory::{Cluster, Host};
use crate::kube::discovery::token_text;
use crate::kube::node_registration::NodeRegistration;
use crate::kube::{
    API_SERVER_PORT, JoinSecrets, cluster_configuration, kube_proxy_configuration, kubelet_configuration,
};
use crate::render::{self, RenderError, Templates};
use crate::secret::Secret;

/// `InitConfiguration`, `ClusterConfiguration`, `KubeletConfiguration` and `KubeProxyConfiguration` in one file, the user's
/// settings merged over ours; `version` is exact, for instance `1.36.5`.
///
/// # Errors
/// When a template is broken, or a setting of the user's changes what a document is.
pub fn init_config(
    templates: &Templates,
    cluster: &Cluster,
    host: &Host,
    version: &str,
    secrets: &JoinSecrets,
) -> Result<Secret, RenderError> {
    let context = serde_json::json!({
        "token": token_text(&secrets.token)?,
        "certificate_key": token_text(&secrets.certificate_key)?,
        "bind_port": API_SERVER_PORT,
        "node": NodeRegistration::of(cluster, host)?,
    });
    let documents = [
        templates.document("kubeadm/init-configuration.yaml.tera", &context)?,
        cluster_configuration::merged(templates, cluster, version)?,
        kubelet_configuration::merged(templates, cluster)?,
        kube_proxy_configuration::merged(templates, cluster)?,
    ];
    render::yaml_text(&documents).map(Secret::new)
}
