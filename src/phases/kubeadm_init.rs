//! `kubeadm init` on the first control plane.

use super::facts::INTERRUPTED_INIT;
use super::kubeadm_join::{RESET, TIDY, UNTOUCHED};
use super::{Site, failed, id, images, unrendered};
use crate::error::Problem;
use crate::host::{Difference, Script};
use crate::inventory::cluster::Host;
use crate::kube::{self, Copy, JoinSecrets, init_config};
use crate::plan::{Late, Step, once};

/// The step's name.
pub const STEP: &str = "kubeadm-init";

/// The step, unless a control plane is part of a cluster already. It hands the CA's certificate on.
///
/// # Errors
/// The configuration cannot be rendered.
pub fn step(site: Site<'_>, secrets: &JoinSecrets, ca: &Late<String>) -> Result<Option<Step>, Problem> {
    let Some(host) = first(site) else { return Ok(None) };
    let version = site.facts.version.clone().unwrap_or_default();
    let config = init_config(site.templates, site.cluster, host, &version, secrets).map_err(unrendered)?;
    let copies = kube::copies(site.templates, site.cluster, &version).map_err(unrendered)?;
    let settled: Vec<String> = copies.iter().map(Copy::settled).collect();
    let upload = if site.cluster.control_planes().count() > 1 { " --upload-certs" } else { "" };
    // The marker outlives everything but success: whoever finds it without its unit starts over. It is safe to, because a
    // cluster that was never finished holds nothing.
    let script = Script::new(format!(
        "mkdir -p /var/lib/forge\nmarker={INTERRUPTED_INIT}\n{UNTOUCHED}\n{RESET}\n: >\"$marker\"\n\
         kubeadm config validate --config \"$FORGE/config\"\n\
         kubeadm init --config \"$FORGE/config\"{upload} --skip-token-print --skip-certificate-key-print\n{TIDY}\n\
         rm -f /etc/kubernetes/super-admin.conf\n\
         kubectl -n kube-public delete rolebinding kubeadm:bootstrap-signer-clusterinfo --ignore-not-found\n\
         {}\nsettle {}\n\
         rm -f \"$marker\"\nemit ca </etc/kubernetes/pki/ca.crt",
        kube::settle(),
        settled.join(" "),
    ))
    .file("config", config);
    let ca = ca.clone();
    let mut needs = super::host::prepared(host);
    needs.push(id(host, images::STEP));
    Ok(Some(Step {
        id: id(host, STEP),
        title: "kubeadm init".to_owned(),
        runs_on: host.name.clone(),
        needs,
        after: Vec::new(),
        changes: vec![Difference::new(format!("cluster {}: create with Kubernetes {version}", site.cluster.name))],
        work: once(
            move || Ok(script),
            move |heard| {
                let _ = ca.set(heard.text("ca"));
                Ok(heard.outcome())
            },
            failed(host, "kubeadm init failed"),
        ),
    }))
}

/// The host to initialise; `None` when a cluster is there.
pub fn first(site: Site<'_>) -> Option<&Host> {
    let mut servers = site.cluster.control_planes();
    let alive = servers.clone().any(|host| site.facts.joined(&host.name));
    if alive { None } else { servers.next() }
}
