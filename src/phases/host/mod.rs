//! What every host should have before and after Kubernetes is on it, in order.

mod control_plane_files;
mod etcd_user;
mod hosts_file;
mod kernel;
mod kubelet;
mod name;
mod package_sources;
mod packages;
mod runtime;
mod swap;

use super::Site;
use crate::error::Problem;
use crate::host::{Difference, Resource, Script};
use crate::inventory::cluster::Host;
use crate::plan::{Step, StepId, Work};

type Resources = Result<Vec<Box<dyn Resource>>, Problem>;

/// A named group of resources.
struct Phase {
    name: &'static str,
    title: &'static str,
    resources: fn(&Host, Site<'_>) -> Resources,
}

/// In the order in which they are put right.
const PHASES: &[Phase] = &[
    Phase { name: "hostname", title: "hostname", resources: name::resources },
    Phase { name: "hosts-file", title: "names of the other hosts", resources: hosts_file::resources },
    Phase { name: "swap", title: "swap off", resources: swap::resources },
    Phase { name: "kernel", title: "kernel modules and settings", resources: kernel::resources },
    Phase { name: "package-sources", title: "package repositories", resources: package_sources::resources },
    Phase { name: "packages", title: "containerd and Kubernetes packages", resources: packages::resources },
    Phase { name: "container-runtime", title: "container runtime", resources: runtime::resources },
    Phase { name: "kubelet", title: "kubelet", resources: kubelet::resources },
    Phase { name: "etcd-user", title: "etcd's user and folder", resources: etcd_user::resources },
    Phase {
        name: "control-plane-files",
        title: "policies and encryption key",
        resources: control_plane_files::resources,
    },
];

/// Every resource of a host: what its probes ask.
///
/// # Errors
/// A template cannot be rendered.
pub fn resources(host: &Host, site: Site<'_>) -> Resources {
    let mut all = Vec::new();
    for phase in PHASES {
        all.extend((phase.resources)(host, site)?);
    }
    Ok(all)
}

/// A step for each phase in which something differs.
///
/// # Errors
/// A template cannot be rendered.
pub fn steps(host: &Host, site: Site<'_>) -> Result<Vec<Step>, Problem> {
    let seen = site.facts.hosts.get(&host.name);
    let mut changed: Vec<String> = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    for phase in PHASES {
        let (mut changes, mut script) = (Vec::new(), Script::default());
        for resource in (phase.resources)(host, site)? {
            let id = resource.id();
            let difference = resource.differ(seen.map_or("", |seen| seen.get(&id)));
            let cause = resource.follows().into_iter().find(|followed| changed.contains(followed));
            let difference =
                difference.or_else(|| Some(Difference::new(format!("{id}: restart, because of {}", cause?))));
            if let Some(difference) = difference {
                changes.push(difference);
                script = script.then(resource.apply());
                changed.push(id);
            }
        }
        if !changes.is_empty() {
            steps.push(Step {
                id: super::id(host, phase.name),
                title: phase.title.to_owned(),
                runs_on: host.name.clone(),
                needs: steps.last().map(|step| step.id.clone()).into_iter().collect(),
                after: Vec::new(),
                changes,
                work: Work::Changes(script),
            });
        }
    }
    Ok(steps)
}

/// All steps that prepare a host; those that are not planned count as done.
pub fn prepared(host: &Host) -> Vec<StepId> {
    PHASES.iter().map(|phase| super::id(host, phase.name)).collect()
}
