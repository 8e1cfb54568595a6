//! The pod network: Calico by its operator, the user's manifests, or none.

mod coming;
mod waiting;

use sha2::{Digest as _, Sha256};

use super::applied::{self, Source};
use super::{Site, id, kubeadm_init, unrendered};
use crate::error::Problem;
use crate::host::{Difference, Script};
use crate::inventory::cluster::{Calico, Cni, Host, Manifest};
use crate::kube::applied::APPLY;
use crate::kube::workload::Workload;
use crate::kube::{self, record, tigera};
use crate::plan::{Step, Work};
use crate::secret::{Secret, hex};
use coming::{Coming, Stage};

/// The step's name.
pub const STEP: &str = "pod-network";

/// The step, unless the cluster's record says that exactly this was applied and came up.
///
/// # Errors
/// A manifest cannot be read or rendered.
pub fn step(server: &Host, site: Site<'_>) -> Result<Option<Step>, Problem> {
    let (mut stages, title) = match &site.cluster.cni {
        Cni::None => return Ok(None),
        Cni::Manifests { manifests } => (of_manifests(manifests, site)?, "pod network".to_owned()),
        Cni::Calico(calico) => (of_calico(calico, site)?, format!("pod network: Calico {}", calico.version)),
    };
    let wanted = fingerprint(&stages);
    if site.facts.living.as_ref().and_then(|living| living.record.get("network")) == Some(&wanted) {
        return Ok(None);
    }
    stages.push(Stage::Run(record("network", &wanted)));
    let mut needs = super::host::prepared(server);
    needs.push(id(server, kubeadm_init::STEP));
    Ok(Some(Step {
        id: id(server, STEP),
        changes: vec![Difference::new(format!("{title}: apply"))],
        title,
        runs_on: server.name.clone(),
        needs,
        after: Vec::new(),
        work: Work::Talk(Box::new(Coming::of(server.name.clone(), stages))),
    }))
}

/// Stands for everything that is applied.
fn fingerprint(stages: &[Stage]) -> String {
    let mut digest = Sha256::new();
    for stage in stages {
        if let Stage::Run(script) = stage {
            digest.update(script.text());
            script.files().iter().for_each(|(_, content)| digest.update(content.expose()));
        }
    }
    hex(&digest.finalize())
}

/// The user's own. Which DaemonSets are in them only the host knows for certain, after it has fetched and applied them.
fn of_manifests(manifests: &[Manifest], site: Site<'_>) -> Result<Vec<Stage>, Problem> {
    let mut script = apply(manifests, site)?;
    let columns = "custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name";
    script = script.line("{");
    for number in 0..manifests.len() {
        script = script.line(format!("kubectl get -f \"$FORGE/manifest{number}\" --no-headers -o {columns}"));
    }
    Ok(vec![Stage::Run(script.line(format!("}} | emit {}", coming::OBJECTS))), Stage::DaemonSetsThatWereApplied])
}

/// The operator first, then what it is asked for, then its word on that, and last the pods themselves: its word may be about
/// the moment before a change.
fn of_calico(calico: &Calico, site: Site<'_>) -> Result<Vec<Stage>, Problem> {
    let operator = apply(&calico.manifests, site)?
        .line("kubectl wait --for=condition=Established --timeout=60s crd/installations.operator.tigera.io")
        .line("kubectl get --raw /apis/operator.tigera.io/v1 >/dev/null");
    let installation = kube::calico_installation(site.templates, site.cluster, calico).map_err(unrendered)?;
    let felix = kube::calico_felix(site.templates, site.cluster, calico).map_err(unrendered)?;
    let wanted = Script::default()
        .file("installation", Secret::new(installation))
        .file("felix", Secret::new(felix))
        .line(format!("{APPLY} \"$FORGE/installation\""))
        .line(format!("{APPLY} \"$FORGE/felix\""));
    Ok(vec![
        Stage::Run(operator),
        Stage::Workloads(vec![Workload::deployment(tigera::OPERATOR_NAMESPACE, "tigera-operator")]),
        Stage::Run(wanted),
        Stage::Tigera { version: calico.version.clone() },
        Stage::Workloads(vec![
            Workload::daemon_set(tigera::CALICO_NAMESPACE, "calico-node"),
            Workload::deployment(tigera::CALICO_NAMESPACE, "calico-kube-controllers"),
        ]),
    ])
}

fn apply(manifests: &[Manifest], site: Site<'_>) -> Result<Script, Problem> {
    let mut script = Script::default();
    for (number, manifest) in manifests.iter().enumerate() {
        let name = format!("manifest{number}");
        script = applied::put(script, &name, Source::manifest(manifest, site)?.content);
        script = script.line(format!("{APPLY} \"$FORGE/{name}\""));
    }
    Ok(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(cni: &str) -> Vec<Stage> {
        let text = format!("cni: {cni}\nhosts: {{cp1: {{address: 192.0.2.1, roles: [control-plane]}}}}\n");
        let cluster = crate::inventory::parse("x", &text, "/".as_ref()).unwrap_or_else(|invalid| panic!("{invalid}"));
        let (templates, facts) = (crate::render::Templates::load(None).unwrap(), crate::phases::Facts::default());
        let site = Site { cluster: &cluster, facts: &facts, templates: &templates };
        let Cni::Calico(calico) = &cluster.cni else { panic!("not Calico") };
        of_calico(calico, site).unwrap()
    }

    /// What is waited for has names: a set that is empty would never be ready, or always.
    #[test]
    fn calico_is_waited_for_by_name() {
        for stage in stages("{}") {
            if let Stage::Workloads(workloads) = stage {
                assert!(!workloads.is_empty());
                assert!(workloads.iter().all(|one| !one.namespace.is_empty() && !one.name.is_empty()));
            }
        }
    }

    #[test]
    fn what_is_wanted_changes_the_fingerprint() {
        let all = ["{}", "{wireguard: true}", "{encapsulation: IPIP}", "{version: 3.31.7}"];
        let prints: std::collections::BTreeSet<String> = all.iter().map(|cni| fingerprint(&stages(cni))).collect();
        assert_eq!(prints.len(), all.len());
        assert_eq!(fingerprint(&stages("{}")), fingerprint(&stages("{wireguard: false}")));
    }
}
