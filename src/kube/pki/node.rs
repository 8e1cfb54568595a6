//! What a node answered about its certificates.

use std::collections::BTreeMap;

use super::places::{Component, PLACES, Place};
use crate::kube::certificates::{self, Certificate};

/// One node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Name of the place → the file's certificate, the first of a bundle, and when it was written (seconds since 1970).
    pub files: BTreeMap<&'static str, File>,
    /// Name of the place → what is served on its port now.
    pub served: BTreeMap<&'static str, Certificate>,
    /// Whether the host has the program that looks at what is served.
    pub can_look: bool,
    /// When the processes that run now were started, in seconds since 1970.
    pub started: BTreeMap<Component, f64>,
    /// Components whose manifest a run that was cut off left aside.
    pub aside: Vec<Component>,
    /// Whether its own API server and its own member of etcd say that they are well.
    pub healthy: bool,
    /// How many members etcd has.
    pub members: usize,
    /// kubeadm's version there, `1.36.5`; empty without kubeadm.
    pub version: String,
    /// The node's clock.
    pub now: f64,
}

/// A certificate in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// When it was written.
    pub written: f64,
    /// What is in it.
    pub certificate: Result<Certificate, String>,
}

/// Reads a node's answers; `get` finds one by the key of its probe.
pub fn read<'a>(control_plane: bool, get: impl Fn(&str) -> &'a str) -> Node {
    let now = get("certificates/clock").parse().unwrap_or_default();
    let mut node = Node { now, can_look: true, ..Node::default() };
    for place in Place::of(control_plane) {
        if let Some((written, pem)) = get(&format!("certificate/{}", place.name)).split_once('\n') {
            let certificate = certificates::parse(pem).map_err(|error| error.to_string());
            let certificate = certificate.and_then(|all| all.into_iter().next().ok_or_else(String::new));
            node.files.insert(place.name, File { written: written.parse().unwrap_or_default(), certificate });
        }
        if place.port.is_some() {
            let answer = get(&format!("served/{}", place.name));
            node.can_look &= answer != "no openssl";
            let shown = certificates::parse(answer).ok().and_then(|all| all.into_iter().next());
            node.served.extend(shown.map(|shown| (place.name, shown)));
        }
    }
    for line in get("certificates/processes").lines() {
        let Some((name, rest)) = line.split_once(' ') else { continue };
        let Some(component) = Component::ALL.into_iter().find(|component| component.name() == name) else { continue };
        match rest {
            "aside" => node.aside.push(component),
            started => drop(started.parse().map(|started| node.started.insert(component, started))),
        }
    }
    let health = get("certificates/health");
    let has = |word: &str| health.lines().any(|line| line == word);
    node.healthy = has("api ok") && has("etcd ok");
    node.members = health.lines().filter_map(|line| line.strip_prefix("members ")?.parse().ok()).next().unwrap_or(0);
    node.version = get("certificates/kubeadm").trim_start_matches('v').to_owned();
    node
}

impl Node {
    /// The certificate that stands for a place: the file's, or the served one where there is no file.
    pub fn certificate(&self, place: &Place) -> Option<&Certificate> {
        if place.path.is_empty() {
            return self.serves(place);
        }
        self.files.get(place.name).and_then(|file| file.certificate.as_ref().ok())
    }

    /// The certificate that is served for a place.
    pub fn serves(&self, place: &Place) -> Option<&Certificate> {
        self.served.get(place.name)
    }

    /// What a component has to read from files.
    pub(super) fn files_of(&self, component: Component) -> impl Iterator<Item = &File> {
        let used =
            move |place: &&Place| place.used_by == Some(component) || component.authorities().contains(&place.name);
        PLACES.iter().filter(used).filter_map(|place| self.files.get(place.name))
    }
}
