//! Looks again after a renewal: the new certificates are there, they are what is served, and everything is well.

use std::collections::BTreeSet;

use super::job::Job;
use super::{Proofs, Renewal, kubelet, look};
use crate::error::{Exit, Problem};
use crate::host::Script;
use crate::host::facts::Probe;
use crate::inventory::cluster::Host;
use crate::kube::pki::{self, Component, Keeper, Node, PLACES, Place};
use crate::phases::verify::Evidence;
use crate::phases::{failed, id, serving_certificate};
use crate::plan::{Heard, Step, once};
use crate::report::Outcome;

/// The name of a control plane's proof.
pub(super) const STEP: &str = "certs-proof";
/// The name of a kubelet's proof.
const KUBELET: &str = "certs-kubelet-proof";

/// What has to be true afterwards.
struct Expected {
    host: Host,
    before: Node,
    /// Names of places whose certificate is to be another one.
    renewed: BTreeSet<&'static str>,
    /// Names of places that are looked at for what is served.
    served: BTreeSet<&'static str>,
    restarted: Vec<Component>,
    /// How many members etcd should have; none is not asked.
    members: Option<usize>,
}

/// The proof of a control plane's own parts: the next one waits for it.
pub(super) fn control_plane(job: &Job<'_>, renewal: Renewal<'_>) -> Step {
    // The kubelet's own have a proof of their own, because it may come after this one.
    let parts = |place: &&Place| !matches!(place.keeper, Keeper::KubeletClient | Keeper::KubeletServing);
    let due = job.due.iter().map(|(place, _)| *place);
    let memory = |place: &&'static Place| place.used_by.is_some_and(|one| job.restarts.contains(&one));
    let memory = PLACES.iter().filter(|place| place.keeper == Keeper::Process).filter(memory);
    let expected = Expected {
        host: job.host.clone(),
        before: job.node.clone(),
        renewed: due.filter(parts).chain(memory).map(|place| place.name).collect(),
        served: PLACES.iter().filter(parts).filter(|place| place.port.is_some()).map(|place| place.name).collect(),
        restarted: job.restarts.clone(),
        members: Some(members(job, renewal)),
    };
    step(STEP, "new certificates are served, and all is well", expected, Script::default(), renewal)
}

/// As many members as etcd had; where it could not say so, one for each control plane that is part of the cluster.
fn members(job: &Job<'_>, renewal: Renewal<'_>) -> usize {
    let joined = |host: &&Host| renewal.nodes.get(&host.name).is_some_and(|node| node.files.contains_key("ca"));
    if job.node.healthy { job.node.members } else { renewal.cluster.control_planes().filter(joined).count() }
}

/// The proof of a kubelet, after the approval.
pub(super) fn kubelet(job: &Job<'_>, renewal: Renewal<'_>) -> Option<Step> {
    let is_due = job.is_due(Keeper::KubeletServing) || job.pending;
    if !is_due && !job.needs_kubelet() {
        return None;
    }
    let keeper = |place: &&Place| matches!(place.keeper, Keeper::KubeletClient | Keeper::KubeletServing);
    let mut renewed: BTreeSet<_> = job.due.iter().map(|(place, _)| *place).filter(keeper).map(|one| one.name).collect();
    if is_due {
        renewed.insert("kubelet-server");
    }
    // After the approval the kubelet takes a moment to fetch what was signed.
    let old = job.node.files.get("kubelet-server").map_or(0.0, |file| file.written);
    let wait = Script::new(format!(
        "pem=/var/lib/kubelet/pki/kubelet-server-current.pem; tries=0\n\
         until [ -e \"$pem\" ] && [ \"$(stat -L -c %.3Y \"$pem\")\" != {old:.3} ] || [ \"$tries\" -ge 120 ]; do\n\
         tries=$((tries + 1)); sleep 0.5\ndone"
    ));
    let wait = if is_due { wait } else { Script::default() };
    let expected = Expected {
        host: job.host.clone(),
        before: job.node.clone(),
        renewed,
        served: ["kubelet-server"].into(),
        restarted: Vec::new(),
        members: None,
    };
    let mut step = step(KUBELET, "the kubelet's new certificate is served", expected, wait, renewal);
    step.needs = vec![id(job.host, kubelet::STEP), id(job.host, serving_certificate::STEP)];
    Some(step)
}

