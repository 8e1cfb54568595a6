//! containerd's `hosts.toml`: the mirrors of each registry.

use crate::inventory::Cluster;
use crate::render::{RenderError, Templates};

/// `(registry, content)` for every registry that has mirrors; [`crate::kube::paths::registry_hosts`] tells where it goes.
///
/// # Errors
/// When the template is broken or a registry's name could not be a folder's.
pub fn registry_hosts(templates: &Templates, cluster: &Cluster) -> Result<Vec<(String, String)>, RenderError> {
    let registries = cluster.sources.registries.iter();
    registries
        .map(|(registry, mirrors)| {
            check_name(registry)?;
            let mirrors: Vec<_> = mirrors.iter().map(|url| mirror(url)).collect();
            let context = serde_json::json!({ "registry": registry, "server": server(registry), "mirrors": mirrors });
            let text = templates.render("containerd/hosts.toml.tera", &context)?;
            Ok((registry.clone(), text))
        })
        .collect()
}

/// Docker Hub is the one registry whose server has another name.
fn server(registry: &str) -> String {
    if registry == "docker.io" { "https://registry-1.docker.io".to_owned() } else { format!("https://{registry}") }
}

/// containerd appends `/v2` to a mirror's URL unless told that the URL has it already.
fn mirror(url: &str) -> serde_json::Value {
    let url = url.trim_end_matches('/');
    let has_api_path = url.ends_with("/v2") || url.contains("/v2/");
    serde_json::json!({ "url": url, "override_path": has_api_path })
}

fn check_name(registry: &str) -> Result<(), RenderError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    if registry.bytes().all(known) && registry.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(RenderError::Value { what: format!("{registry:?} is not the name of a registry") })
}
