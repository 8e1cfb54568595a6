//! Rotation of the key that signs service accounts' tokens: what was seen in, steps out. Its rules are in
//! `src/kube/service_account_key/rotation.rs`.

mod begin;
mod install;
mod judge;
mod make;
mod removal;
mod seen;

use std::collections::BTreeMap;

pub use crate::kube::service_account_key::rotation::{Journal, Stage};
pub use begin::Rotation;
pub use judge::{Standing, judge};
pub use make::{make, read};
pub use removal::{NotYet, removal};
pub use seen::{Server, Users, probes, users};

use super::{Site, certificates};
use crate::inventory::NodeName;
use crate::inventory::cluster::Host;
use crate::kube::service_account_key::rotation::left;
use crate::plan::{Plan, StepId};

/// What is left to do up to a stage, in order: one control plane after the other, since each step restarts an API server, and
/// each stage on all of them before the next one begins.
pub fn plan(site: Site<'_>, rotation: &Rotation, servers: &BTreeMap<NodeName, Server>, until: Stage) -> Plan {
    let hosts: Vec<&Host> = site.cluster.control_planes().collect();
    let stages: Vec<Stage> = hosts.iter().map(|host| rotation.stage(&host.name)).collect();
    let mut plan = Plan::default();
    let untouched = hosts.iter().filter(|host| rotation.stage(&host.name) == Stage::Start);
    plan.steps.extend(untouched.map(|host| certificates::backup(host)));
    let mut before: Vec<StepId> = plan.steps.iter().map(|step| step.id.clone()).collect();
    for stage in left(&stages).unwrap_or_default().into_iter().filter(|stage| *stage <= until) {
        for host in &hosts {
            let Some(server) = servers.get(&host.name) else { continue };
            if let Some(step) = install::step(host, &hosts, rotation, server, stage, &before) {
                before = vec![step.id.clone()];
                plan.add(step);
            }
        }
    }
    plan
}

/// A rotation that was begun and has not come to its end.
pub fn under_way(site: Site<'_>) -> Option<Journal> {
    site.cluster.control_planes().find_map(|host| site.facts.sa_rotation(&host.name))
}
