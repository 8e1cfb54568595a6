//! Add-ons: what runs in the cluster besides Kubernetes. Each is data, and all become the same kind of step: Helm releases that
//! are installed, changed or taken back in their order.

mod compare;
mod conversation;
mod script;

use super::{Site, id, kubeadm_init, kubeadm_join, network, serving_certificate, unrendered};
use crate::error::{Exit, Problem};
use crate::host::Difference;
use crate::host::resource::{Archive, Program};
use crate::inventory::cluster::{Chart, ChartValues, Cluster, Cni, Host};
use crate::kube::addons::{approver_values, falco_values, metrics_server_values};
use crate::kube::release::Installed;
use crate::plan::{Step, StepId, Work};
use crate::secret::Secret;

/// A Helm release that is wanted.
struct Release {
    name: String,
    namespace: String,
    /// Laid on the namespace before Helm comes; without any it is only made when it is not there.
    labels: &'static [(&'static str, &'static str)],
    chart: Chart,
    values: Secret,
    /// Whether the values are not to be shown, even where Helm quotes them.
    secret: bool,
    wait: bool,
}

/// Releases that go together: a step.
struct Group {
    step: &'static str,
    title: String,
    releases: Vec<Release>,
}

const APPROVER: &str = "kubelet-csr-approver";
const METRICS_SERVER: &str = "metrics-server";
const FALCO: &str = "falco";
const OWN: &str = "helm-releases";
const REMOVED: &str = "addons-removed";

/// Pods that see the whole machine are refused by `baseline`, and a DaemonSet without pods is no error to Helm.
const PRIVILEGED: &[(&str, &str)] = &[
    ("pod-security.kubernetes.io/enforce", "privileged"),
    ("pod-security.kubernetes.io/audit", "privileged"),
    ("pod-security.kubernetes.io/warn", "privileged"),
];

/// The approver first, because metrics-server needs the certificates that it approves; Falco before what it shall watch.
fn groups(site: Site<'_>) -> Result<Vec<Group>, Problem> {
    let addons = &site.cluster.addons;
    let mut groups = Vec::new();
    let mut builtin = |step: &'static str, namespace: &str, labels, chart: &Chart, values| {
        let release = Release {
            name: step.to_owned(),
            namespace: namespace.to_owned(),
            labels,
            chart: chart.clone(),
            values,
            secret: false,
            wait: true,
        };
        groups.push(Group { step, title: format!("add-on {step} {}", chart.version), releases: vec![release] });
    };
    if let Some(addon) = &addons.kubelet_csr_approver {
        let values = approver_values(site.templates, site.cluster, addon).map_err(unrendered)?;
        builtin(APPROVER, "kube-system", &[], &addon.chart, values);
    }
    if let Some(addon) = &addons.metrics_server {
        let values = metrics_server_values(site.templates, addon).map_err(unrendered)?;
        builtin(METRICS_SERVER, "kube-system", &[], &addon.chart, values);
    }
    if let Some(addon) = &addons.falco {
        let values = falco_values(site.templates, addon).map_err(unrendered)?;
        builtin(FALCO, "falco", PRIVILEGED, &addon.chart, values);
    }
    let mut releases = Vec::new();
    for own in &addons.helm {
        let (values, secret) = match &own.values {
            ChartValues::Inline(values) => (Secret::new(serde_json::Value::Object(values.clone()).to_string()), false),
            ChartValues::File(path) => {
                let unreadable =
                    |error| Problem::new(Exit::Inventory, format!("{} cannot be read", path.display())).cause(error);
                (Secret::new(std::fs::read(path).map_err(unreadable)?), true)
            }
        };
        releases.push(Release {
            name: own.name.clone(),
            namespace: own.namespace.clone(),
            labels: &[],
            chart: own.chart.clone(),
            values,
            secret,
            wait: own.wait,
        });
    }
    if !releases.is_empty() {
        groups.push(Group { step: OWN, title: "Helm releases".to_owned(), releases });
    }
    // Without a network no pod can become ready: they come up when there is one.
    if matches!(site.cluster.cni, Cni::None) {
        groups.iter_mut().flat_map(|group| &mut group.releases).for_each(|release| release.wait = false);
    }
    Ok(groups)
}

