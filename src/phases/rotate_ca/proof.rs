//! Whether a stage is complete on every node: looked at before the next one begins anywhere.

use std::collections::BTreeMap;

use super::judge::Rotation;
use super::seen::Seen;
use crate::inventory::NodeName;
use crate::inventory::cluster::{Cluster, Host};
use crate::kube::pki::rotation::Stage;
use crate::kube::pki::{self, Component, PLACES};
use crate::kube::staged::Staged as _;
use crate::phases::verify::Evidence;

/// The rows; one that did not pass keeps everything as it is.
pub fn proof(cluster: &Cluster, seen: &BTreeMap<NodeName, Seen>, rotation: &Rotation, stage: Stage) -> Vec<Evidence> {
    let hosts = cluster.hosts.iter().filter_map(|host| Some((host, seen.get(&host.name)?)));
    hosts.flat_map(|(host, seen)| node(host, seen, rotation, stage)).collect()
}

fn node(host: &Host, seen: &Seen, rotation: &Rotation, stage: Stage) -> Vec<Evidence> {
    let name = &host.name;
    let row = |check: String, passed: bool, found: String| Evidence { check, passed, found };
    let at = rotation.stage(name);
    let mut rows = vec![row(format!("{name}: authorities"), at == stage, at.words().to_owned())];
    if host.is_control_plane() {
        let components = Component::ALL.into_iter().filter(|one| pki::stale(&seen.node, *one));
        let stale: Vec<&str> = components.map(Component::name).collect();
        let found = if stale.is_empty() { "all".to_owned() } else { format!("not {}", stale.join(", ")) };
        rows.push(row(format!("{name}: what runs has read them"), stale.is_empty(), found));
        let found = if seen.node.healthy { "both say so" } else { "one does not say so" };
        rows.push(row(format!("{name}: API server and etcd are well"), seen.node.healthy, found.to_owned()));
    }
    if stage != Stage::Trust {
        let others = signed_by_others(host, seen, rotation);
        let found = if others.is_empty() { "all".to_owned() } else { format!("not {}", others.join(", ")) };
        rows.push(row(format!("{name}: certificates are the new authorities'"), others.is_empty(), found));
    }
    rows
}

/// Names of certificates, in files or served, that another authority has signed.
fn signed_by_others(host: &Host, seen: &Seen, rotation: &Rotation) -> Vec<&'static str> {
    let signers = rotation.signers();
    let by_another = |place: &&pki::Place| {
        let Some(signer) = place.authority().and_then(|authority| signers.get(authority)) else { return false };
        let there = seen.node.certificate(place).into_iter().chain(seen.node.serves(place));
        there.into_iter().any(|certificate| certificate.signer_id != *signer)
    };
    let places = PLACES.iter().filter(|place| host.is_control_plane() || place.everywhere);
    places.filter(by_another).map(|place| place.name).collect()
}
