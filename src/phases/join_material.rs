//! A short-lived token and the uploaded certificates, when hosts join a cluster that an earlier run made.

use super::facts::INTERRUPTED_JOIN;
use super::{Site, failed, id, kubeadm_init, unrendered};
use crate::error::Problem;
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::Host;
use crate::kube::{ETCDCTL, JoinSecrets, init_config};
use crate::plan::{Step, once};

/// The step's name.
pub const STEP: &str = "join-material";

/// The control plane that makes it; `None` when nobody joins or `kubeadm init` of the same run makes it.
pub fn on(site: Site<'_>) -> Option<&Host> {
    let joining = site.cluster.hosts.iter().any(|host| !site.facts.joined(&host.name));
    if !joining || kubeadm_init::first(site).is_some() {
        return None;
    }
    site.cluster.control_planes().find(|host| site.facts.joined(&host.name))
}

/// The step.
///
/// # Errors
/// The configuration cannot be rendered.
pub fn step(site: Site<'_>, secrets: &JoinSecrets) -> Result<Option<Step>, Problem> {
    let Some(server) = on(site) else { return Ok(None) };
    let version = site.facts.version.clone().unwrap_or_default();
    // Token and certificate key are in a configuration file, because a command line can be read by anybody on the host.
    let config = init_config(site.templates, site.cluster, server, &version, secrets).map_err(unrendered)?;
    let mut script = Script::new("kubeadm token create --config \"$FORGE/config\" >/dev/null").file("config", config);
    let joining: Vec<&Host> = site.cluster.hosts.iter().filter(|host| !site.facts.joined(&host.name)).collect();
    if joining.iter().any(|host| host.is_control_plane()) {
        script = script.line(
            "kubeadm init phase upload-certs --upload-certs --skip-certificate-key-print --config \"$FORGE/config\" >/dev/null",
        );
    }
    for host in joining.iter().filter(|host| site.facts.interrupted(&host.name)) {
        script = script.line(forget(host));
    }
    let names: Vec<&str> = joining.iter().map(|host| host.name.as_str()).collect();
    Ok(Some(Step {
        id: id(server, STEP),
        title: "token for the joins".to_owned(),
        runs_on: server.name.clone(),
        needs: super::host::prepared(server),
        after: Vec::new(),
        changes: vec![Difference::new(format!("bootstrap token: create for {}", names.join(", ")))],
        work: once(move || Ok(script), |heard| Ok(heard.outcome()), failed(server, "no join token could be made")),
    }))
}

/// A host whose join was cut off may be known to the API server and, as a control plane, to etcd; it comes back with empty
/// hands, so both forget it first. `{INTERRUPTED_JOIN}` on the host says that the join never ended.
fn forget(host: &Host) -> String {
    let node = quote(host.name.as_str());
    let mut text = format!("# {INTERRUPTED_JOIN} is on {}\nkubectl delete node {node} --ignore-not-found", host.name);
    if host.is_control_plane() {
        let peer = quote(&format!("https://{}", std::net::SocketAddr::new(host.address, 2380)));
        text.push_str(&format!(
            "\n{ETCDCTL}\nid=$(etcdctl member list | grep -F {peer} | cut -d, -f1)\n[ -z \"$id\" ] || etcdctl member remove \"$id\""
        ));
    }
    text
}
