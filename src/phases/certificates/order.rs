//! In which order control planes are renewed.

use super::job::Job;
use super::{backup, install, kubelet, proof, renew, restart};
use crate::error::{Exit, Problem};
use crate::kube::pki;
use crate::plan::{Step, StepId};

/// How control planes follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The next begins when the one before is proven: the API never stops.
    OneByOne,
    /// They do not trust each other any more, so each stage is done on all before the next stage.
    Together,
}

/// Decides. As long as most control planes are well, etcd works and the API with it: then only one at a time is touched, and
/// the others not before one that is not well is well again.
///
/// # Errors
/// A control plane is not well, and its certificates are not why.
pub(super) fn order(jobs: &[Job<'_>]) -> Result<Order, Problem> {
    let servers: Vec<&Job<'_>> = jobs.iter().filter(|job| job.host.is_control_plane()).collect();
    let well = servers.iter().filter(|job| job.node.healthy && !pki::is_broken(job.node)).count();
    let works = well * 2 > servers.len();
    if !works && servers.iter().any(|job| pki::is_broken(job.node)) {
        return Ok(Order::Together);
    }
    let ill: Vec<&&Job<'_>> = servers.iter().filter(|job| !job.node.healthy).collect();
    if let Some(job) = ill.iter().find(|job| !job.stale && !pki::is_broken(job.node) && servers.len() > 1) {
        return Err(Problem::new(
            Exit::Preflight,
            format!("{} is not well, and its certificates are not why", job.host.name),
        )
        .cause("its API server does not say that it is ready, or its member of etcd not that it is healthy")
        .next("mend it first: a restart of another control plane could stop the API"));
    }
    Ok(if works || ill.len() < 2 { Order::OneByOne } else { Order::Together })
}

/// Control planes first, and among them the one that is not well, which a run that was cut off left behind.
pub(super) fn sorted<'a, 'b>(jobs: &'b [Job<'a>]) -> Vec<&'b Job<'a>> {
    let mut sorted: Vec<&Job<'_>> = jobs.iter().collect();
    sorted.sort_by_key(|job| (!job.host.is_control_plane(), job.node.healthy && !pki::is_broken(job.node)));
    sorted
}

/// Steps of a host in the order in which they are done. Where nothing is broken the kubelet comes last, because it asks the
/// API server; where it may not run any more it comes first, because it starts the others.
fn stage(id: &StepId, is_broken: bool) -> usize {
    let stages = if is_broken {
        [backup::STEP, install::STEP, renew::STEP, kubelet::STEP, restart::STEP, proof::STEP]
    } else {
        [backup::STEP, install::STEP, renew::STEP, restart::STEP, proof::STEP, kubelet::STEP]
    };
    stages.iter().position(|name| *name == id.name).unwrap_or(stages.len())
}

/// Puts `steps` of one host in order, and lets them need what has to be done before them, on itself and on the hosts `before`
/// it.
pub(super) fn chain(steps: &mut [Step], before: &mut [Step], order: Order, is_broken: bool) {
    let is_broken = is_broken || order == Order::Together;
    steps.sort_by_key(|step| stage(&step.id, is_broken));
    let own: Vec<StepId> = steps.iter().map(|step| step.id.clone()).collect();
    let others: Vec<StepId> = before.iter().map(|step| step.id.clone()).collect();
    for step in steps.iter_mut() {
        let earlier = |id: &&StepId| stage(id, is_broken) < stage(&step.id, is_broken);
        step.needs.extend(own.iter().filter(earlier).cloned());
        match order {
            Order::OneByOne => step.needs.extend(others.iter().cloned()),
            Order::Together => step.needs.extend(others.iter().filter(earlier).cloned()),
        }
    }
    if order == Order::Together {
        for step in before {
            step.needs.extend(own.iter().filter(|id| stage(id, is_broken) < stage(&step.id, is_broken)).cloned());
        }
    }
}
