//! What a join needed and nobody needs afterwards: tokens, uploaded certificates, the anonymous way to `cluster-info`.

use super::{Site, failed, id, kubeadm_init, kubeadm_join};
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::Host;
use crate::kube::JoinSecrets;
use crate::plan::{Step, once};

/// The step's name.
pub const STEP: &str = "leftovers";

/// The step, when this run makes such things or finds some.
pub fn step(server: &Host, site: Site<'_>, secrets: &JoinSecrets) -> Option<Step> {
    let mut found: Vec<String> = site.facts.living.as_ref().map_or_else(Vec::new, |living| living.leftovers.clone());
    let joining = site.cluster.hosts.iter().any(|host| !site.facts.joined(&host.name));
    if joining {
        found.push(format!("secret/bootstrap-token-{}", secrets.token_id()));
        found.push("secret/kubeadm-certs".to_owned());
    }
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        return None;
    }
    // The token of this run has a random name, which would make every plan a new one.
    let named = found.iter().filter(|name| !name.ends_with(&secrets.token_id()));
    let mut changes: Vec<Difference> = named.map(|name| Difference::new(format!("{name}: delete"))).collect();
    if joining {
        changes.push(Difference::new("bootstrap token of this run: delete"));
    }
    let (bindings, secrets): (Vec<&String>, Vec<&String>) =
        found.iter().partition(|name| name.starts_with("rolebinding/"));
    let mut script = Script::default();
    for (namespace, names) in [("kube-public", bindings), ("kube-system", secrets)] {
        if !names.is_empty() {
            let names: Vec<String> = names.into_iter().map(|name| quote(name)).collect();
            script = script.line(format!("kubectl -n {namespace} delete {} --ignore-not-found", names.join(" ")));
        }
    }
    let hosts = &site.cluster.hosts;
    Some(Step {
        id: id(server, STEP),
        title: "tokens and uploaded certificates deleted".to_owned(),
        runs_on: server.name.clone(),
        needs: hosts.iter().map(|host| id(host, kubeadm_init::STEP)).collect(),
        // A join that failed must not leave its token behind.
        after: hosts.iter().map(|host| id(host, kubeadm_join::STEP)).collect(),
        changes,
        work: once(
            move || Ok(script),
            |heard| Ok(heard.outcome()),
            failed(server, "leftovers of the joins could not be deleted"),
        ),
    })
}
