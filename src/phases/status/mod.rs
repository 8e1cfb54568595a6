//! How the hosts and the cluster are: rows that say what was looked at and what was found. Nothing is changed.
//!
//! Each file here looks at one thing: its probe is the shell that a host runs, its rows are what the answer means.

mod nodes;
mod reboot;

use std::collections::BTreeMap;

use super::Facts;
use super::facts;
use crate::host::Observed;
use crate::host::facts::Probe;
use crate::inventory::{Cluster, Host, NodeName};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The host it is about; `None` when it is about the cluster.
    pub host: Option<NodeName>,
    /// What was looked at: `reboot`.
    pub what: &'static str,
    /// Whether nobody has to do anything about it.
    pub fine: bool,
    /// What was found.
    pub found: String,
}

/// What a host is asked.
pub fn probes(host: &Host) -> Vec<Probe> {
    let mut probes = facts::probes(host);
    probes.push(reboot::probe());
    probes
}

/// What the answers mean, host by host in the order of the inventory.
pub fn rows(cluster: &Cluster, hosts: BTreeMap<NodeName, Observed>) -> Vec<Row> {
    let mut facts = Facts { hosts, ..Facts::default() };
    facts.look_at_the_cluster(cluster);
    let of = |host: &Host| {
        let seen = facts.hosts.get(&host.name)?;
        Some([nodes::row(host, &facts), reboot::row(host, seen)])
    };
    cluster.hosts.iter().filter_map(of).flatten().collect()
}
