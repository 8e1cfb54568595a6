//! `cluster`: name, version and endpoint.

use std::net::{IpAddr, SocketAddr};

use super::syntax::{LABEL_RULE, is_dns_name};
use crate::inventory::cluster::{Endpoint, KubernetesVersion, NodeName, Role};
use crate::inventory::finding::Findings;
use crate::inventory::model::Inventory;

/// The minor versions that this forge knows how to build.
const MINORS: std::ops::RangeInclusive<u32> = 35..=37;

/// The cluster's name.
pub(super) fn name(inventory: &Inventory, findings: &mut Findings<'_>) -> Option<String> {
    let name = &inventory.cluster.name;
    if NodeName::new(name).is_none() {
        findings.at(&["cluster", "name"], format!("`{name}` cannot name a cluster"), "").help(LABEL_RULE);
        return None;
    }
    Some(name.clone())
}

/// The version wanted.
pub(super) fn version(inventory: &Inventory, findings: &mut Findings<'_>) -> Option<KubernetesVersion> {
    let text = &inventory.cluster.kubernetes;
    let known = format!("1.{} to 1.{}", MINORS.start(), MINORS.end());
    let path = ["cluster", "kubernetes"];
    let Some(version) = parse_version(text) else {
        let help = format!("a minor version or an exact one, {known}: for example \"1.36\" or \"1.36.5\"");
        findings.at(&path, format!("`{text}` is not a Kubernetes version"), "").help(help);
        return None;
    };
    if !MINORS.contains(&version.minor) {
        let message = format!("Kubernetes {version} is not supported by this version of forge");
        findings.at(&path, message, format!("supported: {known}"));
        return None;
    }
    Some(version)
}

fn parse_version(text: &str) -> Option<KubernetesVersion> {
    let number = |digits: &str| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        if plain { digits.parse().ok() } else { None }
    };
    match *text.strip_prefix("1.")?.split('.').collect::<Vec<_>>() {
        [minor] => Some(KubernetesVersion { minor: number(minor)?, patch: None }),
        [minor, patch] => Some(KubernetesVersion { minor: number(minor)?, patch: Some(number(patch)?) }),
        _ => None,
    }
}

/// The API server for everybody.
pub(super) fn endpoint(inventory: &Inventory, findings: &mut Findings<'_>) -> Option<Endpoint> {
    let path = ["cluster", "endpoint"];
    let Some(text) = &inventory.cluster.endpoint else {
        let control_planes = inventory.hosts.0.iter().filter(|(_, host)| host.roles.contains(&Role::ControlPlane));
        if control_planes.count() > 1 {
            let place = findings.source.key(&["cluster"]).or_else(|| findings.source.key(&["hosts"]));
            findings.add("several control planes need `cluster.endpoint`").label(place, "").help(
                "give a name and a port, for example `endpoint: api.prod.example:6443`; the name stands for a load \
                 balancer or for all control planes, and forge writes it to /etc/hosts where there is no DNS",
            );
        }
        return Some(Endpoint { host: format!("api.{}.internal", inventory.cluster.name), port: 6443 });
    };
    if text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok() {
        findings.at(&path, "the endpoint must be a name, not an address", "an address").help(
            "certificates and kubeconfig files are made for the endpoint: a name can move to another machine or a load \
             balancer, an address cannot. Any name will do, for example `api.prod.internal:6443`; forge writes it to \
             /etc/hosts where there is no DNS",
        );
        return None;
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    if port.is_empty() {
        let help = format!("for example `endpoint: {host}:6443`");
        findings.at(&path, "the endpoint has no port", "").help(help);
        return None;
    }
    let port = port.parse().ok().filter(|port| *port != 0);
    match port {
        Some(port) if is_dns_name(host) => Some(Endpoint { host: host.to_owned(), port }),
        _ => {
            let help = "a lower-case DNS name, a colon and a port: `api.prod.example:6443`";
            findings.at(&path, format!("`{text}` is not a name with a port"), "").help(help);
            None
        }
    }
}
