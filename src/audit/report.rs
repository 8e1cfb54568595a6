//! What an audit came to: findings in the order in which people want them, and their numbers.

use serde::Serialize;

use super::control::Control;
use crate::error::Exit;
use crate::inventory::NodeName;
use crate::inventory::cluster::{Cluster, Day, Waiver};
use crate::report::{AuditCounts, ControlFinding, Event, WaiverNote};

/// What a control came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not as it should be.
    Fail,
    /// It could not be looked at.
    NotChecked,
    /// It fails, and the inventory accepts that for a while.
    Waived,
    /// A person has to judge.
    Manual,
    /// As it should be.
    Pass,
    /// There is nothing that it could be about.
    NotApplicable,
}

impl State {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::NotChecked => "not checked",
            Self::Waived => "waived",
            Self::Manual => "manual",
            Self::Pass => "pass",
            Self::NotApplicable => "not applicable",
        }
    }

    /// For programs.
    fn word(self) -> &'static str {
        match self {
            Self::NotChecked => "not-checked",
            Self::NotApplicable => "not-applicable",
            other => other.as_str(),
        }
    }
}

/// A waiver that is about a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waived {
    /// Why.
    pub reason: String,
    /// The last day.
    pub expires: Day,
    /// Whether that is still to come.
    pub holds: bool,
}

/// One control on one host, or once.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which control.
    pub control: &'static Control,
    /// Where; `None` for the cluster.
    pub host: Option<NodeName>,
    /// What it came to.
    pub state: State,
    /// What was found.
    pub evidence: String,
    /// The inventory's waiver about it.
    pub waiver: Option<Waived>,
}

/// The whole of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// The cluster's name.
    pub cluster: String,
    /// What the nodes run; empty when no API server answered.
    pub version: String,
    /// Every host of the inventory.
    pub hosts: Vec<NodeName>,
    /// Worst first; within a state by severity and in the order of the controls.
    pub findings: Vec<Finding>,
    /// The inventory's waivers, and whether each has expired.
    pub waivers: Vec<(Waiver, bool)>,
}

impl Report {
    pub(super) fn new(cluster: &Cluster, version: String, mut findings: Vec<Finding>, today: Day) -> Self {
        findings.sort_by_key(|finding| (finding.state, finding.control.severity));
        Self {
            cluster: cluster.name.clone(),
            version,
            hosts: cluster.hosts.iter().map(|host| host.name.clone()).collect(),
            findings,
            waivers: cluster.audit.waivers.iter().map(|waiver| (waiver.clone(), waiver.expires < today)).collect(),
        }
    }

    /// How many findings are in a state.
    pub fn count(&self, state: State) -> usize {
        self.findings.iter().filter(|finding| finding.state == state).count()
    }

    /// Failures, and whatever could not be looked at, are no success.
    pub fn exit(&self) -> Exit {
        if self.count(State::Fail) + self.count(State::NotChecked) == 0 { Exit::Done } else { Exit::Verification }
    }

    /// The events that tell of it: one per finding, then the numbers.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        let controls = self.findings.iter().map(|finding| Event::Control(told(finding)));
        controls.chain([Event::Audited(AuditCounts {
            pass: self.count(State::Pass),
            fail: self.count(State::Fail),
            waived: self.count(State::Waived),
            manual: self.count(State::Manual),
            not_applicable: self.count(State::NotApplicable),
            not_checked: self.count(State::NotChecked),
        })])
    }
}

fn told(finding: &Finding) -> ControlFinding {
    let Finding { control, host, state, evidence, waiver } = finding;
    ControlFinding {
        id: control.id,
        title: control.title,
        host: host.clone(),
        state: state.word(),
        severity: control.severity.as_str(),
        scored: control.scored,
        maps_to: control.maps_to(),
        how: control.how,
        evidence: evidence.clone(),
        remedy: control.remedy,
        waiver: waiver.as_ref().map(|waiver| WaiverNote {
            reason: waiver.reason.clone(),
            expires: waiver.expires.to_string(),
            holds: waiver.holds,
        }),
    }
}
