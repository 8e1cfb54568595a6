//! The file a person writes: read, checked in full, and turned into the cluster that is wanted.

pub mod cluster;

pub use cluster::{Cluster, Host, NodeName};
