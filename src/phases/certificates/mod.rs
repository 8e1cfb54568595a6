//! The certificates of a cluster, whether it still works or not: looked at, renewed, proven.

mod backup;
mod install;
mod job;
mod kubelet;
mod look;
mod order;
mod proof;
mod renew;
mod restart;
mod token;

use crate::error::{Exit, Problem};
use crate::inventory::NodeName;
use crate::inventory::cluster::{Cluster, Host};
use crate::kube::pki::{self, Node, Wanted};
use crate::kube::{JoinSecrets, init_config};
use crate::phases::preflight::Finding;
use crate::phases::unrendered;
use crate::phases::verify::Evidence;
use crate::plan::Plan;
use crate::render::Templates;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub use backup::backup;
pub use install::{Begin, Installation};
pub use kubelet::RESTART;
pub use look::{ca, names, pending, probes, processes, rotation, rotation_of_a_stranger, rotation_probe, seen};
pub use restart::restart;

/// What steps found after they had changed something, in the order in which they ended.
pub type Proofs = Arc<Mutex<Vec<Evidence>>>;

/// Everything that a renewal looks at.
#[derive(Clone, Copy)]
pub struct Renewal<'a> {
    /// What is wanted.
    pub cluster: &'a Cluster,
    /// How files are worded.
    pub templates: &'a Templates,
    /// What was seen of each host.
    pub nodes: &'a BTreeMap<NodeName, Node>,
    /// The certificate of the cluster's CA in PEM.
    pub ca: &'a str,
    /// Nodes whose kubelet waits for an approval that it may have.
    pub pending: &'a [NodeName],
    /// What is put in place on hosts first.
    pub installations: &'a BTreeMap<NodeName, Installation>,
    /// Which certificates.
    pub wanted: &'a Wanted,
    /// The token with which kubelets of workers ask anew.
    pub secrets: &'a JoinSecrets,
    /// Where proofs go.
    pub proofs: &'a Proofs,
}

impl Renewal<'_> {
    /// kubeadm's configuration for a control plane, as `kubeadm init` would be given it.
    fn config(&self, host: &Host) -> Result<Secret, Problem> {
        let version = self.nodes.get(&host.name).map_or("", |node| node.version.as_str());
        init_config(self.templates, self.cluster, host, version, self.secrets).map_err(unrendered)
    }
}

/// The authorities that have ended: no renewal gets past them, because nobody accepts what they have signed.
pub fn ended(cluster: &Cluster, nodes: &BTreeMap<NodeName, Node>) -> Vec<Finding> {
    let ended = |host: &Host| {
        let (name, place) = (&host.name, pki::ended_authority(nodes.get(&host.name)?)?);
        Some(Finding {
            host: Some(name.clone()),
            fatal: true,
            what: format!("{name}: the authority {place} has expired"),
            cause: "nobody accepts what it has signed, or would sign now".to_owned(),
            next: "make it anew by hand and give it to every node, then: forge certs renew INVENTORY".to_owned(),
        })
    };
    cluster.control_planes().filter_map(ended).collect()
}

/// What is new has to be looked at on every node.
fn can_look(jobs: &[job::Job<'_>]) -> Result<(), Problem> {
    let blind: Vec<&str> = jobs.iter().filter(|job| !job.node.can_look).map(|job| job.host.name.as_str()).collect();
    if blind.is_empty() {
        return Ok(());
    }
    let names = blind.join(", ");
    Err(Problem::new(Exit::Preflight, format!("{names}: what is served there cannot be looked at"))
        .cause("openssl is not installed")
        .next(format!("on {names}: apt-get install openssl")))
}

/// The steps: control planes one after the other, each proven before the next, or all together where they cannot work with
/// each other any more; then the other nodes' kubelets.
///
/// # Errors
/// A control plane is not well for another reason than its certificates, or a template cannot be rendered.
pub fn plan(renewal: Renewal<'_>) -> Result<Plan, Problem> {
    let jobs = job::jobs(renewal)?;
    can_look(&jobs)?;
    let order = order::order(&jobs)?;
    let mut plan = Plan::default();
    let sorted = order::sorted(&jobs);
    for (index, job) in sorted.iter().enumerate() {
        let mut steps = Vec::new();
        if job.host.is_control_plane() {
            if !job.due.is_empty() || job.installation.is_some() {
                steps.push(backup(job.host));
            }
            steps.extend(install::step(job));
            let renewed = renew::step(job, renewal)?;
            let others = order::others(order, index, &sorted);
            let restarted = (!job.restarts.is_empty()).then(|| restart::step(job.host, &job.restarts, &others));
            let is_touched = renewed.is_some() || restarted.is_some();
            steps.extend(renewed);
            steps.extend(kubelet::step(job, renewal)?);
            steps.extend(restarted);
            steps.extend(is_touched.then(|| proof::control_plane(job, renewal)));
        }
        order::chain(&mut steps, &mut plan.steps, order, pki::is_broken(job.node));
        plan.steps.extend(steps);
    }
    let control_planes: Vec<_> = plan.steps.iter().map(|step| step.id.clone()).collect();
    let workers = || jobs.iter().filter(|job| !job.host.is_control_plane());
    for mut step in workers().filter_map(install::step) {
        step.needs.extend(control_planes.iter().cloned());
        plan.add(step);
    }
    if let Some(step) = token::create(&jobs, renewal, &control_planes)? {
        plan.add(step);
    }
    for job in workers().filter(|job| job.needs_kubelet()) {
        if let Some(mut step) = kubelet::step(job, renewal)? {
            step.needs.extend(control_planes.iter().cloned());
            plan.add(step);
        }
    }
    for job in &jobs {
        plan.steps.extend(kubelet::approval(job, renewal));
        plan.steps.extend(proof::kubelet(job, renewal));
    }
    plan.steps.extend(token::delete(&jobs, renewal));
    Ok(plan)
}
