//! What each node says of its authorities: which certificates it trusts, and what a rotation has left on it.

use std::collections::BTreeMap;

use crate::host::facts::Probe;
use crate::host::{Observed, quote};
use crate::inventory::cluster::Host;
use crate::kube::certificates::{self, Certificate};
use crate::kube::paths;
use crate::kube::pki::rotation::{AUTHORITIES, Journal, Stage};
use crate::kube::pki::{self, Node};
use crate::phases::certificates as phase;
use crate::phases::control_planes::own_server;

/// A certificate and the text that it is written in.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What it says.
    pub certificate: Certificate,
    /// PEM, with a line break at the end.
    pub pem: String,
}

/// One node.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Its certificates.
    pub node: Node,
    /// The place of an authority → the certificates in its file.
    pub held: BTreeMap<&'static str, Vec<Written>>,
    /// The new authorities that lie on the host.
    pub made: BTreeMap<&'static str, Written>,
    /// A journal that can be read.
    pub journal: Option<Journal>,
    /// The version of the forge that left one in another format.
    pub stranger: Option<String>,
    /// Places of authorities whose keys are there.
    pub keys: Vec<String>,
    /// Whether the controller manager's certificate to sign with has a file of its own.
    pub signer: bool,
    /// Names of all nodes, as the API server at the host's own address knows them.
    pub known: Vec<String>,
}

/// The questions.
pub fn probes(host: &Host) -> Vec<Probe> {
    let mut probes = phase::probes(host);
    if !host.is_control_plane() {
        return probes;
    }
    let server = quote(&own_server(host));
    let mut files = format!("[ ! -e {signer} ] || echo signer\n", signer = paths::CA_SIGNER);
    for (place, file) in AUTHORITIES {
        let made = format!("cat {}/{file}.crt", paths::AUTHORITIES);
        probes.push(Probe::quick(format!("authorities/{place}"), made));
        files.push_str(&format!("[ ! -e {}/{file}.key ] || echo {place}\n", paths::PKI));
    }
    probes.push(Probe::quick("authorities/files", files));
    let nodes = format!("kubectl --server={server} --request-timeout=15s get nodes -o name");
    probes.push(Probe::slow("authorities/nodes", nodes));
    probes
}

impl Seen {
    /// Reads the answers.
    pub fn parse(host: &Host, seen: &Observed) -> Self {
        let mut found = Self {
            node: pki::read(host.is_control_plane(), |key| seen.get(key)),
            journal: phase::rotation(seen),
            stranger: phase::rotation_of_a_stranger(seen),
            ..Self::default()
        };
        for (place, _) in AUTHORITIES {
            let held = written(seen.get(&format!("certificate/{place}")));
            if !held.is_empty() {
                found.held.insert(place, held);
            }
            found.made.extend(written(seen.get(&format!("authorities/{place}"))).pop().map(|made| (place, made)));
        }
        let mut files: Vec<String> = seen.get("authorities/files").lines().map(str::to_owned).collect();
        found.signer = files.iter().any(|file| file == "signer");
        files.retain(|file| file != "signer");
        found.keys = files;
        let nodes = seen.get("authorities/nodes").lines();
        found.known = nodes.filter_map(|line| line.strip_prefix("node/")).map(str::to_owned).collect();
        found
    }

    /// How far the node is in this rotation; `None` when no stage of it leaves a node so.
    pub fn stage(&self, journal: &Journal) -> Option<Stage> {
        let fingerprints =
            |held: &'_ Vec<Written>| held.iter().map(|one| one.certificate.fingerprint.clone()).collect();
        let held: BTreeMap<&str, Vec<String>> =
            self.held.iter().map(|(place, held)| (*place, fingerprints(held))).collect();
        let held = held.iter().map(|(place, held)| (*place, held.iter().map(String::as_str).collect())).collect();
        let stage = journal.stage(&held)?;
        // The last thing to go.
        Some(if self.signer { stage.min(Stage::Sign) } else { stage })
    }
}

fn written(pem: &str) -> Vec<Written> {
    let one = |text: &str| {
        let certificate = certificates::parse(text).ok()?.pop()?;
        Some(Written { certificate, pem: format!("{text}\n") })
    };
    certificates::texts(pem).filter_map(one).collect()
}
