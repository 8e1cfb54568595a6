//! The values of the charts that forge knows, with the user's merged over them.

use serde_json::{Value, json};

use crate::inventory::Cluster;
use crate::inventory::cluster::BuiltinAddon;
use crate::kube::merge::merge;
use crate::render::{RenderError, Templates, yaml_text};
use crate::secret::Secret;

/// The image that chart 9.2.0 of Falco means by 0.45.0, by digest: it runs privileged on every node.
const FALCO_IMAGE: &str = "0.45.0@sha256:788f1129c542171813083d4afc61b16730a47dde8c23d9c39370acef996349b6";

/// kubelet-csr-approver's: the names and addresses of the inventory and no others.
///
/// # Errors
/// The template does not render.
pub fn approver_values(templates: &Templates, cluster: &Cluster, addon: &BuiltinAddon) -> Result<Secret, RenderError> {
    let hosts = &cluster.hosts;
    // Node names hold no character that means something in a regular expression.
    let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    let addresses: Vec<String> = hosts.iter().map(|host| ipnet::IpNet::from(host.address).to_string()).collect();
    let context = json!({ "names": format!("^({})$", names.join("|")), "addresses": addresses });
    values(addon, templates.document("addons/kubelet-csr-approver.yaml.tera", &context)?)
}

/// metrics-server's.
///
/// # Errors
/// The template does not render.
pub fn metrics_server_values(templates: &Templates, addon: &BuiltinAddon) -> Result<Secret, RenderError> {
    values(addon, templates.document("addons/metrics-server.yaml.tera", &json!({}))?)
}

/// Falco's, with our rules.
///
/// # Errors
/// A template does not render.
pub fn falco_values(templates: &Templates, addon: &BuiltinAddon) -> Result<Secret, RenderError> {
    let rules = templates.render("addons/falco-rules.yaml.tera", &json!({}))?;
    let context = json!({ "image_tag": FALCO_IMAGE, "rules": rules });
    values(addon, templates.document("addons/falco.yaml.tera", &context)?)
}

/// A namespace with these labels.
///
/// # Errors
/// The template does not render.
pub fn namespace(templates: &Templates, name: &str, labels: &[(&str, &str)]) -> Result<String, RenderError> {
    let labels: Value = labels.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    templates.render("addons/namespace.yaml.tera", &json!({ "name": name, "labels": labels }))
}

fn values(addon: &BuiltinAddon, ours: Value) -> Result<Secret, RenderError> {
    yaml_text(&[merge(&ours, &Value::Object(addon.values.clone()))]).map(Secret::new)
}
