//! What forge does, one file per command, each a table of contents.

pub mod audit;
pub mod certs;
pub mod kubeconfig;
mod look;
pub mod rotate_key;
pub mod rotate_tokens;
mod run;
pub mod status;
pub mod up;
pub mod user;

pub use run::{Options, Run};
