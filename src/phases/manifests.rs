//! The user's manifests: applied, kept, and deleted when they leave the inventory.

use super::applied::{Set, Source};
use super::{Site, id, kubeadm_init, network, policies};
use crate::error::Problem;
use crate::inventory::cluster::Host;
use crate::plan::Step;

/// The step's name.
pub const STEP: &str = "manifests";

/// The step, when one of the objects is missing, was changed, or is no longer wanted. The policies come first, so that
/// nothing here ever ran without them.
///
/// # Errors
/// A manifest cannot be read.
pub fn step(server: &Host, site: Site<'_>) -> Result<Option<Step>, Problem> {
    let manifests = site.cluster.addons.manifests.iter();
    let set = Set {
        name: STEP,
        title: "manifests",
        namespaces: Vec::new(),
        sources: manifests.map(|manifest| Source::manifest(manifest, site)).collect::<Result<_, _>>()?,
    };
    let needs = [kubeadm_init::STEP, network::STEP, policies::STEP].map(|step| id(server, step));
    set.step(server, needs.to_vec(), site)
}
