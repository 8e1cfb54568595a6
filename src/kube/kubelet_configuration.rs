//! The `KubeletConfiguration` that every node gets (CIS 4.2).

use serde_json::Value;

use crate::inventory::Cluster;
use crate::kube::{merge, paths, tls};
use crate::render::{self, RenderError, Templates};

const TEMPLATE: &str = "kubeadm/kubelet-configuration.yaml.tera";

/// Ours.
pub(super) fn ours(templates: &Templates) -> Result<Value, RenderError> {
    let context = serde_json::json!({ "ca_file": paths::CA, "cipher_suites": tls::KUBERNETES });
    templates.document(TEMPLATE, &context)
}

/// Ours with the user's settings merged over it.
pub(super) fn merged(templates: &Templates, cluster: &Cluster) -> Result<Value, RenderError> {
    let patch = Value::Object(cluster.kubeadm.kubelet_configuration.clone());
    let merged = merge::merge(&ours(templates)?, &patch);
    let kind = [("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration")];
    render::check_kinds("kubeadm.kubeletConfiguration", std::slice::from_ref(&merged), &kind)?;
    Ok(merged)
}
