//! `kubeadm join`: discovery by a kubeconfig that pins the CA, so that nothing is asked anonymously.

use std::sync::Arc;

use super::facts::INTERRUPTED_JOIN;
use super::{Site, addons, failed, id, images, join_material, kubeadm_init, unrendered};
use crate::error::{Exit, Problem};
use crate::host::{Difference, Script};
use crate::inventory::cluster::{Cluster, Host};
use crate::kube::{JoinSecrets, discovery_kubeconfig, join_config, paths};
use crate::plan::{Late, Step, StepId, once};
use crate::render::Templates;

/// The step's name.
pub const STEP: &str = "kubeadm-join";

/// Before anything that cannot be undone, on the host, whatever was seen before: without the marker of a run that was cut off,
/// a host that has part of a cluster is left alone.
pub(super) const UNTOUCHED: &str = "for part in /etc/kubernetes/kubelet.conf /var/lib/etcd/member; do\n\
    if [ -e \"$part\" ] && [ ! -e \"$marker\" ]; then\n\
    echo \"$part is there by now: this host is part of a cluster, or was; kubeadm reset would free it\"\nexit 1\nfi\ndone";

/// Takes back what a run that was cut off had begun. `reset` empties etcd's folder and takes its owner away.
pub(super) const RESET: &str = "if [ -e \"$marker\" ]; then\n\
    kubeadm reset --force --cri-socket unix:///run/containerd/containerd.sock\n\
    if getent passwd etcd >/dev/null && [ -d /etc/kubernetes/forge ]; then\n\
    install -d -o etcd -g etcd -m 700 /var/lib/etcd\nfi\nfi";

/// Files that kubeadm leaves readable to all (CIS 4.1.9, 1.1.21).
pub(super) const TIDY: &str = "for file in /var/lib/kubelet/config.yaml /var/lib/kubelet/instance-config.yaml \
    /var/lib/kubelet/kubeadm-flags.env /etc/kubernetes/pki/sa.pub; do\n\
    [ ! -e \"$file\" ] || chmod 600 \"$file\"\ndone";

/// What all joins of a run share.
#[derive(Clone, Copy)]
pub struct Joining<'a> {
    /// The inventory, owned because joins begin long after the plan was made.
    pub cluster: &'a Arc<Cluster>,
    /// Likewise.
    pub templates: &'a Arc<Templates>,
    /// Token and certificate key of this run.
    pub secrets: &'a JoinSecrets,
    /// The CA's certificate, as soon as there is one.
    pub ca: &'a Late<String>,
}

/// The step for one host, unless it is part of the cluster already. Control planes go one after the other, since each is a
/// new member of etcd; `after` is the one before.
///
/// # Errors
/// The configuration cannot be rendered.
pub fn step(host: &Host, site: Site<'_>, joining: Joining<'_>, after: Option<StepId>) -> Result<Option<Step>, Problem> {
    let first = kubeadm_init::first(site);
    if site.facts.joined(&host.name) || first.is_some_and(|first| first.name == host.name) {
        return Ok(None);
    }
    let config = join_config(site.templates, site.cluster, host, joining.secrets).map_err(unrendered)?;
    let (cluster, templates, ca) = (Arc::clone(joining.cluster), Arc::clone(joining.templates), joining.ca.clone());
    let token = joining.secrets.token.clone();
    let begin = move || {
        let ca = ca.get().ok_or_else(|| Problem::new(Exit::Failed, "the cluster's CA is not known"))?;
        let discovery = discovery_kubeconfig(&templates, &cluster, ca, &token).map_err(unrendered)?;
        Ok(Script::new(format!(
            "mkdir -p /var/lib/forge {forge}\nmarker={INTERRUPTED_JOIN}\n{UNTOUCHED}\n{RESET}\n: >\"$marker\"\n\
             trap 'rm -f {discovery}' EXIT\ninstall -m 600 \"$FORGE/discovery\" {discovery}\n\
             kubeadm config validate --config \"$FORGE/config\"\n\
             kubeadm join --config \"$FORGE/config\"\n{TIDY}\nrm -f \"$marker\"",
            forge = paths::FORGE,
            discovery = paths::DISCOVERY
        ))
        .file("config", config)
        .file("discovery", discovery))
    };
    let mut needs = super::host::prepared(host);
    needs.extend(first.map(|first| id(first, kubeadm_init::STEP)));
    needs.extend(join_material::on(site).map(|server| id(server, join_material::STEP)));
    // The API servers must let it in; the others' firewalls at least had their turn.
    needs.extend(cluster_firewalls(site, true));
    if host.is_control_plane() {
        needs.push(id(host, images::STEP));
        needs.extend(after);
    }
    let kind = if host.is_control_plane() { "control plane" } else { "worker" };
    Ok(Some(Step {
        id: id(host, STEP),
        title: format!("kubeadm join as a {kind}"),
        runs_on: host.name.clone(),
        needs,
        after: cluster_firewalls(site, false).chain(addons::before_joins(site)).collect(),
        changes: vec![Difference::new(format!("node {}: join as a {kind}", host.name))],
        work: once(begin, |heard| Ok(heard.outcome()), failed(host, "kubeadm join failed")),
    }))
}

/// The firewall's steps of all control planes, or of all workers.
fn cluster_firewalls(site: Site<'_>, control_planes: bool) -> impl Iterator<Item = StepId> {
    let hosts = site.cluster.hosts.iter().filter(move |host| host.is_control_plane() == control_planes);
    hosts.map(|host| id(host, super::host::FIREWALL))
}
