//! Rotation of the cluster's three authorities: what was seen in, steps out. Its rules are in `src/kube/pki/rotation.rs`.

mod create;
mod install;
mod judge;
mod pods;
mod proof;
mod publish;
mod seen;

pub use crate::kube::pki::rotation::Stage;
pub use judge::{Rotation, judge};
pub use proof::proof;
pub use seen::{Seen, probes};

use std::collections::BTreeMap;

use super::certificates::{self, Installation, Renewal};
use super::id;
use crate::error::Problem;
use crate::host::{Difference, Script};
use crate::inventory::NodeName;
use crate::inventory::cluster::{Cluster, Host};
use crate::kube::paths;
use crate::kube::pki::{Keeper, PLACES, Place, Wanted};
use crate::plan::{Late, Plan, Step, Work};

/// The steps that bring every node to a stage: what is put in place restarts by the machine that renews certificates, one
/// control plane after the other, each proven before the next; the workers come after them. `renewal` is that machine without
/// anything to do.
///
/// # Errors
/// A control plane is not well, or a template cannot be rendered.
pub fn nodes(renewal: Renewal<'_>, rotation: &Rotation, stage: Stage) -> Result<Plan, Problem> {
    let made = Late::default();
    let behind = renewal.cluster.hosts.iter().filter(|host| rotation.stage(&host.name) < stage);
    let installations: BTreeMap<NodeName, Installation> =
        behind.map(|host| (host.name.clone(), install::installation(host, rotation, stage, &made))).collect();
    let wanted = match stage {
        Stage::Sign => signed(rotation, |place| place.keeper == Keeper::Kubeadm),
        _ => signed(rotation, |_| false),
    };
    let mut plan = certificates::plan(Renewal { installations: &installations, wanted: &wanted, ..renewal })?;
    let source = renewal.cluster.hosts.iter().find(|host| host.name == rotation.source);
    if let Some(source) = source.filter(|_| stage == Stage::Trust && !installations.is_empty()) {
        let create = create::step(source, rotation, renewal, &made)?;
        plan.steps.iter_mut().for_each(|step| step.needs.push(create.id.clone()));
        plan.steps.insert(0, create);
    }
    Ok(plan)
}

/// The steps that give every kubelet certificates of the new authority, once every controller manager signs with it.
///
/// # Errors
/// As [`nodes`].
pub fn kubelets(renewal: Renewal<'_>, rotation: &Rotation) -> Result<Plan, Problem> {
    let kept = |place: &Place| matches!(place.keeper, Keeper::KubeletClient | Keeper::KubeletServing);
    certificates::plan(Renewal { wanted: &signed(rotation, kept), ..renewal })
}

/// What another authority than the new one has signed, of some certificates.
fn signed(rotation: &Rotation, of: impl Fn(&Place) -> bool) -> Wanted {
    let mut only: Vec<String> = PLACES.iter().filter(|place| of(place)).map(|place| place.name.to_owned()).collect();
    if only.is_empty() {
        // Nobody's name: an empty list would take all.
        only.push(String::new());
    }
    Wanted { within: None, only, signers: Some(rotation.signers()) }
}

/// The steps by which the cluster and its pods learn whom to trust.
pub fn cluster(cluster: &Cluster, rotation: &Rotation, stage: Stage) -> Plan {
    let Some(server) = cluster.control_planes().next() else { return Plan::default() };
    Plan { steps: vec![publish::step(server, rotation, stage), pods::step(server, stage == Stage::Trust)] }
}

/// The steps after which nothing of a rotation is left on the control planes.
pub fn forget(cluster: &Cluster) -> Plan {
    let step = |host: &Host| Step {
        id: id(host, "authorities-forget"),
        title: "rotation at its end".to_owned(),
        runs_on: host.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes: vec![Difference::new(format!("folder {}: remove", paths::AUTHORITIES))],
        work: Work::Changes(Script::new(format!("rm -rf {0} {0}.new", paths::AUTHORITIES))),
    };
    Plan { steps: cluster.control_planes().map(step).collect() }
}
