//! The file a person writes: read, checked in full, and turned into the cluster that is wanted.

mod addons;
mod calico;
mod check;
pub mod cluster;
mod entries;
mod finding;
pub mod host_security;
pub mod model;
mod parse;
mod schema;
mod source;
mod structure;

pub use cluster::{Cluster, Host, NodeName};
pub use finding::{Finding, Invalid};
pub use parse::{load, parse};
pub use schema::{schema, schema_text};
