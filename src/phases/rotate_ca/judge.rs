//! Whether the authorities may be rotated, or a rotation go on, and if not, all the reasons.

use std::collections::BTreeMap;

use super::super::control_planes::{fatal, not_ours};
use super::seen::{Seen, Written};
use crate::inventory::NodeName;
use crate::inventory::cluster::{Cluster, Host};
use crate::kube::pki::rotation::{AUTHORITIES, Journal, Stage, resume};
use crate::kube::{paths, pki};
use crate::phases::preflight::Finding;

/// A rotation: about to begin, or under way.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// `None` before it has begun.
    pub journal: Option<Journal>,
    /// How far each node is.
    pub at: BTreeMap<NodeName, Stage>,
    /// The stage to begin with.
    pub first: Stage,
    /// The control plane that has the new authorities, or makes them.
    pub source: NodeName,
    /// The place of an authority → the one that goes, as far as any node still has it.
    pub old: BTreeMap<&'static str, Written>,
    /// The place of an authority → the one that comes; empty before they are made.
    pub new: BTreeMap<&'static str, Written>,
}

impl Rotation {
    /// How far a node is.
    pub fn stage(&self, host: &NodeName) -> Stage {
        self.at.get(host).copied().unwrap_or(Stage::Start)
    }

    /// The place of an authority → the identifier of its new key.
    pub fn signers(&self) -> BTreeMap<&'static str, String> {
        self.new.iter().map(|(place, new)| (*place, new.certificate.key_id.clone())).collect()
    }
}

/// Looks at every node of the inventory.
///
/// # Errors
/// Everything for which no authority may be touched now.
pub fn judge(cluster: &Cluster, seen: &BTreeMap<NodeName, Seen>) -> Result<Rotation, Vec<Finding>> {
    let hosts = || cluster.hosts.iter().filter_map(|host| Some((host, seen.get(&host.name)?)));
    let mut findings: Vec<Finding> = hosts().flat_map(|(host, seen)| incomplete(host, seen)).collect();
    findings.extend(hosts().filter_map(|(host, seen)| not_ours(&host.name, seen.stranger.as_deref())));
    findings.extend(outside(cluster, seen));
    if !findings.is_empty() {
        return Err(findings);
    }
    if let Some(rotation) = begun(cluster, seen) {
        return Ok(rotation);
    }
    findings.extend(hosts().filter_map(|(host, seen)| expired(host, seen).or_else(|| ill(host, seen))));
    let servers = || hosts().filter(|(host, _)| host.is_control_plane());
    let Some((first, one)) = servers().next() else { return Err(findings) };
    findings.extend(hosts().filter_map(|(host, seen)| unlike(first, one, host, seen)));
    if !findings.is_empty() {
        return Err(findings);
    }
    // Made by a run that was cut off before anybody trusted them.
    let made = servers().find(|(_, seen)| seen.made.len() == AUTHORITIES.len()).map_or(first, |(host, _)| host);
    Ok(Rotation {
        journal: None,
        at: BTreeMap::new(),
        first: Stage::Trust,
        source: made.name.clone(),
        old: one.held.iter().filter_map(|(place, held)| Some((*place, held.first()?.clone()))).collect(),
        new: BTreeMap::new(),
    })
}

/// The rotation that leaves all nodes as they are. Of several that have not got anywhere any will do.
fn begun(cluster: &Cluster, seen: &BTreeMap<NodeName, Seen>) -> Option<Rotation> {
    let candidates = cluster.control_planes().filter_map(|host| {
        let server = seen.get(&host.name)?;
        let journal = server.journal.clone()?;
        let made = |(place, change): (&String, &pki::rotation::Change)| {
            server.made.get(place.as_str()).is_some_and(|made| made.certificate.fingerprint == change.to)
        };
        if !journal.authorities.iter().all(made) {
            return None;
        }
        let at: Option<BTreeMap<NodeName, Stage>> =
            seen.iter().map(|(name, seen)| Some((name.clone(), seen.stage(&journal)?))).collect();
        let at = at?;
        let first = resume(&at.values().copied().collect::<Vec<_>>())?;
        let find = |fingerprint: &str, place: &str| {
            let held = seen.values().filter_map(|seen| seen.held.get(place)).flatten();
            held.into_iter().find(|one| one.certificate.fingerprint == fingerprint).cloned()
        };
        let old = AUTHORITIES
            .iter()
            .filter_map(|(place, _)| Some((*place, find(&journal.authorities.get(*place)?.from, place)?)));
        let old = old.collect();
        Some(Rotation { journal: Some(journal), at, first, source: host.name.clone(), old, new: server.made.clone() })
    });
    candidates.max_by_key(|rotation| rotation.at.values().max().copied())
}

