//! Rotation of the encryption key: what was seen in, steps out. Its rules are in `src/kube/encryption/rotation.rs`.

mod begin;
mod install;
mod judge;
mod rewrite;
mod seen;

pub use crate::kube::encryption::rotation::Stage;
pub use begin::{Rotation, Wanted};
pub use judge::{Standing, judge};
pub use seen::{Server, probes};

use super::verify::Evidence;
use super::{Site, id};
use crate::inventory::cluster::Host;
use crate::kube::encryption::rotation::{Move, moves};
use crate::plan::{Late, Plan, StepId};

/// What is left to do, in order; each move is complete on all control planes before the next begins. Empty when no rotation
/// could have left the control planes like that, which [`judge`] has refused.
pub fn plan(site: Site<'_>, rotation: &Rotation, evidence: &Late<Vec<Evidence>>) -> Plan {
    let hosts: Vec<&Host> = site.cluster.control_planes().collect();
    let stages: Vec<Stage> = hosts.iter().map(|host| rotation.stage(&host.name)).collect();
    let mut plan = Plan::default();
    let mut before: Vec<StepId> = Vec::new();
    for next in moves(&stages).unwrap_or_default() {
        let first = plan.steps.len();
        match next {
            Move::Install(stage) => {
                plan.steps.extend(hosts.iter().filter_map(|host| install::step(host, rotation, stage, &before)));
            }
            Move::Rewrite => {
                plan.steps.extend(hosts.first().map(|host| rewrite::step(host, rotation, &before, evidence)));
            }
        }
        before = plan.steps.iter().skip(first).map(|step| step.id.clone()).collect();
    }
    plan
}
