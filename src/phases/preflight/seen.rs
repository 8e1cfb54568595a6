//! A host as wanted and as seen, side by side: what every check looks at.

use std::collections::BTreeMap;

use super::membership::Membership;
use super::system::{HostFacts, host_facts};
use crate::host::facts::Observed;
use crate::inventory::{Cluster, Host, NodeName};

/// The shell's test for a host that is, or looks like, part of a cluster.
pub(super) const JOINED: &str = "[ -e /etc/kubernetes/kubelet.conf ]";

pub(super) struct Seen<'a> {
    pub(super) host: &'a Host,
    pub(super) observed: &'a Observed,
    pub(super) facts: HostFacts,
    pub(super) membership: Membership,
}

impl Seen<'_> {
    /// Not part of any cluster: everything was asked.
    pub(super) fn is_bare(&self) -> bool {
        !self.membership.joined
    }

    /// What runs on it may be what an earlier run of ours started.
    pub(super) fn is_ours(&self) -> bool {
        self.membership.joined || self.membership.interrupted
    }
}

/// The hosts that answered, in the order of the inventory.
pub(super) fn look<'a>(cluster: &'a Cluster, seen: &'a BTreeMap<NodeName, Observed>) -> Vec<Seen<'a>> {
    let answered = cluster.hosts.iter().filter_map(|host| seen.get(&host.name).map(|observed| (host, observed)));
    answered
        .map(|(host, observed)| Seen {
            host,
            observed,
            facts: host_facts(observed),
            membership: Membership::parse(observed),
        })
        .collect()
}