/// The steps: one for what is no longer wanted, and one for each group in which something differs.
///
/// # Errors
/// Values cannot be rendered or read.
pub fn steps(server: &Host, site: Site<'_>) -> Result<Vec<Step>, Problem> {
    let Some(host) = helm_host(site.cluster) else { return Ok(Vec::new()) };
    let installed = installed(site);
    let groups = groups(site)?;
    let removed = removed(&groups, installed);
    let mut steps: Vec<Step> = Vec::new();
    let mut add = |name, title, changes: Vec<Difference>, work| {
        let mut step = Step {
            id: id(host, name),
            title,
            runs_on: host.name.clone(),
            needs: needs(host, server, site),
            after: Vec::new(),
            changes,
            work,
        };
        // Joins may have to wait for the approver, and taking something away needs no node.
        if name != REMOVED && before_joins(site).as_ref() != Some(&step.id) {
            for each in &site.cluster.hosts {
                step.after.extend([kubeadm_join::STEP, serving_certificate::STEP].map(|name| id(each, name)));
            }
        }
        // When one does not come up the others still do.
        step.after.extend(steps.last().map(|step| step.id.clone()));
        steps.push(step);
    };
    let program = program(site.cluster).path();
    // First, because a release that moves to another name or namespace could not take over objects that the old one still owns.
    if !removed.is_empty() {
        let change = |one: &&Installed| {
            let Installed { name, namespace, .. } = one;
            Difference::new(format!("release {name} in {namespace}: uninstall (no longer in the inventory)"))
        };
        let changes = removed.iter().map(change).collect();
        let parts = removed.iter().map(|one| conversation::Part::uninstall(one, &program)).collect();
        let work = Work::Talk(Box::new(conversation::Conversation::of(parts)));
        add(REMOVED, "add-ons that are no longer wanted".to_owned(), changes, work);
    }
    for Group { step, title, releases } in groups {
        let (mut changes, mut parts) = (Vec::new(), Vec::new());
        for release in releases {
            let found = installed.iter().find(|one| (&one.namespace, &one.name) == (&release.namespace, &release.name));
            let differences = compare::differences(&release, found);
            if !differences.is_empty() {
                changes.extend(differences);
                parts.push(conversation::Part::install(release, found, &program, site)?);
            }
        }
        if !parts.is_empty() {
            add(step, title, changes, Work::Talk(Box::new(conversation::Conversation::of(parts))));
        }
    }
    Ok(steps)
}

/// What forge installed once and nobody wants any more.
fn removed<'a>(groups: &[Group], installed: &'a [Installed]) -> Vec<&'a Installed> {
    let wanted = |one: &&Installed| {
        let mut releases = groups.iter().flat_map(|group| &group.releases);
        releases.any(|release| (&release.namespace, &release.name) == (&one.namespace, &one.name))
    };
    installed.iter().filter(|one| one.applied.is_some() && !wanted(one)).collect()
}

fn installed(site: Site<'_>) -> &[Installed] {
    site.facts.living.as_ref().map_or(&[], |living| &living.releases)
}

fn needs(host: &Host, server: &Host, site: Site<'_>) -> Vec<StepId> {
    let mut needs = super::host::prepared(host);
    needs.extend(site.cluster.hosts.iter().map(|each| id(each, kubeadm_init::STEP)));
    needs.extend([id(host, kubeadm_join::STEP), id(server, network::STEP)]);
    needs
}

/// The step that joins have to wait for: an approver that runs denies the certificates of nodes that it has not been told of,
/// until it knows them or is gone.
pub fn before_joins(site: Site<'_>) -> Option<StepId> {
    let host = helm_host(site.cluster)?;
    let wanted = site.cluster.addons.kubelet_csr_approver.is_some();
    let runs =
        |one: &Installed| one.namespace == "kube-system" && one.name == APPROVER && (wanted || one.applied.is_some());
    let step = if wanted { APPROVER } else { REMOVED };
    (installed(site).iter().any(runs) && site.facts.joined(&host.name)).then(|| id(host, step))
}

/// The control plane that Helm is on: always the same one, so that it is fetched once.
pub fn helm_host(cluster: &Cluster) -> Option<&Host> {
    cluster.control_planes().next()
}

/// Whether Helm has anything to do, now or perhaps: while the questions are being made nobody knows what is installed.
pub fn needs_helm(site: Site<'_>) -> bool {
    let addons = &site.cluster.addons;
    let builtin = [&addons.kubelet_csr_approver, &addons.metrics_server, &addons.falco];
    let wanted = builtin.iter().any(|addon| addon.is_some()) || !addons.helm.is_empty();
    wanted || site.facts.hosts.is_empty() || installed(site).iter().any(|one| one.applied.is_some())
}

/// The helm program.
pub fn program(cluster: &Cluster) -> Program {
    let helm = &cluster.sources.helm;
    let archive = |(architecture, sha256): (&String, &String)| Archive {
        architecture: architecture.clone(),
        url: cluster
            .sources
            .rewrite(&format!("https://get.helm.sh/helm-v{}-linux-{architecture}.tar.gz", helm.version)),
        sha256: sha256.clone(),
        member: format!("linux-{architecture}/helm"),
    };
    Program::new("helm", &helm.version, helm.sha256.iter().map(archive).collect())
}
