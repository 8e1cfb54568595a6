//! What `kubeadm init` is given on the first control plane, and its phases on any host afterwards.

use serde_json::{Value, json};

use crate::inventory::{Cluster, Host};
use crate::kube::discovery::token_text;
use crate::kube::node_registration::NodeRegistration;
use crate::kube::{
    API_SERVER_PORT, JoinSecrets, cluster_configuration, kube_proxy_configuration, kubelet_configuration, paths,
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
    let (token, key) = (token_text(&secrets.token)?, token_text(&secrets.certificate_key)?);
    render::yaml_text(&documents(templates, cluster, host, version, (token, key))?).map(Secret::new)
}

/// The same for single phases of `kubeadm init` on a host that has joined: nothing in it lets anybody join.
///
/// # Errors
/// As [`init_config`].
pub fn phase_config(
    templates: &Templates,
    cluster: &Cluster,
    host: &Host,
    version: &str,
) -> Result<Secret, RenderError> {
    // A worker has the CA's certificate and not its key: kubeadm takes that for an authority that is kept elsewhere, and
    // asks for certificates that only a control plane has (`UsingExternalCA` in `phases/certs/certs.go`).
    let folder = if host.is_control_plane() { None } else { Some(paths::NO_PKI) };
    config_for(templates, cluster, host, version, folder)
}

/// The same for keys that are made aside: kubeadm writes them to `folder`.
///
/// # Errors
/// As [`init_config`].
pub fn aside_config(
    templates: &Templates,
    cluster: &Cluster,
    host: &Host,
    version: &str,
    folder: &str,
) -> Result<Secret, RenderError> {
    config_for(templates, cluster, host, version, Some(folder))
}

fn config_for(
    templates: &Templates,
    cluster: &Cluster,
    host: &Host,
    version: &str,
    certificates: Option<&str>,
) -> Result<Secret, RenderError> {
    let mut documents = documents(templates, cluster, host, version, ("", ""))?;
    if let Some(folder) = certificates {
        documents[1]["certificatesDir"] = json!(folder);
    }
    render::yaml_text(&documents).map(Secret::new)
}

fn documents(
    templates: &Templates,
    cluster: &Cluster,
    host: &Host,
    version: &str,
    (token, certificate_key): (&str, &str),
) -> Result<[Value; 4], RenderError> {
    let context = json!({
        "token": token,
        "certificate_key": certificate_key,
        "bind_port": API_SERVER_PORT,
        "node": NodeRegistration::of(cluster, host),
    });
    Ok([
        templates.document("kubeadm/init-configuration.yaml.tera", &context)?,
        cluster_configuration::merged(templates, cluster, version)?,
        kubelet_configuration::merged(templates, cluster)?,
        kube_proxy_configuration::merged(templates, cluster)?,
    ])
}
