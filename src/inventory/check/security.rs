//! `security`: what is encrypted, what is logged, which kernel settings.

use std::path::PathBuf;

use super::files::Files;
use super::host_security::host_security;
use super::oidc;
use super::syntax::is_dns_name;
use crate::inventory::cluster::{
    Audit, CALICO_NAMESPACES, Encryption, Images, KUBERNETES_NAMESPACES, NetworkPolicy, NodeName, PodSecurity, Security,
};
use crate::inventory::finding::Findings;
use crate::inventory::model::{self, Inventory};
use crate::secret::Secret;

/// The hardening that has a choice.
pub(super) fn security(inventory: &Inventory, files: &Files<'_>, findings: &mut Findings<'_>) -> Option<Security> {
    let model::Security { pod_security, network_policy, images, encryption, audit, sysctls, .. } = &inventory.security;
    namespaces(&pod_security.exempt_namespaces, &["podSecurity", "exemptNamespaces"], findings);
    namespaces(&network_policy.default_deny_namespaces, &["networkPolicy", "defaultDenyNamespaces"], findings);
    default_deny(&network_policy.default_deny_namespaces, findings);
    registries(&images.allowed_registries, findings);
    resources(&encryption.resources, findings);
    check_sysctls(inventory, findings);
    let host = host_security(inventory, findings);
    let policy = audit.policy.as_deref();
    let policy = policy.map(|path| files.readable(path, &["security", "audit", "policy"], findings));
    let webhook = audit.webhook.as_deref().map(|path| webhook(path, files, findings));
    let oidc = oidc::issuers(inventory, files, findings);
    Some(Security {
        pod_security: PodSecurity {
            enforce: pod_security.enforce.as_str().to_owned(),
            audit: pod_security.audit.as_str().to_owned(),
            warn: pod_security.warn.as_str().to_owned(),
            exempt_namespaces: pod_security.exempt_namespaces.clone(),
        },
        network_policy: NetworkPolicy { default_deny_namespaces: network_policy.default_deny_namespaces.clone() },
        images: Images { forbid_latest: images.forbid_latest, allowed_registries: images.allowed_registries.clone() },
        encryption: Encryption { provider: encryption.provider, resources: encryption.resources.clone() },
        audit: Audit {
            policy: match policy {
                Some(found) => Some(found?),
                None => None,
            },
            webhook: match webhook {
                Some(found) => Some(found?),
                None => None,
            },
            max_age: audit.max_age,
            max_backup: audit.max_backup,
            max_size: audit.max_size,
        },
        oidc: oidc?,
        sysctls: sysctls.clone(),
        host: host?,
    })
}

/// The kubeconfig of a backend for audit events. Only this file is laid down on the control planes, so it names no others.
fn webhook(path: &str, files: &Files<'_>, findings: &mut Findings<'_>) -> Option<PathBuf> {
    let at = ["security", "audit", "webhook"];
    let found = files.readable(path, &at, findings)?;
    let text = Secret::new(std::fs::read(&found).unwrap_or_default());
    match crate::kube::kubeconfig::self_contained(&text) {
        Ok(()) => Some(found),
        Err(problem) => {
            let help =
                "a kubeconfig with an https server, its CA in certificate-authority-data, and the credentials in it";
            findings.at(&at, format!("{} cannot be used: {problem}", found.display()), "").help(help);
            None
        }
    }
}

fn namespaces(names: &[String], [section, key]: &[&str; 2], findings: &mut Findings<'_>) {
    for (index, name) in names.iter().enumerate() {
        let path = ["security", section, key, &index.to_string()];
        if NodeName::new(name).is_none() {
            findings.at(&path, format!("`{name}` is not the name of a namespace"), "");
        } else if names[..index].contains(name) {
            findings.at(&path, format!("`{name}` stands here twice"), "");
        }
    }
}

/// What the cluster itself runs on would not come up again.
fn default_deny(names: &[String], findings: &mut Findings<'_>) {
    let is_system = |name: &str| KUBERNETES_NAMESPACES.contains(&name) || CALICO_NAMESPACES.contains(&name);
    for (index, name) in names.iter().enumerate().filter(|(_, name)| is_system(name)) {
        let path = ["security", "networkPolicy", "defaultDenyNamespaces", &index.to_string()];
        findings
            .at(&path, format!("`{name}` belongs to the cluster itself, which would stop working"), "")
            .help("name the namespaces of your own applications");
    }
}

fn registries(registries: &[String], findings: &mut Findings<'_>) {
    for (index, registry) in registries.iter().enumerate().filter(|(_, registry)| !is_registry(registry)) {
        let path = ["security", "images", "allowedRegistries", &index.to_string()];
        findings
            .at(&path, format!("`{registry}` is not a registry"), "")
            .help("a host, and a folder of it if you like: `registry.k8s.io`, `ghcr.io/acme`, `mirror.example:5000`");
    }
}

/// A host as image names have it, with a dot or a port or `localhost`, and path components behind it.
fn is_registry(text: &str) -> bool {
    let mut parts = text.split('/');
    let host = parts.next().unwrap_or_default();
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_host = is_dns_name(name)
        && (name.contains('.') || port.is_some() || name == "localhost")
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_component = |part: &str| {
        part.bytes().all(|byte| letter(byte) || matches!(byte, b'.' | b'_' | b'-'))
            && part.bytes().next().is_some_and(letter)
            && part.bytes().last().is_some_and(letter)
    };
    is_host && parts.all(is_component)
}

fn resources(resources: &[String], findings: &mut Findings<'_>) {
    let path = ["security", "encryption", "resources"];
    for (index, resource) in resources.iter().enumerate() {
        let at = [path[0], path[1], path[2], &index.to_string()];
        if resources[..index].contains(resource) {
            findings.at(&at, format!("`{resource}` stands here twice"), "");
        } else if !is_resource(resource) {
            let help = "a resource as the API server names it: `secrets`, `configmaps`, `widgets.example.com`";
            findings.at(&at, format!("`{resource}` is not a resource"), "").help(help);
        }
    }
    if !resources.iter().any(|resource| ["secrets", "*.", "*.*"].contains(&resource.as_str())) {
        let help = "forge looks at a secret's bytes in etcd at the end of every run";
        findings.at(&path, "`secrets` must be among the encrypted resources", "").help(help);
    }
}

fn is_resource(resource: &str) -> bool {
    let rest = resource.strip_prefix("*.").unwrap_or(resource);
    (rest != resource && (rest.is_empty() || rest == "*")) || is_dns_name(rest)
}

fn check_sysctls(inventory: &Inventory, findings: &mut Findings<'_>) {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/');
    for (name, value) in &inventory.security.sysctls {
        let path = ["security", "sysctls", name];
        if !name.contains(['.', '/']) || !name.bytes().all(inside) || name.starts_with(['.', '/', '-']) {
            let help = "for example `net.ipv4.conf.all.rp_filter`";
            findings.at_key(&path, format!("`{name}` is not a kernel setting"), "").help(help);
        }
        if value.as_ref().is_some_and(|value| value.trim().is_empty() || value.contains(char::is_control)) {
            let help = "one line of text or a number; `null` drops a setting of forge's";
            findings.at(&path, format!("the value of `{name}` is not one line"), "").help(help);
        }
    }
}
