//! kubeadm's `ClusterConfiguration`: every flag of the control plane (CIS 1.2, 1.3, 1.4).
//!
//! Flags go here and never into the manifests: `kubeadm upgrade` and `join --control-plane` write those anew from it.

use serde_json::Value;

use crate::inventory::Cluster;
use crate::kube::{merge, paths, tls};
use crate::render::{self, RenderError, Templates};

const TEMPLATE: &str = "kubeadm/cluster-configuration.yaml.tera";

/// Ours.
pub(super) fn ours(templates: &Templates, cluster: &Cluster, version: &str) -> Result<Value, RenderError> {
    let context = serde_json::json!({
        "name": cluster.name,
        "kubernetes_version": format!("v{}", version.trim_start_matches('v')),
        "endpoint": cluster.endpoint.to_string(),
        "pod_subnet": cluster.pod_subnet,
        "service_subnet": cluster.service_subnet,
        "cert_sans": cert_sans(cluster),
        "audit": {
            "max_age": cluster.security.audit.max_age,
            "max_backup": cluster.security.audit.max_backup,
            "max_size": cluster.security.audit.max_size,
            "webhook": cluster.security.audit.webhook.is_some(),
        },
        "cipher_suites": tls::KUBERNETES.join(","),
        "etcd_cipher_suites": tls::ETCD.join(","),
        "paths": {
            "admission": paths::ADMISSION,
            "audit_dir": paths::AUDIT_FOLDER,
            "audit_log": paths::AUDIT_LOG,
            "audit_policy": paths::AUDIT_POLICY,
            "audit_webhook": paths::AUDIT_WEBHOOK,
            "authentication": paths::AUTHENTICATION,
            "ca": paths::CA,
            "config_dir": paths::FORGE,
            "encryption": paths::ENCRYPTION,
            "etcd_dir": paths::ETCD,
        },
    });
    templates.document(TEMPLATE, &context)
}

/// Ours with the user's settings merged over it.
pub(super) fn merged(templates: &Templates, cluster: &Cluster, version: &str) -> Result<Value, RenderError> {
    let patch = Value::Object(cluster.kubeadm.cluster_configuration.clone());
    let merged = merge::merge(&ours(templates, cluster, version)?, &patch);
    let kind = [("kubeadm.k8s.io/v1beta4", "ClusterConfiguration")];
    render::check_kinds("kubeadm.clusterConfiguration", std::slice::from_ref(&merged), &kind)?;
    Ok(merged)
}

/// Names under which any API server may be reached; kubeadm itself adds the host's own name and address.
fn cert_sans(cluster: &Cluster) -> Vec<String> {
    let fixed = [cluster.endpoint.host.clone(), "localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut names = Vec::from(fixed);
    for host in cluster.control_planes() {
        if !names.iter().any(|name| name == host.name.as_str()) {
            names.push(host.name.to_string());
        }
    }
    names
}
