//! What types cannot say: each section of the file is turned into its part of the cluster, or into findings.

mod addons;
mod auditing;
mod cni;
mod files;
mod host_security;
mod hosts;
mod kubeadm;
mod manifests;
mod networks;
mod oidc;
mod rotation;
mod security;
mod settings;
mod sources;
mod ssh;
pub(super) mod syntax;

use std::path::Path;

use self::files::Files;
use super::cluster::Cluster;
use super::finding::Findings;
use super::model::Inventory;

/// The cluster, with every default filled in. `None` comes with at least one finding.
pub(super) fn cluster(inventory: &Inventory, directory: &Path, findings: &mut Findings<'_>) -> Option<Cluster> {
    let files = Files { directory, home: std::env::home_dir() };
    let name = settings::name(inventory, findings);
    let kubernetes = settings::version(inventory, findings);
    let endpoint = settings::endpoint(inventory, findings);
    let hosts = hosts::hosts(inventory, &files, findings);
    let networks = networks::networks(inventory, findings);
    let kubeadm = kubeadm::kubeadm(inventory, findings);
    let security = security::security(inventory, &files, findings);
    let rotation = rotation::rotation(inventory, findings);
    let cni = cni::cni(inventory, &files, findings);
    let addons = addons::addons(inventory, &files, findings);
    let sources = sources::sources(inventory, kubernetes, &files, findings);
    let proxy = sources::proxy(inventory, findings);
    let audit = auditing::auditing(inventory, findings);
    let (pod_subnet, service_subnet) = networks?;
    Some(Cluster {
        name: name?,
        kubernetes: kubernetes?,
        endpoint: endpoint?,
        pod_subnet,
        service_subnet,
        hosts: hosts?,
        kubeadm,
        security: security?,
        rotation: rotation?,
        cni: cni?,
        addons: addons?,
        sources: sources?,
        proxy,
        audit: audit?,
        known_hosts: files.path(&inventory.ssh.known_hosts),
        directory: directory.to_owned(),
    })
}
