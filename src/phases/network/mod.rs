//! The pod network: Calico by its operator, the user's manifests, or none.

use sha2::{Digest as _, Sha256};

use super::applied::{self, Source};
use super::{Site, id, kubeadm_init, unrendered};
use crate::error::{Exit, Problem};
use crate::host::{Difference, Script};
use crate::inventory::cluster::{Calico, Cni, Host, Manifest};
use crate::kube::applied::APPLY;
use crate::kube::{self, record};
use crate::plan::{Heard, Step, once};
use crate::secret::{Secret, hex};

/// The step's name.
pub const STEP: &str = "pod-network";

/// The step, unless the cluster's record says that exactly this was applied and came up.
///
/// # Errors
/// A manifest cannot be read or rendered.
pub fn step(server: &Host, site: Site<'_>) -> Result<Option<Step>, Problem> {
    let (mut apply, wait) = match &site.cluster.cni {
        Cni::None => return Ok(None),
        Cni::Manifests { manifests } => {
            (manifests_of(manifests, site)?, kube::wait_for_workloads("kube-system", &["daemonsets"]))
        }
        Cni::Calico(calico) => (calico_script(calico, site)?, kube::wait_for_workloads("calico-system", ALL)),
    };
    let mut digest = Sha256::new();
    digest.update(apply.text());
    apply.files().iter().for_each(|(_, content)| digest.update(content.expose()));
    let wanted = hex(&digest.finalize());
    if site.facts.living.as_ref().and_then(|living| living.record.get("network")) == Some(&wanted) {
        return Ok(None);
    }
    apply = apply.line(wait).then(record("network", &wanted));
    let title = match &site.cluster.cni {
        Cni::Calico(calico) => format!("pod network: Calico {}", calico.version),
        _ => "pod network".to_owned(),
    };
    let mut needs = super::host::prepared(server);
    needs.push(id(server, kubeadm_init::STEP));
    let name = server.name.clone();
    Ok(Some(Step {
        id: id(server, STEP),
        changes: vec![Difference::new(format!("{title}: apply"))],
        title,
        runs_on: server.name.clone(),
        needs,
        after: Vec::new(),
        work: once(
            move || Ok(apply),
            |heard| Ok(heard.outcome()),
            move |heard: &Heard| {
                match heard.values.get("stuck") {
                Some(_) => Problem::new(Exit::Failed, "the pod network does not come up")
                    .cause(heard.text("stuck"))
                    .next("name a mirror that has the image under sources.registries, or look with kubectl -n NAMESPACE describe pod"),
                None => Problem::new(Exit::Failed, format!("{name}: the pod network could not be applied"))
                    .cause(heard.tail())
                    .next("mend the cause and run the same command again"),
            }
            },
        ),
    }))
}

/// Everything that runs pods for good. CoreDNS is not waited for with the network: verification asks it for a name.
const ALL: &[&str] = &["daemonsets", "deployments"];

fn manifests_of(manifests: &[Manifest], site: Site<'_>) -> Result<Script, Problem> {
    let mut script = Script::default();
    for (number, manifest) in manifests.iter().enumerate() {
        let name = format!("manifest{number}");
        script = applied::put(script, &name, Source::manifest(manifest, site)?.content);
        script = script.line(format!("{APPLY} \"$FORGE/{name}\""));
    }
    Ok(script)
}

fn calico_script(calico: &Calico, site: Site<'_>) -> Result<Script, Problem> {
    let mut script = manifests_of(&calico.manifests, site)?;
    script = script
        .line("kubectl wait --for=condition=Established --timeout=60s crd/installations.operator.tigera.io")
        .line("kubectl get --raw /apis/operator.tigera.io/v1 >/dev/null")
        .line(kube::wait_for_workloads("tigera-operator", ALL));
    let installation = kube::calico_installation(site.templates, site.cluster, calico).map_err(unrendered)?;
    script = script.file("installation", Secret::new(installation)).line(format!("{APPLY} \"$FORGE/installation\""));
    if let Some(felix) = kube::calico_felix(site.templates, site.cluster, calico).map_err(unrendered)? {
        script = script.file("felix", Secret::new(felix)).line(format!("{APPLY} \"$FORGE/felix\""));
    }
    // By name: without an APIServer resource `tiers` stays Degraded for ever.
    Ok(script.line(kube::wait_for_tigera(&["calico", "ippools"])))
}
