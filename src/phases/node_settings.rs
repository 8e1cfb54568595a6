//! Labels and taints on the nodes: those of the inventory, and those by which a control plane is known.

use super::{Site, failed, id, kubeadm_init, kubeadm_join, registration};
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::{Host, Role, Taint};
use crate::plan::{Step, once};

/// The step's name.
pub const STEP: &str = "node-settings";

/// What `kubeadm init phase mark-control-plane` sets, with an empty value, and forge keeps: a node that was deleted and registers
/// again has neither them nor the taint (kubeadm, `cmd/kubeadm/app/phases/markcontrolplane`).
const CONTROL_PLANE_LABELS: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node.kubernetes.io/exclude-from-external-load-balancers"];

/// The step for one host, when the API server knows less than the inventory says. What others have put on a node stays.
pub fn step(host: &Host, server: &Host, site: Site<'_>) -> Option<Step> {
    let living = site.facts.living.as_ref();
    let node = living.and_then(|living| living.nodes.iter().find(|node| node.name == host.name.as_str()));
    let node = node.cloned().unwrap_or_default();
    let joins = !site.facts.joined(&host.name);
    let schedulable = host.is_control_plane() && host.roles.contains(&Role::Worker);
    let keeps_away = Taint::control_plane();
    let labels = host.labels.iter().filter(|(key, value)| node.labels.get(*key) != Some(value));
    let mut labels: Vec<String> = labels.map(|(key, value)| format!("{key}={value}")).collect();
    let mut taints: Vec<&Taint> = Vec::new();
    // What a join sets itself need not be set again.
    if !joins {
        taints.extend(host.taints.iter().filter(|taint| !node.taints.contains(*taint)));
        if host.is_control_plane() {
            let own = CONTROL_PLANE_LABELS.into_iter().filter(|label| !node.labels.contains_key(*label));
            labels.extend(own.map(|label| format!("{label}=")));
            if !schedulable && !node.taints.contains(&keeps_away) && !taints.contains(&&keeps_away) {
                taints.push(&keeps_away);
            }
        }
    }
    let taints: Vec<String> = taints.into_iter().map(ToString::to_string).collect();
    let untaint = schedulable && node.taints.contains(&keeps_away) && !host.taints.contains(&keeps_away);
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
        changes.push(Difference::new(format!("taint of {}: remove {keeps_away}", host.name)));
        script = script.line(format!("kubectl taint node {name} {}-", quote(&keeps_away.to_string())));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::host::Observed;
    use crate::inventory::cluster::Cluster;
    use crate::kube::paths;
    use crate::phases::Facts;
    use crate::phases::facts::{Living, Node};
    use crate::render::Templates;

    /// What would be changed on a node that has these taints.
    fn changes(roles: &str, wanted: &str, seen: &[&str]) -> Vec<String> {
        let text = format!("hosts:\n  cp1: {{address: 192.0.2.11, roles: [{roles}], taints: [{wanted}]}}\n");
        let cluster: Cluster =
            crate::inventory::parse("inventory.yaml", &text, std::path::Path::new("/nowhere")).unwrap();
        let taints = seen.iter().map(|taint| taint.parse().unwrap()).collect();
        let labels = CONTROL_PLANE_LABELS.map(|label| (label.to_owned(), String::new())).into();
        let node = Node { name: "cp1".to_owned(), ready: true, taints, labels, ..Node::default() };
        let answers = BTreeMap::from([("membership".to_owned(), paths::KUBELET_KUBECONFIG.to_owned())]);
        let seen = Observed { answers, ..Observed::default() };
        let facts = Facts {
            hosts: BTreeMap::from([(cluster.hosts[0].name.clone(), seen)]),
            living: Some(Living { nodes: vec![node], ..Living::default() }),
            ..Facts::default()
        };
        let templates = Templates::load(None).unwrap();
        let site = Site { cluster: &cluster, facts: &facts, templates: &templates };
        let step = step(&cluster.hosts[0], &cluster.hosts[0], site);
        step.map_or_else(Vec::new, |step| step.changes.into_iter().map(|change| change.summary).collect())
    }

    #[test]
    fn a_taint_without_a_value_is_the_one_that_kubectl_shows() {
        let nothing: [&str; 0] = [];
        for wanted in ["'dedicated=:NoSchedule'", "'dedicated:NoSchedule'"] {
            assert_eq!(changes("control-plane", wanted, &["dedicated:NoSchedule", CONTROL_PLANE]), nothing);
            assert_eq!(
                changes("control-plane", wanted, &["dedicated=x:NoSchedule", CONTROL_PLANE]),
                ["taints of cp1: dedicated:NoSchedule"]
            );
        }
    }

    const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane:NoSchedule";

    #[test]
    fn a_control_plane_without_its_taint_gets_it() {
        assert_eq!(changes("control-plane", "", &[]), [format!("taints of cp1: {CONTROL_PLANE}")]);
        assert_eq!(changes("control-plane, worker", "", &[]), [""; 0]);
    }

    #[test]
    fn a_control_plane_that_is_a_worker_too_is_untainted_unless_the_inventory_taints_it() {
        let taint = CONTROL_PLANE;
        let removed = format!("taint of cp1: remove {taint}");
        assert_eq!(changes("control-plane, worker", "", &[taint]), [removed]);
        assert_eq!(changes("control-plane, worker", &format!("'{taint}'"), &[taint]), [""; 0]);
    }
}
