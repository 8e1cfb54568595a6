//! containerd's configuration, and crictl's that follows from it.

use crate::kube::paths;
use crate::render::{RenderError, Templates};

/// `/etc/containerd/config.toml`; `sandbox_image` is the pause image that kubeadm names for the version.
///
/// # Errors
/// When the template is broken.
pub fn containerd_config(templates: &Templates, sandbox_image: &str) -> Result<String, RenderError> {
    let context = serde_json::json!({
        "conf_dir": paths::CONTAINERD_DROP_INS,
        "certs_dir": paths::CONTAINERD_REGISTRIES,
        "sandbox_image": sandbox_image,
    });
    templates.render("containerd/config.toml.tera", &context)
}

/// `/etc/crictl.yaml`.
///
/// # Errors
/// When the template is broken.
pub fn crictl_config(templates: &Templates) -> Result<String, RenderError> {
    templates.render("containerd/crictl.yaml.tera", &serde_json::json!({ "cri_socket": paths::CRI_SOCKET }))
}
