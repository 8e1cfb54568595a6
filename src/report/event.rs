//! Everything forge tells: the one stream that the screen, the JSON lines, the journal and the tests read.

use serde::Serialize;

use crate::error::Problem;
use crate::inventory::NodeName;
use crate::ssh::Traffic;

/// One thing that happened. Serialized as one JSON object per line with a `type`; fields are only ever added.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    /// The first line of every run.
    Started {
        /// Version of this stream's format.
        format: u32,
        /// `up`, `plan`…
        action: &'static str,
        /// The cluster's name.
        cluster: String,
        /// How many machines.
        hosts: usize,
    },
    /// Something that an earlier run left running is waited for.
    Waiting {
        /// Where.
        host: NodeName,
        /// The systemd unit.
        unit: String,
    },
    /// The lock of a run that has ended, and whose host has not noticed yet, is waited for.
    WaitingForLock {
        /// Where.
        host: NodeName,
        /// Whose lock it is, in its own words.
        holder: String,
    },
    /// All hosts have answered.
    Observed {
        /// How many.
        hosts: usize,
        /// How many questions in all.
        checks: usize,
        /// Since the start.
        elapsed_ms: u64,
    },
    /// Something to know or to mend before anything is changed.
    Found {
        /// Where; `None` when it concerns the whole cluster.
        host: Option<NodeName>,
        /// Whether the run stops because of it.
        fatal: bool,
        /// What it is.
        what: String,
        /// In the words of whatever said so.
        cause: String,
        /// What to do.
        next: String,
    },
    /// What would be done, in order.
    Planned {
        /// The steps.
        steps: Vec<PlannedStep>,
    },
    /// A step begins on its host.
    StepStarted {
        /// Whose step it is.
        host: NodeName,
        /// Its name, stable over versions.
        step: &'static str,
        /// For people.
        title: String,
    },
    /// A step said something while it ran.
    StepOutput {
        /// Whose step it is.
        host: NodeName,
        /// Its name.
        step: &'static str,
        /// One line.
        line: String,
    },
    /// How far a step is.
    Progress {
        /// Whose step it is.
        host: NodeName,
        /// Its name.
        step: &'static str,
        /// So many.
        done: u64,
        /// Of so many.
        total: u64,
        /// Since the step's script began.
        per_second: u64,
    },
    /// A step came to its end.
    StepFinished {
        /// Whose step it is.
        host: NodeName,
        /// Its name.
        step: &'static str,
        /// For people.
        title: String,
        /// How.
        outcome: Outcome,
        /// Since it began.
        elapsed_ms: u64,
    },
    /// One row of the evidence table.
    Evidence {
        /// What was looked at.
        check: String,
        /// Whether it is as it should be.
        passed: bool,
        /// What was found.
        found: String,
    },
    /// One row of `forge status`.
    Status {
        /// The host it is about; `None` when it is about the cluster.
        host: Option<NodeName>,
        /// What was looked at.
        what: &'static str,
        /// Whether nobody has to do anything about it.
        fine: bool,
        /// What was found.
        found: String,
    },
    /// A control of an audit, on one host or once.
    Control(ControlFinding),
    /// How an audit came out.
    Audited(AuditCounts),
    /// One certificate.
    Certificate(ListedCertificate),
    /// The last line of every run.
    Finished {
        /// The process's exit code.
        exit: u8,
        /// Steps that changed something.
        changed: usize,
        /// Since the start.
        elapsed_ms: u64,
        /// On all connections together.
        traffic: Traffic,
        /// The most round trips on one connection.
        round_trips: u64,
    },
}

/// What a control of an audit came to, on one host or once for the cluster.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlFinding {
    /// Stable over versions: `CIS-1.2.16`, `FORGE-SSHD-ROOT`.
    pub id: &'static str,
    /// What is wanted.
    pub title: &'static str,
    /// Where; `None` when it concerns the whole cluster.
    pub host: Option<NodeName>,
    /// `pass`, `fail`, `waived`, `manual`, `not-applicable` or `not-checked`.
    pub state: &'static str,
    /// `high`, `medium` or `low`.
    pub severity: &'static str,
    /// Whether its rule book counts it.
    pub scored: bool,
    /// The rules that it answers.
    pub maps_to: Vec<String>,
    /// How it was looked at.
    pub how: &'static str,
    /// What was found.
    pub evidence: String,
    /// What to do when it fails.
    pub remedy: &'static str,
    /// The inventory's waiver about it.
    pub waiver: Option<WaiverNote>,
}

/// A waiver that is about a finding.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WaiverNote {
    /// Why it was accepted.
    pub reason: String,
    /// The last day on which it holds, `2027-06-30`.
    pub expires: String,
    /// Whether it holds.
    pub holds: bool,
}

/// How many findings of an audit are in each state.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditCounts {
    /// As it should be.
    pub pass: usize,
    /// Not as it should be.
    pub fail: usize,
    /// Accepted for a while.
    pub waived: usize,
    /// For a person to judge.
    pub manual: usize,
    /// There is nothing that it could be about.
    pub not_applicable: usize,
    /// It could not be looked at.
    pub not_checked: usize,
}

/// A certificate as it is listed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedCertificate {
    /// Where.
    pub host: NodeName,
    /// What it is called.
    pub name: String,
    /// Its file; empty when it is only in memory.
    pub path: String,
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Names and addresses that it is good for.
    pub sans: Vec<String>,
    /// `ECDSA P-256`, `RSA 2048`.
    pub key: String,
    /// Hexadecimal with colons.
    pub serial: String,
    /// Seconds since 1970; of the file's certificate or the served one, whichever ends first.
    pub not_after: Option<i64>,
    /// Whole days until then; below zero after it.
    pub days_left: Option<i64>,
    /// The port that serves it.
    pub port: Option<u16>,
    /// The serial of what that port serves now.
    pub served_serial: Option<String>,
    /// What is wrong with it.
    pub notes: Vec<String>,
}

/// One step of a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// Whose step it is.
    pub host: NodeName,
    /// Its name.
    pub step: &'static str,
    /// For people.
    pub title: String,
    /// What would change, a line each.
    pub changes: Vec<PlannedChange>,
}

/// One change of a step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// One line.
    pub summary: String,
    /// A unified diff where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// How a step ended.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it should.
    Done,
    /// It was not begun.
    Skipped {
        /// Why.
        because: String,
    },
    /// It did what it should, and somebody should know this.
    Warned {
        /// What.
        what: String,
    },
    /// It did not.
    Failed {
        /// What happened.
        what: String,
        /// In the words of the program that failed.
        cause: String,
        /// What to do.
        next: String,
    },
}

impl From<&Problem> for Outcome {
    fn from(problem: &Problem) -> Self {
        Self::Failed { what: problem.what.clone(), cause: problem.cause.clone(), next: problem.next.clone() }
    }
}
