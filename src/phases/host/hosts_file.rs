//! Every host knows every other by name, and the endpoint where DNS does not.

use super::super::preflight;
use super::{Resources, Site};
use crate::host::resource::HostsBlock;
use crate::inventory::cluster::{Cluster, Host};

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    let living = site.cluster.control_planes().any(|server| site.facts.joined(&server.name));
    let seen = site.facts.hosts.get(&host.name);
    let in_dns = seen.is_some_and(|seen| preflight::endpoint_in_dns(seen, living));
    Ok(vec![Box::new(HostsBlock(lines(host, site.cluster, !in_dns)))])
}

/// One line per host, then one per control plane for the endpoint. Clients try the addresses of a name in order and go on
/// to the next when a connection is refused: a control plane begins with itself, workers begin with different ones.
fn lines(host: &Host, cluster: &Cluster, endpoint: bool) -> Vec<String> {
    let mut lines: Vec<String> = cluster.hosts.iter().map(|host| format!("{} {}", host.address, host.name)).collect();
    if endpoint {
        let mut servers: Vec<&Host> = cluster.control_planes().collect();
        let own = servers.iter().position(|server| server.name == host.name);
        let place = cluster.workers().position(|worker| worker.name == host.name).unwrap_or_default();
        let first = own.unwrap_or(place % servers.len().max(1));
        servers.rotate_left(first);
        lines.extend(servers.iter().map(|server| format!("{} {}", server.address, cluster.endpoint.host)));
    }
    lines
}
