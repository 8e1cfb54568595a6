//! What is put in place on a host before its certificates are renewed, so that it restarts with both.

use std::sync::Arc;

use super::job::Job;
use crate::error::Problem;
use crate::host::{Difference, Script};
use crate::phases::{failed, id};
use crate::plan::{Step, once};

/// The step's name.
pub(super) const STEP: &str = "authorities-install";

/// Makes the script when its turn has come: what it holds may be made by a step before it.
pub type Begin = Arc<dyn Fn() -> Result<Script, Problem> + Send + Sync>;

/// What is put in place on one host.
#[derive(Clone)]
pub struct Installation {
    /// For the plan.
    pub change: String,
    /// What is run; what is restarted afterwards is the renewal's.
    pub begin: Begin,
}

/// The step, when something is put in place on the host.
pub(super) fn step(job: &Job<'_>) -> Option<Step> {
    let Installation { change, begin } = job.installation?.clone();
    Some(Step {
        id: id(job.host, STEP),
        title: "authorities put in place".to_owned(),
        runs_on: job.host.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes: vec![Difference::new(change)],
        work: once(
            move || begin(),
            |heard| Ok(heard.outcome()),
            failed(job.host, "the authorities could not be put in place"),
        ),
    })
}
