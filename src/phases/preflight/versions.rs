//! Which version is installed, and whether every repository has it.

use super::finding::Finding;
use super::seen::Seen;
use super::source::{containerd, kubernetes, numbers};
use crate::inventory::Cluster;
use crate::inventory::cluster::KubernetesVersion;

/// How many of a repository's versions are told.
const TOLD: usize = 5;

/// The oldest containerd that reads the configuration forge writes.
const CONTAINERD: u32 = 2;

/// Of control planes that are part of the cluster, the first one's kubeadm, or its API server where somebody has removed the
/// package; of one whose `kubeadm init` was cut off, only
/// when it is a version that the inventory accepts.
fn living(cluster: &Cluster, hosts: &[Seen<'_>]) -> Option<String> {
    let control_planes = || hosts.iter().filter(|seen| seen.host.is_control_plane() && seen.is_ours());
    let installed = |joined: bool| {
        let those = control_planes().filter(move |seen| seen.membership.joined == joined);
        those.filter_map(|seen| seen.membership.kubeadm.clone().or(seen.membership.api_server.clone())).next()
    };
    installed(true).or_else(|| installed(false).filter(|version| accepts(cluster.kubernetes, version)))
}

fn accepts(wanted: KubernetesVersion, version: &str) -> bool {
    match numbers(version)[..] {
        [1, minor, patch] => minor == wanted.minor && wanted.patch.is_none_or(|wanted| wanted == patch),
        _ => false,
    }
}

pub(super) fn kubernetes_version(cluster: &Cluster, hosts: &[Seen<'_>]) -> Result<String, Finding> {
    if let Some(version) = living(cluster, hosts) {
        return Ok(version);
    }
    if cluster.kubernetes.patch.is_some() {
        return Ok(cluster.kubernetes.to_string());
    }
    let source = kubernetes(cluster);
    let bare: Vec<&Seen<'_>> = hosts.iter().filter(|seen| seen.is_bare()).collect();
    let everywhere = |version: &String| {
        let has = |seen: &&Seen<'_>| source.packages.iter().all(|name| source.offered(seen, name).contains(version));
        accepts(cluster.kubernetes, version) && bare.iter().all(has)
    };
    let candidates = bare.first().map(|seen| source.offered(seen, "kubeadm")).unwrap_or_default();
    candidates.into_iter().rev().find(everywhere).ok_or_else(|| Finding {
        host: None,
        fatal: true,
        what: format!("no Kubernetes {} is offered to every host", cluster.kubernetes),
        cause: String::new(),
        next: format!("give all hosts the same {}", source.setting),
    })
}

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = hosts.iter().filter_map(|seen| runtime(cluster, seen)).collect();
    if let Some(version) = living(cluster, hosts).filter(|version| !accepts(cluster.kubernetes, version)) {
        findings.push(Finding {
            host: None,
            fatal: true,
            what: format!("the cluster runs Kubernetes {version} and the inventory wants {}", cluster.kubernetes),
            cause: String::new(),
            next: format!("set kubernetes: \"{version}\" in the inventory; forge up does not upgrade"),
        });
        return findings;
    }
    let wanted = living(cluster, hosts).unwrap_or_else(|| cluster.kubernetes.to_string());
    let missing: Vec<Finding> = hosts.iter().flat_map(|seen| kubernetes_packages(cluster, seen, &wanted)).collect();
    let source = kubernetes(cluster);
    let all_usable = hosts.iter().all(|seen| !seen.is_bare() || source.usable(seen));
    if let (true, true, Err(finding)) = (missing.is_empty(), all_usable, kubernetes_version(cluster, hosts)) {
        findings.push(finding);
    }
    findings.extend(missing);
    findings
}

/// `wanted` is a minor version or an exact one.
fn kubernetes_packages(cluster: &Cluster, seen: &Seen<'_>, wanted: &str) -> Option<Finding> {
    let source = kubernetes(cluster);
    if !(seen.is_bare() && source.usable(seen)) {
        return None;
    }
    let matches = |version: &String| version == wanted || version.starts_with(&format!("{wanted}."));
    let lacking = source.packages.iter().find(|package| !source.offered(seen, package).iter().any(matches))?;
    let name = &seen.host.name;
    let what = format!("the {} that {name} is offered have no {lacking} {wanted}", source.title);
    let next =
        format!("set kubernetes to a version that is there, or {}.url to a repository that has it", source.setting);
    Some(Finding::fatal(seen.host, what, next).cause(offered(lacking, &source.offered(seen, lacking))))
}

fn runtime(cluster: &Cluster, seen: &Seen<'_>) -> Option<Finding> {
    let source = containerd(cluster);
    let versions = source.offered(seen, "containerd.io");
    let recent = versions.iter().any(|version| numbers(version).first().is_some_and(|major| *major >= CONTAINERD));
    if !(seen.is_bare() && source.usable(seen)) || recent {
        return None;
    }
    let (name, release) = (&seen.host.name, &seen.facts.codename);
    let what = format!("the {} that {name} is offered have no containerd.io {CONTAINERD} for {release}", source.title);
    let next = format!("set {}.url to a repository that has it", source.setting);
    Some(Finding::fatal(seen.host, what, next).cause(offered("containerd.io", &versions)))
}

fn offered(package: &str, versions: &[String]) -> String {
    let newest: Vec<&str> = versions.iter().rev().take(TOLD).map(String::as_str).collect();
    match newest[..] {
        [] => format!("no {package} at all"),
        _ => format!("the newest {package} there: {}", newest.join(", ")),
    }
}
