//! What preflight has to say: one sentence of what is wrong, why, and what to do about it.

use crate::inventory::{Cluster, Host, NodeName};

/// Something that is wrong, or may become wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The host it is about; `None` when it is about the cluster or the inventory.
    pub host: Option<NodeName>,
    /// Whether nothing may be changed while it stands; otherwise it is a warning.
    pub fatal: bool,
    /// What is wrong; names the host.
    pub what: String,
    /// Why, in the words of the program that said so; may be empty.
    pub cause: String,
    /// What to do about it.
    pub next: String,
}

impl Finding {
    /// A warning that is about no host alone.
    pub fn told(what: impl Into<String>, cause: impl Into<String>, next: impl Into<String>) -> Self {
        Self { host: None, fatal: false, what: what.into(), cause: cause.into(), next: next.into() }
    }

    pub(super) fn fatal(host: &Host, what: impl Into<String>, next: impl Into<String>) -> Self {
        let (what, next) = (what.into(), next.into());
        Self { host: Some(host.name.clone()), fatal: true, what, cause: String::new(), next }
    }

    pub(super) fn warning(host: &Host, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { fatal: false, ..Self::fatal(host, what, next) }
    }

    #[must_use]
    pub(super) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Not about one host.
    #[must_use]
    pub(super) fn of_all(mut self) -> Self {
        self.host = None;
        self
    }

    /// A warning when the inventory tells kubeadm to let its own check of that name pass; otherwise the advice says how.
    #[must_use]
    pub(super) fn unless_ignored(mut self, cluster: &Cluster, check: &str) -> Self {
        if ignored(cluster, check) {
            self.fatal = false;
        } else {
            self.next = format!("{}, or accept it with kubeadm.ignorePreflightErrors: [{check}]", self.next);
        }
        self
    }
}

/// Whether the inventory tells kubeadm to let its check of that name pass. kubeadm compares without case.
pub(super) fn ignored(cluster: &Cluster, check: &str) -> bool {
    let names = &cluster.kubeadm.ignore_preflight_errors;
    names.iter().any(|name| name.eq_ignore_ascii_case(check) || name.eq_ignore_ascii_case("all"))
}