fn incomplete(host: &Host, seen: &Seen) -> Option<Finding> {
    let name = &host.name;
    if !seen.held.contains_key("ca") {
        let cause = format!("there is no certificate in {}", paths::CA);
        return Some(fatal(name, format!("{name} is not part of the cluster yet"), cause, "forge up INVENTORY"));
    }
    if !host.is_control_plane() {
        return None;
    }
    let lacks = |(place, file): &&(&str, &str)| {
        let complete = seen.held.contains_key(place) && seen.keys.iter().any(|key| key == place);
        if complete { None } else { Some(format!("{}/{file}.crt or its key is not there", paths::PKI)) }
    };
    let lacking: Vec<String> = AUTHORITIES.iter().filter_map(|authority| lacks(&authority)).collect();
    (!lacking.is_empty()).then(|| {
        let next = "forge rotates authorities whose keys are on every control plane, as kubeadm makes them";
        fatal(name, format!("{name} does not have all authorities"), lacking.join(", "), next)
    })
}

/// A node that is not in the inventory would keep the old authority and lose the cluster.
fn outside(cluster: &Cluster, seen: &BTreeMap<NodeName, Seen>) -> Vec<Finding> {
    let known = cluster.control_planes().filter_map(|host| seen.get(&host.name)).find(|seen| !seen.known.is_empty());
    let Some(known) = known else {
        return vec![Finding {
            host: None,
            fatal: true,
            what: "no API server says which nodes there are".to_owned(),
            cause: "kubectl get nodes failed on every control plane".to_owned(),
            next: "forge certs list INVENTORY shows whether certificates are why; forge certs renew INVENTORY"
                .to_owned(),
        }];
    };
    let strangers = known.known.iter().filter(|node| cluster.hosts.iter().all(|host| host.name.as_str() != **node));
    strangers
        .map(|node| Finding {
            host: None,
            fatal: true,
            what: format!("{node} is a node of the cluster and not of the inventory"),
            cause: "it would keep the old authority".to_owned(),
            next: format!("add it to the inventory, or remove it from the cluster: kubectl delete node {node}"),
        })
        .collect()
}

fn expired(host: &Host, seen: &Seen) -> Option<Finding> {
    (host.is_control_plane() && pki::is_broken(&seen.node)).then(|| {
        let name = &host.name;
        let what = format!("a certificate of {name} has expired or is missing");
        fatal(name, what, "forge certs list INVENTORY shows which", "forge certs renew INVENTORY")
    })
}

/// A rotation cannot be taken back: it begins where everything works.
fn ill(host: &Host, seen: &Seen) -> Option<Finding> {
    (host.is_control_plane() && !seen.node.healthy).then(|| {
        let name = &host.name;
        let cause = "its API server does not say that it is ready, or its member of etcd not that it is healthy";
        fatal(
            name,
            format!("{name} is not well"),
            cause,
            "mend it first; what its own certificates are to blame for: forge certs renew INVENTORY",
        )
    })
}

/// Before a rotation every node trusts the same authorities, and one of each.
fn unlike(first: &Host, one: &Seen, host: &Host, seen: &Seen) -> Option<Finding> {
    let name = &host.name;
    let fingerprint = |held: &Written| held.certificate.fingerprint.clone();
    for (place, held) in &seen.held {
        if let [_, _, ..] = held.as_slice() {
            let what = format!(
                "{name} trusts {} certificates as {place}, and no rotation of forge's leaves it so",
                held.len()
            );
            return Some(fatal(name, what, "", "leave one in the file, or finish the rotation that put them there"));
        }
        let others = one.held.get(place).and_then(|held| held.first()).map(fingerprint);
        if held.first().map(fingerprint) != others {
            let what = format!("{name} and {} trust different authorities ({place})", first.name);
            return Some(fatal(name, what, "no rotation of forge's leaves them so", "check the inventory"));
        }
    }
    None
}
