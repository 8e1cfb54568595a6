//! What one host needs.

use std::collections::BTreeSet;

use super::install::Installation;
use super::look::names;
use super::{Renewal, restart};
use crate::error::{Exit, Problem};
use crate::inventory::cluster::Host;
use crate::kube::pki::{self, Component, Due, Keeper, Node, Place};

/// One host's part of a renewal.
pub(super) struct Job<'a> {
    pub(super) host: &'a Host,
    pub(super) node: &'a Node,
    /// What is renewed, and why.
    pub(super) due: Vec<(&'static Place, Due)>,
    /// What is restarted.
    pub(super) restarts: Vec<Component>,
    /// What runs with other certificates than those in its files, whatever is asked for.
    pub(super) stale: bool,
    /// Whether the kubelet waits for an approval.
    pub(super) pending: bool,
    /// What is put in place first.
    pub(super) installation: Option<&'a Installation>,
}

impl Job<'_> {
    pub(super) fn is_due(&self, keeper: Keeper) -> bool {
        self.due.iter().any(|(place, _)| place.keeper == keeper)
    }

    pub(super) fn needs_kubelet(&self) -> bool {
        self.is_due(Keeper::KubeletClient) || self.is_due(Keeper::KubeletServing)
    }
}

/// Every host of the inventory that is part of the cluster.
pub(super) fn jobs<'a>(renewal: Renewal<'a>) -> Result<Vec<Job<'a>>, Problem> {
    let mut jobs = Vec::new();
    for host in &renewal.cluster.hosts {
        let Some(node) = renewal.nodes.get(&host.name).filter(|node| node.files.contains_key("ca")) else { continue };
        jobs.push(job(host, node, renewal)?);
    }
    if jobs.iter().any(|job| job.host.is_control_plane()) {
        return Ok(jobs);
    }
    Err(Problem::new(Exit::Failed, "no control plane of the inventory is part of a cluster")
        .cause("/etc/kubernetes/pki/ca.crt does not exist on any of them")
        .next("make the cluster first: forge up INVENTORY"))
}

fn job<'a>(host: &'a Host, node: &'a Node, renewal: Renewal<'a>) -> Result<Job<'a>, Problem> {
    let names: BTreeSet<String> = names(host, node, renewal.cluster, renewal.templates)?;
    let due: Vec<(&Place, Due)> = Place::of(host.is_control_plane())
        .filter_map(|place| Some((place, pki::due(node, place, renewal.wanted, &names)?)))
        .collect();
    let components: &[Component] = if host.is_control_plane() { &Component::ALL } else { &[] };
    let stale: Vec<Component> = components.iter().copied().filter(|one| pki::stale(node, *one)).collect();
    let installation = renewal.installations.get(&host.name);
    let uses = |component: &Component| {
        installation.is_some() || due.iter().any(|(place, _)| place.used_by == Some(*component))
    };
    let restarts = components.iter().copied().filter(|one| stale.contains(one) || uses(one)).collect();
    let restarts = restart::with_dependents(restarts);
    let (stale, pending) = (!stale.is_empty(), renewal.pending.contains(&host.name));
    Ok(Job { host, node, due, restarts, stale, pending, installation })
}
