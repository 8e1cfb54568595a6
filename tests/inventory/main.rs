//! What forge says about an inventory: each behaviour with the file that shows it and the exact words.

#![allow(clippy::unwrap_used)]

mod addons;
mod audit;
mod cluster;
mod cni;
mod defaults;
mod files;
mod hosts;
mod login;
mod overrides;
mod published;
mod security;
mod shape;
mod sources;

use std::path::Path;

use forge::inventory::{Cluster, parse};

/// One machine, to which a test adds what it is about.
const ONE_HOST: &str = "hosts:\n  cp1: {address: 192.0.2.11, roles: [control-plane]}\n";

/// The cluster that a good inventory asks for.
fn cluster(text: &str) -> Cluster {
    parse("inventory.yaml", text, Path::new("/nowhere")).unwrap_or_else(|invalid| panic!("{invalid}"))
}

/// What a person reads about a bad one.
fn complaint(text: &str) -> String {
    parse("inventory.yaml", text, Path::new("/nowhere")).unwrap_err().to_string()
}

/// The same with one good host behind it.
fn complaint_about(settings: &str) -> String {
    complaint(&format!("{settings}{ONE_HOST}"))
}
