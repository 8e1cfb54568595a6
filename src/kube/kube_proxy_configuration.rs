//! The `KubeProxyConfiguration` (CIS 4.3.1).

use serde_json::Value;

use crate::inventory::Cluster;
use crate::kube::merge;
use crate::render::{self, RenderError, Templates};

const TEMPLATE: &str = "kubeadm/kube-proxy-configuration.yaml.tera";

/// Ours.
pub(super) fn ours(templates: &Templates) -> Result<Value, RenderError> {
    templates.document(TEMPLATE, &serde_json::json!({}))
}

/// Ours with the user's settings merged over it.
pub(super) fn merged(templates: &Templates, cluster: &Cluster) -> Result<Value, RenderError> {
    let patch = Value::Object(cluster.kubeadm.kube_proxy_configuration.clone());
    let merged = merge::merge(&ours(templates)?, &patch);
    let kind = [("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration")];
    render::check_kinds("kubeadm.kubeProxyConfiguration", std::slice::from_ref(&merged), &kind)?;
    Ok(merged)
}