fn step(name: &'static str, title: &str, expected: Expected, first: Script, renewal: Renewal<'_>) -> Step {
    let host = expected.host.clone();
    let script = first.then(ask(&look::probes(&host)));
    let proofs: Proofs = renewal.proofs.clone();
    Step {
        id: id(&host, name),
        title: title.to_owned(),
        runs_on: host.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes: Vec::new(),
        work: once(
            move || Ok(script),
            move |heard| conclude(&expected, heard, &proofs),
            failed(&host, "the look failed"),
        ),
    }
}

/// The probes as one script, each answer a value.
fn ask(probes: &[Probe]) -> Script {
    probes.iter().fold(Script::default(), |script, probe| {
        script.line(format!("{{ (\nset +e\n{}\n) 2>/dev/null || true; }} | emit {}", probe.shell, probe.key))
    })
}

fn conclude(expected: &Expected, heard: &Heard, proofs: &Proofs) -> Result<Outcome, Problem> {
    let texts: std::collections::BTreeMap<&str, String> =
        heard.values.keys().map(|key| (key.as_str(), heard.text(key).trim_end_matches('\n').to_owned())).collect();
    let after = pki::read(expected.host.is_control_plane(), |key| texts.get(key).map_or("", String::as_str));
    let rows = judge(expected, &after);
    let failed: Vec<String> =
        rows.iter().filter(|row| !row.passed).map(|row| format!("{}: {}", row.check, row.found)).collect();
    if let Ok(mut proofs) = proofs.lock() {
        proofs.extend(rows);
    }
    if failed.is_empty() {
        return Ok(heard.outcome());
    }
    Err(Problem::new(Exit::Verification, format!("{} is not as it should be after the renewal", expected.host.name))
        .cause(failed.join("\n"))
        .next("mend the cause and run the same command again; what was replaced is in /var/backups/forge on the host"))
}

fn judge(expected: &Expected, after: &Node) -> Vec<Evidence> {
    let host = &expected.host.name;
    let place = |name: &&str| PLACES.iter().find(|place| place.name == *name);
    let mut rows = Vec::new();

    let renewed: Vec<&Place> = expected.renewed.iter().filter_map(place).collect();
    let serial = |node: &Node, place| node.certificate(place).map(|one| one.serial.clone());
    let old = renewed.iter().filter(|place| {
        let now = serial(after, place);
        now.is_none() || now == serial(&expected.before, place)
    });
    let old: Vec<&str> = old.map(|place| place.name).collect();
    let found = if old.is_empty() { renewed.len().to_string() } else { format!("not {}", old.join(", ")) };
    if !renewed.is_empty() {
        rows.push(row(format!("{host}: certificates are new"), old.is_empty(), found));
    }

    let served = expected.served.iter().filter_map(place).filter_map(|place| Some((place, place.port?.0)));
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for (place, port) in served {
        let as_in_file = after.serves(place).is_some_and(|one| Some(one) == after.certificate(place));
        if as_in_file { &mut right } else { &mut wrong }.push(port.to_string());
    }
    let found = if wrong.is_empty() { right.join(", ") } else { format!("not on {}", wrong.join(", ")) };
    rows.push(row(format!("{host}: they are what is served"), wrong.is_empty(), found));

    if let Some(members) = expected.members {
        let stale = expected.restarted.iter().filter(|component| pki::stale(after, **component));
        let stale: Vec<&str> = stale.map(|component| component.name()).collect();
        let well = after.healthy && after.members == members && stale.is_empty();
        let ready = if after.healthy { "both say so" } else { "one does not say so" };
        let found = format!("{ready}, {} of {members} members {}", after.members, stale.join(" "));
        rows.push(row(format!("{host}: API server and etcd are well"), well, found.trim_end()));
    }
    rows
}

fn row(check: String, passed: bool, found: impl Into<String>) -> Evidence {
    Evidence { check, passed, found: found.into() }
}
