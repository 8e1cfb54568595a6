//! Every control against what was seen, and the inventory's waivers against what failed. Pure.

use std::collections::BTreeMap;

use super::control::{Check, Control, Verdict};
use super::controls;
use super::report::{Finding, Report, State, Waived};
use super::seen::{Node, Whole};
use crate::host::Observed;
use crate::inventory::NodeName;
use crate::inventory::cluster::{Cluster, Day, Host, Waiver};

/// The report on a cluster whose hosts answered so; those that did not are told of control by control.
pub fn judge(cluster: &Cluster, answers: &BTreeMap<NodeName, Observed>, today: Day) -> Report {
    let whole = Whole::read(cluster, answers);
    let mut findings = Vec::new();
    for control in controls::all() {
        match control.check {
            Check::Cluster(check) => findings.push(finding(control, None, check(&whole))),
            Check::Node(check) => {
                findings.extend(cluster.hosts.iter().map(|host| on_host(control, host, &whole, check)));
            }
            Check::ControlPlane(check) => {
                findings.extend(cluster.control_planes().map(|host| on_host(control, host, &whole, check)));
            }
        }
    }
    for finding in &mut findings {
        waive(finding, &cluster.audit.waivers, today);
    }
    Report::new(cluster, version(&whole), findings, today)
}

