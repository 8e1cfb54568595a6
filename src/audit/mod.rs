//! `forge audit`: controls about hosts and the cluster, each answered with evidence from the living system.
//!
//! Nothing is assumed but kubeadm's layout: what forge did not build is judged the same way. [`probes`] says what a host is
//! asked (once, read-only), `seen/` reads the answers, `controls/` judges them, [`Report`] is what people and programs are told.

mod control;
mod controls;
mod judge;
mod page;
mod report;
pub mod seen;

pub use control::{Check, Control, Severity};
pub use controls::{all, areas, find};
pub use judge::judge;
pub use page::page;
pub use report::{Finding, Report, State};
pub use seen::probes;
