//! What forge does, one file per command, each a table of contents.

pub mod audit;
pub mod kubeconfig;
mod look;
mod run;
pub mod status;
pub mod up;
pub mod user;

pub use run::{Options, Run};
