//! The helm program, on the control plane that installs add-ons.

use super::super::addons;
use super::{Resources, Site};
use crate::inventory::cluster::Host;

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    let is_here = addons::helm_host(site.cluster).is_some_and(|first| first.name == host.name);
    if !is_here || !addons::needs_helm(site) {
        return Ok(Vec::new());
    }
    Ok(vec![Box::new(addons::program(site.cluster))])
}
