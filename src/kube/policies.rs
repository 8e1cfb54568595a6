//! The policies that forge keeps in the cluster: networks closed by default, images that can be told apart, no credentials
//! for pods that ask for none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::canary;
use crate::inventory::Cluster;
use crate::inventory::cluster::{CALICO_NAMESPACES, Cni, KUBERNETES_NAMESPACES};
use crate::render::{RenderError, Templates};

/// Every policy that the inventory asks for.
///
/// # Errors
/// A template is broken.
pub fn policies(templates: &Templates, cluster: &Cluster) -> Result<Vec<Value>, RenderError> {
    let mut all = Vec::new();
    let denied = &cluster.security.network_policy.default_deny_namespaces;
    for namespace in denied {
        all.extend(templates.documents("policies/default-deny.yaml.tera", &json!({ "namespace": namespace }))?);
    }
    if !denied.is_empty() && matches!(cluster.cni, Cni::Calico(_)) {
        let names: Vec<String> = denied.iter().map(|name| format!("{name:?}")).collect();
        let selector = format!("kubernetes.io/metadata.name in {{{}}}", names.join(", "));
        let context = json!({ "namespace_selector": selector });
        all.extend(templates.documents("calico/default-deny.yaml.tera", &context)?);
    }
    for namespace in namespaces(cluster) {
        all.extend(templates.documents("policies/service-account.yaml.tera", &json!({ "namespace": namespace }))?);
    }
    let exempt = exempt_namespaces(cluster);
    let images = &cluster.security.images;
    if images.forbid_latest {
        all.extend(templates.documents("policies/image-tags.yaml.tera", &json!({ "exempt_namespaces": exempt }))?);
    }
    if !images.allowed_registries.is_empty() {
        let prefixes: Vec<String> = images.allowed_registries.iter().map(|registry| format!("{registry}/")).collect();
        let context = json!({ "exempt_namespaces": exempt, "registries": prefixes });
        all.extend(templates.documents("policies/image-registries.yaml.tera", &context)?);
    }
    Ok(all)
}

/// The namespaces that forge answers for: `default`, and those that the inventory names.
pub fn namespaces(cluster: &Cluster) -> BTreeSet<&str> {
    let named = cluster.security.network_policy.default_deny_namespaces.iter().map(String::as_str);
    named.chain(["default"]).collect()
}

/// Where images are not looked at: what the cluster itself runs on, what Pod Security exempts, and forge's own canaries.
fn exempt_namespaces(cluster: &Cluster) -> BTreeSet<&str> {
    let calico = matches!(cluster.cni, Cni::Calico(_)).then_some(CALICO_NAMESPACES);
    let users = cluster.security.pod_security.exempt_namespaces.iter().map(String::as_str);
    KUBERNETES_NAMESPACES
        .into_iter()
        .chain(calico.into_iter().flatten())
        .chain(users)
        .chain([canary::NAMESPACE])
        .collect()
}