fn on_host(control: &'static Control, host: &Host, whole: &Whole<'_>, check: fn(&Node<'_>) -> Verdict) -> Finding {
    let node = whole.nodes.iter().find(|node| node.host.name == host.name);
    let verdict = node.map_or_else(|| Verdict::NotChecked("the host did not answer".to_owned()), check);
    finding(control, Some(host.name.clone()), verdict)
}

fn finding(control: &'static Control, host: Option<NodeName>, verdict: Verdict) -> Finding {
    let (state, evidence) = match verdict {
        Verdict::Pass(evidence) => (State::Pass, evidence),
        Verdict::Fail(evidence) => (State::Fail, evidence),
        Verdict::NotApplicable(evidence) => (State::NotApplicable, evidence),
        Verdict::Manual(evidence) => (State::Manual, evidence),
        Verdict::NotChecked(evidence) => (State::NotChecked, evidence),
    };
    Finding { control, host, state, evidence, waiver: None }
}

/// Only what failed is waived. A waiver that has expired holds no longer, and is shown.
fn waive(finding: &mut Finding, waivers: &[Waiver], today: Day) {
    if finding.state != State::Fail {
        return;
    }
    let meant = |waiver: &&Waiver| {
        let host = finding.host.as_ref();
        waiver.control == finding.control.id
            && (waiver.hosts.is_empty() || host.is_some_and(|host| waiver.hosts.contains(host)))
    };
    let Some(waiver) = waivers.iter().filter(meant).max_by_key(|waiver| waiver.expires) else { return };
    let holds = waiver.expires >= today;
    if holds {
        finding.state = State::Waived;
    }
    finding.waiver = Some(Waived { reason: waiver.reason.clone(), expires: waiver.expires, holds });
}

/// What the nodes run, for the head of the report.
fn version(whole: &Whole<'_>) -> String {
    let Some((_, api)) = &whole.api else { return String::new() };
    let mut versions: Vec<&str> = api.all("Node").map(|node| node.get("version")).collect();
    versions.sort_unstable();
    versions.dedup();
    versions.join(", ")
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::*;

    pub(crate) fn cluster(more: &str) -> Cluster {
        let hosts = "hosts:\n  cp1: {address: 192.0.2.11, roles: [control-plane]}\n  w1: {address: 192.0.2.21, roles: [worker]}\n";
        crate::inventory::parse("inventory.yaml", &format!("{more}{hosts}"), Path::new("/nowhere")).unwrap()
    }

    fn observed(answers: &[(&str, &str)]) -> Observed {
        let answers = answers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Observed { answers: answers.collect(), ..Observed::default() }
    }

    /// A control plane that answered so.
    pub(crate) fn node(answers: &[(&str, &str)]) -> Node<'static> {
        // The host outlives the test; there are few of them.
        let host: &'static Host = Box::leak(Box::new(cluster("").hosts.swap_remove(0)));
        Node::read(host, &observed(answers))
    }

    /// `pass: evidence`.
    pub(crate) fn verdict(control: &'static Control, node: &Node<'_>) -> String {
        let (Check::Node(check) | Check::ControlPlane(check)) = control.check else {
            panic!("{} is the cluster's", control.id)
        };
        let finding = finding(control, None, check(node));
        format!("{}: {}", finding.state.as_str(), finding.evidence)
    }

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn state(report: &Report, id: &str, host: &str) -> (State, String) {
        let name = NodeName::new(host);
        let found = report.findings.iter().find(|finding| finding.control.id == id && finding.host == name).unwrap();
        (found.state, found.waiver.as_ref().map_or_else(String::new, |waiver| waiver.reason.clone()))
    }

    #[test]
    fn a_host_that_does_not_answer_is_not_checked_and_nothing_passes_by_silence() {
        let cluster = cluster("");
        let nobody = judge(&cluster, &BTreeMap::new(), day("2026-11-24"));
        assert!(nobody.findings.iter().all(|finding| finding.state != State::Pass || finding.host.is_none()));
        assert_eq!(state(&nobody, "CIS-1.2.15", "cp1").0, State::NotChecked);
        // A host that says nothing at all: whatever passes then passes because something was not seen.
        let silent =
            [(cluster.hosts[0].name.clone(), observed(&[])), (cluster.hosts[1].name.clone(), observed(&[]))].into();
        let report = judge(&cluster, &silent, day("2026-11-24"));
        let passed: Vec<&str> =
            report.findings.iter().filter(|one| one.state == State::Pass).map(|one| one.control.id).collect();
        assert_eq!(passed, ["FORGE-CLOCKS"]);
        assert_eq!(report.count(State::Fail), 0, "silence is no failure either");
    }

    /// Objects of a real API server 1.36 with nothing in it but `kubectl create clusterrolebinding strangers
    /// --clusterrole=view --user=system:anonymous` and a policy that closes namespace default.
    #[test]
    fn what_kubernetes_brings_with_it_is_no_failure() {
        let cluster = cluster("");
        let objects = std::fs::read_to_string("tests/fixtures/audit/objects.tsv").unwrap();
        let answers = [(cluster.hosts[0].name.clone(), observed(&[("audit objects", objects.as_str())]))].into();
        let report = judge(&cluster, &answers, day("2026-11-24"));
        let of = |state| -> Vec<(&str, &str)> {
            let found = report.findings.iter().filter(|one| one.host.is_none() && one.state == state);
            found.map(|one| (one.control.id, one.evidence.as_str())).collect()
        };
        assert_eq!(
            of(State::Fail),
            [("CIS-5.1.5", "default/default"), ("FORGE-STRANGERS-ROLES", "strangers gives view"),]
        );
        let passed: Vec<&str> = of(State::Pass).into_iter().map(|(id, _)| id).collect();
        for id in ["CIS-5.1.1", "CIS-5.1.2", "CIS-5.1.3", "CIS-5.1.4", "CIS-5.1.9", "CIS-5.1.12", "CIS-5.3.2"] {
            assert!(
                passed.contains(&id),
                "{id}: {:?}",
                report.findings.iter().find(|one| one.control.id == id).unwrap()
            );
        }
    }

    #[test]
    fn a_waiver_holds_until_its_last_day_and_on_its_hosts() {
        let sshd = observed(&[("audit sshd", "permitrootlogin yes\n")]);
        let waiver = "audit: {waivers: [{control: FORGE-SSHD-ROOT, hosts: [w1], reason: console is broken, expires: 2026-12-01}]}\n";
        let cluster = cluster(waiver);
        let answers = cluster.hosts.iter().map(|host| (host.name.clone(), sshd.clone())).collect();
        let on = |date| judge(&cluster, &answers, day(date));
        let last = on("2026-12-01");
        assert_eq!(state(&last, "FORGE-SSHD-ROOT", "w1"), (State::Waived, "console is broken".into()));
        assert_eq!(state(&last, "FORGE-SSHD-ROOT", "cp1"), (State::Fail, String::new()));
        assert_eq!(state(&on("2026-12-02"), "FORGE-SSHD-ROOT", "w1"), (State::Fail, "console is broken".into()));
    }
}
