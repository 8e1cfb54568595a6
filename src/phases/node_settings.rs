//! Labels and taints of the inventory on the nodes.

use super::{Site, failed, id, kubeadm_init, kubeadm_join, registration};
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::{Host, Role};
use crate::plan::{Step, once};

/// The step's name.
pub const STEP: &str = "node-settings";

const CONTROL_PLANE_TAINT: &str = "node-role.kubernetes.io/control-plane:NoSchedule";

/// The step for one host, when the API server knows less than the inventory says. What others have put on a node stays.
pub fn step(host: &Host, server: &Host, site: Site<'_>) -> Option<Step> {
    let living = site.facts.living.as_ref();
    let node = living.and_then(|living| living.nodes.iter().find(|node| node.name == host.name.as_str()));
    let node = node.cloned().unwrap_or_default();
    let joins = !site.facts.joined(&host.name);
    let labels = host.labels.iter().filter(|(key, value)| node.labels.get(*key) != Some(value));
    let labels: Vec<String> = labels.map(|(key, value)| format!("{key}={value}")).collect();
    // What a join sets itself need not be set again.
    let taints = host.taints.iter().filter(|taint| !joins && !node.taints.contains(*taint));
    let taints: Vec<&str> = taints.map(String::as_str).collect();
    let schedulable = host.is_control_plane() && host.roles.contains(&Role::Worker);
    let untaint = schedulable && node.taints.iter().any(|taint| taint == CONTROL_PLANE_TAINT);
    let mut changes = Vec::new();
    let mut script = Script::default();
    let name = quote(host.name.as_str());
    if !labels.is_empty() {
        changes.push(Difference::new(format!("labels of {}: {}", host.name, labels.join(", "))));
        let words: Vec<String> = labels.iter().map(|label| quote(label)).collect();
        script = script.line(format!("kubectl label node {name} --overwrite {}", words.join(" ")));
    }
    if !taints.is_empty() {
        changes.push(Difference::new(format!("taints of {}: {}", host.name, taints.join(", "))));
        let words: Vec<String> = taints.iter().map(|taint| quote(taint)).collect();
        script = script.line(format!("kubectl taint node {name} --overwrite {}", words.join(" ")));
    }
    if untaint {
        changes.push(Difference::new(format!("taint of {}: remove {CONTROL_PLANE_TAINT}", host.name)));
        script = script.line(format!("kubectl taint node {name} {CONTROL_PLANE_TAINT}-"));
    }
    (!changes.is_empty()).then(|| Step {
        id: id(host, STEP),
        title: "labels and taints".to_owned(),
        runs_on: server.name.clone(),
        needs: [kubeadm_init::STEP, kubeadm_join::STEP, registration::STEP].map(|step| id(host, step)).to_vec(),
        after: Vec::new(),
        changes,
        work: once(move || Ok(script), |heard| Ok(heard.outcome()), failed(host, "labels and taints could not be set")),
    })
}
