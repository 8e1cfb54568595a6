//! What a host or the cluster should have, one small file per phase: facts in, resources or steps out. No phase talks to
//! anybody.

pub mod addons;
pub mod applied;
mod apt_proxy;
pub mod certificates;
pub mod control_planes;
pub mod encryption;
pub mod facts;
pub mod host;
pub mod images;
pub mod join_material;
pub mod kubeadm_init;
pub mod kubeadm_join;
pub mod leftovers;
pub mod manifests;
pub mod network;
pub mod node_settings;
pub mod policies;
pub mod preflight;
pub mod registration;
pub mod rotate_ca;
pub mod rotate_key;
pub mod rotate_sa_key;
pub mod serving_certificate;
pub mod settings;
pub mod status;
pub mod tokens;
pub mod verify;

use crate::error::{Exit, Problem};
use crate::inventory::cluster::{Cluster, Host};
use crate::plan::{Heard, StepId};
use crate::render::{RenderError, Templates};

pub use facts::Facts;

/// Everything a phase looks at.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// What is wanted.
    pub cluster: &'a Cluster,
    /// What was seen.
    pub facts: &'a Facts,
    /// How files are worded.
    pub templates: &'a Templates,
}

/// A step's identity.
pub fn id(host: &Host, name: &'static str) -> StepId {
    StepId { host: host.name.clone(), name }
}

/// A script's failure in its own words.
pub fn failed(host: &Host, what: &str) -> impl FnOnce(&Heard) -> Problem + Send + Sync + 'static {
    let what = format!("{}: {what}", host.name);
    move |heard| {
        Problem::new(Exit::Failed, what)
            .cause(heard.tail())
            .next("mend the cause and run the same command again; what is done stays done")
    }
}

/// A template that could not be rendered: mostly one of the user's own.
pub fn unrendered(error: RenderError) -> Problem {
    error.into()
}

impl<'a> Site<'a> {
    /// The control plane that speaks for the cluster: one whose API server answered, one that has joined, or the first.
    pub fn first_server(&self) -> Option<&'a Host> {
        let living = self.facts.living.as_ref().and_then(|living| living.through.as_ref());
        let mut servers = self.cluster.control_planes();
        let found = servers.clone().find(|host| Some(&host.name) == living);
        let joined = || servers.clone().find(|host| self.facts.joined(&host.name));
        found.or_else(joined).or_else(|| servers.next())
    }
}
