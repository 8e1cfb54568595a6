//! What forge does, one file per command, each a table of contents.

pub mod audit;
pub mod certs;
pub mod kubeconfig;
mod look;
pub mod rotate_key;
pub mod rotate_sa_key;
pub mod rotate_tokens;
mod run;
pub mod status;
pub mod up;
pub mod user;

pub use run::{Options, Run};

use crate::error::{Exit, Problem};
use crate::kube::JoinSecrets;

/// New ones for this run.
fn join_secrets() -> Result<JoinSecrets, Problem> {
    JoinSecrets::generate().map_err(|error| Problem::new(Exit::Failed, "no token could be made").cause(error))
}
