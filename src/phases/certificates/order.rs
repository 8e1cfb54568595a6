//! In which order control planes are renewed.

use super::job::Job;
use super::{backup, install, kubelet, proof, renew, restart};
use crate::error::{Exit, Problem};
use crate::inventory::cluster::Host;
use crate::kube::pki::{self, Keeper};
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
/// A control plane is not well, and this renewal does not mend it; or etcd has a member that nobody knows.
pub(super) fn order(jobs: &[Job<'_>]) -> Result<Order, Problem> {
    let servers: Vec<&Job<'_>> = jobs.iter().filter(|job| job.host.is_control_plane()).collect();
    let broken = || servers.iter().filter(|job| pki::is_broken(job.node));
    let ill = || servers.iter().filter(|job| !job.node.healthy && !pki::is_broken(job.node));
    let works = servers.iter().filter(|job| works(job)).count() * 2 > servers.len();
    // A single one harms nobody else, nor does what restarts nothing.
    let may_harm = servers.len() > 1 && servers.iter().any(|job| !job.restarts.is_empty());
    if let Some(job) = broken().find(|job| may_harm && !renews_what_is_broken(job)) {
        return Err(half(job));
    }
    if !works && broken().next().is_some() {
        return Ok(Order::Together);
    }
    if let Some(job) = ill().find(|job| may_harm && !job.stale) {
        return Err(Problem::new(
            Exit::Preflight,
            format!("{} is not well, and its certificates are not why", job.host.name),
        )
        .cause("its API server does not say that it is ready, or its member of etcd not that it is healthy")
        .next("mend it first: a restart of another control plane could stop the API"));
    }
    // Each member that is down takes one from those that may restart.
    let too_many = |job: &&&Job<'_>| may_harm && job.node.healthy && job.node.members > servers.len();
    if let Some(job) = servers.iter().find(too_many) {
        let what = format!(
            "etcd has {} members, and {} control planes of the inventory are part of the cluster",
            job.node.members,
            servers.len()
        );
        return Err(Problem::new(Exit::Preflight, what).cause(format!("etcdctl member list on {}", job.host.name)).next(
            "add its control plane to the inventory, bring it back, or remove the member: a restart could stop the API",
        ));
    }
    Ok(if works || ill().count() < 2 { Order::OneByOne } else { Order::Together })
}

fn is_well(job: &Job<'_>) -> bool {
    job.node.healthy && !pki::is_broken(job.node)
}

/// Whether it takes its part in etcd and the API: a kubelet that is not let in any more leaves what it has started alone.
fn works(job: &Job<'_>) -> bool {
    job.node.healthy && pki::broken(job.node).all(|place| place.keeper == Keeper::KubeletClient)
}

fn renews_what_is_broken(job: &Job<'_>) -> bool {
    pki::broken(job.node).all(|place| job.due.iter().any(|(due, _)| *due == place))
}

fn half(job: &Job<'_>) -> Problem {
    let name = &job.host.name;
    let broken: Vec<&str> = pki::broken(job.node).map(|place| place.name).collect();
    Problem::new(Exit::Preflight, format!("{name} is not well, and not everything that is why would be renewed"))
        .cause(format!("expired or missing there: {}", broken.join(", ")))
        .next(
            "first, without --only: forge certs renew INVENTORY; a restart of another control plane could stop the API",
        )
}

/// The control planes that have to answer while this one restarts: not those that do not trust each other, nor those whose
/// turn to be mended is still to come.
pub(super) fn others<'a>(order: Order, index: usize, sorted: &[&Job<'a>]) -> Vec<&'a Host> {
    if order == Order::Together {
        return Vec::new();
    }
    let servers = sorted.iter().enumerate().filter(|(_, job)| job.host.is_control_plane());
    servers.filter(|(at, job)| *at < index || *at > index && is_well(job)).map(|(_, job)| job.host).collect()
}

/// Control planes first, and among them the one that is not well, which a run that was cut off left behind.
pub(super) fn sorted<'a, 'b>(jobs: &'b [Job<'a>]) -> Vec<&'b Job<'a>> {
    let mut sorted: Vec<&Job<'_>> = jobs.iter().collect();
    sorted.sort_by_key(|job| (!job.host.is_control_plane(), is_well(job)));
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
