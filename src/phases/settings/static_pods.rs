//! The control plane's static pods (CIS 1.2, 1.3, 1.4, 2): manifests as kubeadm would write them, and API servers that have
//! read what they only read when they start. One control plane at a time.

use super::super::{facts, host};
use super::seen::{self, Drifted, READ_AT_START};
use super::{Site, failed, id, kubelet, unrendered};
use crate::error::Problem;
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::Host;
use crate::kube::{self, COMPONENTS, ETCDCTL, STATIC_PODS, WOULD_WRITE, differences, paths};
use crate::plan::{Step, StepId, once};

/// The step's name.
pub(super) const STEP: &str = "static-pods";

/// Control planes whose own API server does not answer come first: there is nothing to lose, and the others wait for them.
pub(super) fn order(site: Site<'_>) -> Vec<&Host> {
    let mut hosts: Vec<&Host> = site.cluster.control_planes().filter(|host| site.facts.joined(&host.name)).collect();
    let answers = |host: &&Host| site.facts.hosts.get(&host.name).is_some_and(facts::api_server_answers);
    hosts.sort_by_key(answers);
    hosts
}

/// What has to be done to one static pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Its manifest means something else, or it has not read its files.
    Replace,
    /// Its manifest says the same in another form, which the kubelet does not notice.
    Rewrite,
}

/// The step for one control plane; `before` is the one that has to be over and well.
pub(super) fn step(host: &Host, site: Site<'_>, before: Option<&StepId>) -> Result<Option<Step>, Problem> {
    let drifted = seen::drifted(host, site);
    let stale = stale(host, site)?;
    let (mut changes, mut due) = (Vec::new(), Vec::new());
    for component in COMPONENTS {
        let file = drifted.iter().find(|file| file.name == format!("{component}.yaml"));
        let restart = (component == "kube-apiserver").then_some(&stale).filter(|stale| !stale.is_empty());
        if let Some(file) = file {
            let (lines, action) = change(component, file);
            changes.extend(lines.into_iter().map(Difference::new));
            due.push((component, if restart.is_some() && action == Due::Rewrite { Due::Replace } else { action }));
        } else if let Some(files) = restart {
            due.push((component, Due::Replace));
            changes.push(Difference::new(format!("{component}: restart, to read {}", files.join(", "))));
        }
    }
    if due.is_empty() {
        return Ok(None);
    }
    let version = site.facts.version.clone().unwrap_or_default();
    let config = kube::phase_config(site.templates, site.cluster, host, &version).map_err(unrendered)?;
    let others: Vec<&Host> = site.cluster.control_planes().filter(|other| other.name != host.name).collect();
    let others: Vec<&Host> = others.into_iter().filter(|other| site.facts.joined(&other.name)).collect();
    let script = script(host, &others, &due).file("config", config);
    let mut needs = host::prepared(host);
    needs.extend(before.cloned());
    Ok(Some(Step {
        id: id(host, STEP),
        title: "control plane's static pods".to_owned(),
        runs_on: host.name.clone(),
        needs,
        // Whether the kubelet got its settings or not: a broken API server may be why it did not.
        after: vec![id(host, kubelet::STEP)],
        changes,
        work: once(
            move || Ok(script),
            |heard| Ok(heard.outcome()),
            failed(host, "the control plane is not well with its settings"),
        ),
    }))
}

fn change(component: &str, file: &Drifted) -> (Vec<String>, Due) {
    let path = format!("{}/{}", paths::MANIFESTS, file.name);
    let Some(now) = &file.now else { return (vec![format!("file {path}: create")], Due::Replace) };
    let found = differences::manifest(component, now, &file.wanted);
    if found.is_empty() { (vec![format!("file {path}: write anew")], Due::Rewrite) } else { (found, Due::Replace) }
}

/// Files that the API server has not read: newer than itself, or changed by this run.
fn stale(host: &Host, site: Site<'_>) -> Result<Vec<&'static str>, Problem> {
    let newer = seen::newer("kube-apiserver", &READ_AT_START, host, site);
    let changes = host::read_anew(host, site)?;
    Ok(READ_AT_START.into_iter().filter(|path| newer.contains(path) || changes.contains(path)).collect())
}

fn script(host: &Host, others: &[&Host], due: &[(&str, Due)]) -> Script {
    let own = quote(&host.address.to_string());
    let mut text = format!("{ETCDCTL}\n{STATIC_PODS}\n{WOULD_WRITE}\nwanted=$FORGE/wanted\n");
    let others: Vec<_> = others.iter().map(|other| (other.name.as_str(), other.address)).collect();
    text.push_str(&kube::others_answer(host.address, &others, false));
    text.push('\n');
    text.push_str("would_write \"$FORGE/config\" \"$wanted\" control-plane etcd\n");
    let of = |kind: Due| due.iter().filter(move |(_, due)| *due == kind).map(|(component, _)| *component);
    for component in of(Due::Rewrite) {
        text.push_str(&format!("rewrite {component} \"$wanted/{component}.yaml\"\n"));
    }
    let mut together: Vec<&str> = of(Due::Replace).collect();
    // Without its etcd an API server hangs, and whoever asks it.
    if together.first() == Some(&"etcd") && !together.contains(&"kube-apiserver") {
        together.insert(1, "kube-apiserver");
    }
    if !together.is_empty() {
        text.push_str(&format!("roll {own} \"$wanted\" {}\n", together.join(" ")));
    }
    Script::new(text)
}
