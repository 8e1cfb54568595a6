//! Every host knows every other by name, and the endpoint where DNS does not.

use super::super::preflight;
use super::{Resources, Site};
use crate::host::resource::{HostsBlock, OnlyWhere};
use crate::inventory::cluster::{Cluster, Host};

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    let living = site.cluster.control_planes().any(|server| site.facts.joined(&server.name));
    let seen = site.facts.hosts.get(&host.name);
    let in_dns = seen.is_some_and(|seen| preflight::endpoint_in_dns(seen, living));
    let lines = lines(host, site.cluster, !in_dns);
    let template = HostsBlock::in_template(TEMPLATE, lines.clone());
    Ok(vec![Box::new(HostsBlock::new(lines)), Box::new(OnlyWhere::new(RENDERED, template))])
}

/// What cloud-init writes `/etc/hosts` from at every boot, where the cloud's user data asks for that: forge's own
/// `manage_etc_hosts: false` loses against user data.
const TEMPLATE: &str = "/etc/cloud/templates/hosts.debian.tmpl";

/// Only there: a packaged file that was changed makes the package manager ask at an upgrade. `localhost` edits one line.
const RENDERED: &str = "[ -e /etc/cloud/templates/hosts.debian.tmpl ] && \
    grep -Eqsi '^[[:space:]]*.?manage_etc_hosts.?:[[:space:]]*.?(true|1|on|yes|template)' \
    /var/lib/cloud/instance/cloud-config.txt /var/lib/cloud/instance/vendor-cloud-config.txt \
    /var/lib/cloud/instance/vendor2-cloud-config.txt";

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
