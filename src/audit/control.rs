//! What a control is: a question about a host or the cluster, why it matters, how it is answered, and what to do about it.

use super::seen::{Node, Whole};

/// How much depends on a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A way to take over a node or the cluster.
    High,
    /// Makes a way in wider, or an attack harder to see.
    Medium,
    /// Good practice.
    Low,
}

impl Severity {
    /// The word for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What a check came to, with the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Pass(String),
    /// Not as it should be.
    Fail(String),
    /// There is nothing here that it could be about.
    NotApplicable(String),
    /// A person has to judge; the evidence helps. Never a failure.
    Manual(String),
    /// It could not be looked at, which is no pass.
    NotChecked(String),
}

impl Verdict {
    /// Passes when `good`, with the same evidence either way.
    pub fn of(good: bool, evidence: impl Into<String>) -> Self {
        if good { Self::Pass(evidence.into()) } else { Self::Fail(evidence.into()) }
    }

    /// Passes when nothing is wrong; fails with what is.
    pub fn unless(wrong: &[String], fine: impl Into<String>) -> Self {
        if wrong.is_empty() { Self::Pass(fine.into()) } else { Self::Fail(some(wrong)) }
    }
}

/// The first few of many.
pub(super) fn some(all: &[String]) -> String {
    const SHOWN: usize = 6;
    let more = if all.len() > SHOWN { format!(" and {} more", all.len() - SHOWN) } else { String::new() };
    format!("{}{more}", all[..all.len().min(SHOWN)].join(", "))
}

/// Where a control is looked at, and the pure function that judges what was seen there.
#[derive(Clone, Copy)]
pub enum Check {
    /// On every host.
    Node(fn(&Node<'_>) -> Verdict),
    /// On every control plane.
    ControlPlane(fn(&Node<'_>) -> Verdict),
    /// Once.
    Cluster(fn(&Whole<'_>) -> Verdict),
}

impl std::fmt::Debug for Check {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.scope())
    }
}

impl Check {
    /// Where, in words.
    pub fn scope(&self) -> &'static str {
        match self {
            Self::Node(_) => "every node",
            Self::ControlPlane(_) => "every control plane",
            Self::Cluster(_) => "the cluster",
        }
    }
}

/// One control. Identities are stable: `CIS-` and the number in the CIS Kubernetes Benchmark 1.12, or `FORGE-` and a word.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// For instance `CIS-1.2.16` or `FORGE-SSHD-ROOT`.
    pub id: &'static str,
    /// What is wanted, in one line.
    pub title: &'static str,
    /// Rules of other books that it answers, besides the one in its identity.
    pub also: &'static [&'static str],
    /// How much depends on it.
    pub severity: Severity,
    /// Whether its book counts it when it fails; forge counts every control that fails.
    pub scored: bool,
    /// How it is looked at.
    pub how: &'static str,
    /// What to do when it fails.
    pub remedy: &'static str,
    /// The check.
    pub check: Check,
}

impl Control {
    /// A scored control of medium severity; the other methods change what is different.
    pub(super) const fn new(id: &'static str, title: &'static str, check: Check) -> Self {
        Self { id, title, also: &[], severity: Severity::Medium, scored: true, how: "", remedy: UP, check }
    }

    pub(super) const fn high(mut self) -> Self {
        self.severity = Severity::High;
        self
    }

    pub(super) const fn low(mut self) -> Self {
        self.severity = Severity::Low;
        self
    }

    pub(super) const fn unscored(mut self) -> Self {
        self.scored = false;
        self
    }

    pub(super) const fn how(mut self, how: &'static str) -> Self {
        self.how = how;
        self
    }

    pub(super) const fn remedy(mut self, remedy: &'static str) -> Self {
        self.remedy = remedy;
        self
    }

    pub(super) const fn also(mut self, also: &'static [&'static str]) -> Self {
        self.also = also;
        self
    }

    /// Every rule that it answers.
    pub fn maps_to(&self) -> Vec<String> {
        let cis = self.id.strip_prefix("CIS-").map(|number| format!("CIS Kubernetes 1.12: {number}"));
        cis.into_iter().chain(self.also.iter().map(|rule| (*rule).to_owned())).collect()
    }
}

/// The remedy of everything that forge itself sets.
pub(super) const UP: &str = "forge up INVENTORY puts it right";

/// Chapters of the NSA/CISA Kubernetes Hardening Guide 1.2.
pub(super) mod nsa {
    pub(in super::super) const PODS: &str = "NSA/CISA: Kubernetes Pod security";
    pub(in super::super) const NETWORK: &str = "NSA/CISA: Network separation and hardening";
    pub(in super::super) const ACCESS: &str = "NSA/CISA: Authentication and authorization";
    pub(in super::super) const AUDIT: &str = "NSA/CISA: Audit Logging and Threat Detection";
    pub(in super::super) const UPGRADES: &str = "NSA/CISA: Upgrading and application security practices";
}
