//! What every host should have before and after Kubernetes is on it, in order.

mod auditd;
mod cloud_init;
mod control_plane_files;
mod core_dumps;
mod etcd_user;
mod firewall;
mod guarded;
mod helm;
mod hosts_file;
mod kernel;
mod kubelet;
mod kubernetes_files;
mod machine;
mod name;
mod package_sources;
mod packages;
mod permissions;
mod runtime;
mod services;
mod sshd;
mod swap;
mod updates;

pub use control_plane_files::read_anew;
pub use sshd::{FILE as SSHD_FILE, settings as sshd_settings};

use super::Site;
use crate::error::Problem;
use crate::host::facts::Probe;
use crate::host::{Difference, Guard, Resource, Script};
use crate::inventory::cluster::Host;
use crate::plan::{Step, StepId, Work};

use guarded::Guarded;

type Resources = Result<Vec<Box<dyn Resource>>, Problem>;

/// A named group of resources.
struct Phase {
    name: &'static str,
    title: &'static str,
    resources: fn(&Host, Site<'_>) -> Resources,
    /// For what could shut us out: how the host takes it back. Such a phase waits for no other and none waits for it, so
    /// that its second login goes on while packages are installed.
    guard: Option<fn() -> Guard>,
}

const fn phase(name: &'static str, title: &'static str, resources: fn(&Host, Site<'_>) -> Resources) -> Phase {
    Phase { name, title, resources, guard: None }
}

impl Phase {
    const fn guarded(mut self, guard: fn() -> Guard) -> Self {
        self.guard = Some(guard);
        self
    }
}

/// The firewall's step: no node joins before the others let it in.
pub const FIREWALL: &str = "firewall";

/// In the order in which they are put right.
const PHASES: &[Phase] = &[
    phase("sshd", "sshd", sshd::resources).guarded(sshd::guard),
    phase(FIREWALL, "firewall", firewall::resources).guarded(firewall::guard),
    phase("hostname", "hostname", name::resources),
    phase("hosts-file", "names of the other hosts", hosts_file::resources),
    phase("swap", "swap off", swap::resources),
    phase("kernel", "kernel modules and settings", kernel::resources),
    phase("core-dumps", "core dumps", core_dumps::resources),
    phase("cloud-init", "cloud-init", cloud_init::resources),
    phase("permissions", "modes of system files", permissions::resources),
    phase("package-sources", "package repositories", package_sources::resources),
    phase("packages", "containerd, Kubernetes and system packages", packages::resources),
    phase("container-runtime", "container runtime", runtime::resources),
    phase("kubelet", "kubelet", kubelet::resources),
    phase("etcd-user", "etcd's user and folder", etcd_user::resources),
    phase("control-plane-files", "policies and encryption key", control_plane_files::resources),
    phase("kubernetes-files", "owners and modes of Kubernetes' files", kubernetes_files::resources),
    phase("services", "services", services::resources),
    phase("updates", "security upgrades", updates::resources),
    phase("auditd", "audit rules", auditd::resources),
    phase("helm", "Helm", helm::resources),
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

/// What is asked beyond the resources' own probes.
pub fn probe() -> Probe {
    machine::probe()
}

/// What is not as wanted on a host and cannot be put right there, a line each.
///
/// # Errors
/// A template cannot be rendered.
pub fn remarks(host: &Host, site: Site<'_>) -> Result<Vec<String>, Problem> {
    let seen = site.facts.hosts.get(&host.name);
    let answer = |id: &str| seen.map_or("", |seen| seen.get(id));
    Ok(resources(host, site)?.iter().filter_map(|resource| resource.remark(answer(&resource.id()))).collect())
}

/// A step for each phase in which something differs.
///
/// # Errors
/// A template cannot be rendered.
pub fn steps(host: &Host, site: Site<'_>) -> Result<Vec<Step>, Problem> {
    let seen = site.facts.hosts.get(&host.name);
    let mut changed: Vec<String> = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    let (mut last, mut last_guarded) = (None, None);
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
        if changes.is_empty() {
            continue;
        }
        let step_id = super::id(host, phase.name);
        let (needs, after, work) = match phase.guard {
            None => (last.replace(step_id.clone()), None, Work::Changes(script)),
            // One at a time, or one would be blamed for what the other did.
            Some(guard) => {
                let talk = Guarded::new(&host.name, phase.title, guard(), script);
                (None, last_guarded.replace(step_id.clone()), Work::Talk(Box::new(talk)))
            }
        };
        steps.push(Step {
            id: step_id,
            title: phase.title.to_owned(),
            runs_on: host.name.clone(),
            needs: needs.into_iter().collect(),
            after: after.into_iter().collect(),
            changes,
            work,
        });
    }
    Ok(steps)
}

/// All steps that prepare a host; those that are not planned count as done.
pub fn prepared(host: &Host) -> Vec<StepId> {
    PHASES.iter().map(|phase| super::id(host, phase.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Observed;
    use crate::inventory::NodeName;
    use crate::inventory::cluster::Cluster;
    use crate::phases::Facts;
    use crate::render::Templates;

    /// A control plane cp1 (192.0.2.11) and a worker w1 (192.0.2.21), and what else the inventory says.
    pub(super) fn cluster(inventory: &str) -> Cluster {
        cluster_behind("null", inventory)
    }

    /// The same, w1 behind a bastion.
    pub(super) fn cluster_behind(bastion: &str, inventory: &str) -> Cluster {
        let hosts = "hosts:\n  cp1: {address: 192.0.2.11, roles: [control-plane]}\n  w1: {address: 192.0.2.21, roles: [worker], ssh: {bastion: BASTION}}\n";
        let text = format!("{inventory}{hosts}").replace("BASTION", bastion);
        crate::inventory::parse("inventory.yaml", &text, std::path::Path::new("/nowhere")).unwrap()
    }

    /// Both hosts, and these answers: host, probe, what it printed.
    pub(super) fn seen(answers: &[(&str, &str, &str)]) -> Facts {
        let mut facts = Facts::default();
        for name in ["cp1", "w1"] {
            let answers = answers.iter().filter(|(host, ..)| *host == name);
            let answers = answers.map(|(_, probe, answer)| ((*probe).to_owned(), (*answer).to_owned())).collect();
            let _ = facts.hosts.insert(NodeName::new(name).unwrap(), Observed { answers, ..Observed::default() });
        }
        facts
    }

    /// What a phase wants in a file of cp1.
    pub(super) fn file(
        path: &str,
        cluster: &Cluster,
        facts: &Facts,
        phase: fn(&Host, Site<'_>) -> Resources,
    ) -> String {
        file_of("cp1", path, cluster, facts, phase)
    }

    /// The same of another host.
    pub(super) fn file_of(
        host: &str,
        path: &str,
        cluster: &Cluster,
        facts: &Facts,
        phase: fn(&Host, Site<'_>) -> Resources,
    ) -> String {
        let templates = Templates::load(None).unwrap();
        let host = cluster.hosts.iter().find(|each| each.name.as_str() == host).unwrap();
        let resources = phase(host, Site { cluster, facts, templates: &templates }).unwrap();
        let file = resources.iter().find(|resource| resource.id() == format!("file {path}")).unwrap();
        String::from_utf8(file.apply().files()[0].1.expose().to_vec()).unwrap()
    }

    fn steps_of(facts: &Facts) -> Vec<Step> {
        let (cluster, templates) = (cluster(""), Templates::load(None).unwrap());
        steps(&cluster.hosts[0], Site { cluster: &cluster, facts, templates: &templates }).unwrap()
    }

    #[test]
    fn what_could_shut_us_out_stands_beside_everything_else_and_one_after_the_other() {
        let steps = steps_of(&seen(&[]));
        let named = |name: &str| steps.iter().find(|step| step.id.name == name).unwrap();
        assert!(matches!(named("sshd").work, Work::Talk(_)) && named("sshd").needs.is_empty());
        assert!(named("firewall").needs.is_empty());
        assert_eq!(named("firewall").after, [named("sshd").id.clone()]);
        assert!(named("hostname").needs.is_empty());
        assert_eq!(named("hosts-file").needs, [named("hostname").id.clone()]);
    }

    #[test]
    fn a_container_has_no_clock_and_no_audit_log_of_its_own() {
        let titles = |machine: &str| -> Vec<String> {
            let steps = steps_of(&seen(&[("cp1", "machine", machine)]));
            steps.iter().flat_map(|step| step.changes.iter().map(|change| change.summary.clone())).collect()
        };
        let (bare, container) = (titles(""), titles("container"));
        for word in ["install auditd", "install systemd-timesyncd", "service systemd-timesyncd", "audit rules: load"] {
            assert!(bare.iter().any(|line| line.contains(word)), "{word}: {bare:?}");
            assert!(!container.iter().any(|line| line.contains(word)), "{word}: {container:?}");
        }
        assert!(!titles("time").iter().any(|line| line.contains("timesyncd")), "another program sets the clock");
    }
}
