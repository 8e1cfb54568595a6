//! Settings of a living cluster: what the inventory or somebody else has changed is found, written anew and rolled out.
//!
//! kubeadm stays the one that knows what its files look like. Every host lets it write them aside and compares, so that a
//! changed inventory, an edited manifest and a newer forge are one and the same: a file that is not as it should be.

mod cluster_settings;
mod kubelet;
mod seen;
mod static_pods;

pub use seen::{READ_AT_START, probes};

use super::{Site, failed, id, unrendered};
use crate::error::{Exit, Problem};
use crate::plan::{Step, StepId};

/// The steps: the cluster's own copies first, since joins read them; then kubelets, the first one alone; then control planes,
/// one after the other.
///
/// # Errors
/// kubeadm on a host refuses the settings, or a template cannot be rendered.
pub fn steps(site: Site<'_>) -> Result<Vec<Step>, Problem> {
    for host in &site.cluster.hosts {
        if let Some(cause) = seen::refusal(host, site) {
            return Err(Problem::new(Exit::Preflight, format!("kubeadm on {} refuses the settings", host.name))
                .cause(cause)
                .next("mend the settings under kubeadm in the inventory; nothing was changed"));
        }
    }
    let mut steps: Vec<Step> = cluster_settings::step(site)?.into_iter().collect();
    let copies: Vec<StepId> = steps.iter().map(|step| step.id.clone()).collect();
    let mut first = None;
    for host in &site.cluster.hosts {
        let step = kubelet::step(host, site, first.as_ref())?;
        first = first.or(step.as_ref().map(|step: &Step| step.id.clone()));
        steps.extend(step);
    }
    let mut before: Option<StepId> = None;
    for host in static_pods::order(site) {
        let step = static_pods::step(host, site, before.as_ref())?;
        before = step.as_ref().map(|step| step.id.clone()).or(before);
        steps.extend(step);
    }
    // A kubelet or an API server that restarts is not in the way of what is written to the cluster.
    steps.iter_mut().skip(copies.len()).for_each(|step| step.after.extend(copies.iter().cloned()));
    Ok(steps)
}
