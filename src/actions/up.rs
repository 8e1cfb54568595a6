//! `forge up`: bare machines in, hardened cluster out.

use std::sync::Arc;

use super::run::Run;
use crate::error::{Exit, Problem};
use crate::inventory::cluster::Cluster;
use crate::phases::kubeadm_join::Joining;
use crate::phases::verify::Evidence;
use crate::phases::{
    Site, addons, host, images, join_material, kubeadm_init, kubeadm_join, leftovers, manifests, network,
    node_settings, policies, registration, serving_certificate, settings, verify,
};
use crate::plan::{Late, Plan, StepId};
use crate::render::Templates;

/// Everything between what was seen and what is wanted, in order.
///
/// # Errors
/// A template cannot be rendered, a manifest cannot be read, or the operating system has no randomness.
pub fn plan(
    site: Site<'_>,
    owned: (&Arc<Cluster>, &Arc<Templates>),
    evidence: &Late<Vec<Evidence>>,
) -> Result<Plan, Problem> {
    let hosts = &site.cluster.hosts;
    let secrets = super::join_secrets()?;
    let ca = Late::default();
    if let Some(pem) = site.facts.ca(site.cluster) {
        let _ = ca.set(pem);
    }
    let joining = Joining { cluster: owned.0, templates: owned.1, secrets: &secrets, ca: &ca };
    let mut plan = Plan::default();

    for each in hosts {
        plan.steps.extend(host::steps(each, site)?);
    }
    for each in hosts {
        plan.steps.extend(images::step(each, site));
    }
    let rollout = settings::steps(site)?;
    let rolled_out: Vec<StepId> = rollout.iter().map(|step| step.id.clone()).collect();
    plan.steps.extend(rollout);
    let asks_the_cluster = plan.steps.len();
    plan.steps.extend(kubeadm_init::step(site, &secrets, &ca)?);
    plan.steps.extend(join_material::step(site, &secrets)?);
    let mut before = None;
    for each in site.cluster.control_planes() {
        let step = kubeadm_join::step(each, site, joining, before.clone())?;
        before = step.as_ref().map(|step| step.id.clone()).or(before);
        plan.steps.extend(step);
    }
    for each in site.cluster.workers() {
        plan.steps.extend(kubeadm_join::step(each, site, joining, None)?);
    }
    for each in hosts {
        plan.steps.extend(registration::step(each, site));
    }
    if let Some(server) = site.first_server() {
        plan.steps.extend(network::step(server, site)?);
        plan.steps.extend(policies::step(server, site)?);
        // The cluster that is verified is complete here. What follows is done beside, and whether it fails or not, a run
        // that has any of it to do verifies.
        let complete: Vec<StepId> = plan.steps.iter().map(|step| step.id.clone()).collect();
        for each in hosts {
            plan.steps.extend(serving_certificate::step(each, server, site));
            plan.steps.extend(node_settings::step(each, server, site));
        }
        plan.steps.extend(addons::steps(server, site)?);
        plan.steps.extend(manifests::step(server, site)?);
        plan.steps.extend(leftovers::step(server, site, &secrets));
        plan.steps.extend(verify::step(server, site, &plan, complete, evidence)?);
    }
    // An API server that restarts answers nobody.
    plan.steps.iter_mut().skip(asks_the_cluster).for_each(|step| step.after.extend(rolled_out.iter().cloned()));
    Ok(plan)
}

/// Runs the whole command.
///
/// # Errors
/// Whatever stopped it; what was done by then stays done.
pub async fn up(run: &mut Run) -> Result<Exit, Problem> {
    run.connect().await?;
    let facts = run.look(true).await?;
    let evidence = Late::default();
    let plan = plan(run.site(&facts), (&run.cluster, &run.templates), &evidence)?;
    if plan.is_empty() {
        return Ok(Exit::Done);
    }
    run.confirm(&plan)?;
    let summary = run.execute(plan).await;
    run.show(evidence.get().map_or(&[], Vec::as_slice));
    Ok(summary)
}

/// Shows what [`up`] would do.
///
/// # Errors
/// Whatever kept it from finding out.
pub async fn dry(run: &mut Run) -> Result<Exit, Problem> {
    run.connect().await?;
    let facts = run.look(false).await?;
    let plan = plan(run.site(&facts), (&run.cluster, &run.templates), &Late::default())?;
    run.show_plan(&plan);
    Ok(if plan.is_empty() { Exit::Done } else { Exit::ChangesPending })
}
