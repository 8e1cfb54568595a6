//! forge's own policies: networks closed by default, images that can be told apart, no credentials for pods that ask for none.

use super::applied::{Set, Source};
use super::{Site, id, kubeadm_init, network, unrendered};
use crate::error::Problem;
use crate::inventory::cluster::{Cni, Host};
use crate::kube;
use crate::plan::Step;

/// The step's name.
pub const STEP: &str = "policies";

/// What the inventory asks for.
///
/// # Errors
/// A template cannot be rendered.
pub fn set(site: Site<'_>) -> Result<Set, Problem> {
    let objects = kube::policies(site.templates, site.cluster).map_err(unrendered)?;
    Ok(Set {
        name: STEP,
        title: "policies",
        namespaces: kube::policed_namespaces(site.cluster).into_iter().map(str::to_owned).collect(),
        sources: objects.into_iter().map(Source::ours).collect(),
    })
}

/// The step, when a policy is missing or was changed. Calico comes first, since one of the policies is of a kind that it
/// brings; no other network is waited for.
///
/// # Errors
/// A template cannot be rendered.
pub fn step(server: &Host, site: Site<'_>) -> Result<Option<Step>, Problem> {
    let mut needs = vec![id(server, kubeadm_init::STEP)];
    needs.extend(matches!(site.cluster.cni, Cni::Calico(_)).then(|| id(server, network::STEP)));
    set(site)?.step(server, needs, site)
}
