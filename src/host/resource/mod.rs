//! Resources: what a host should have. Each kind says how it is looked at, compared and put right.

mod apt;
mod apt_source;
mod audit_rules;
mod directory;
mod file;
mod hostname;
mod hosts_block;
mod masked;
mod modes;
mod module;
mod nft_table;
mod only_where;
mod packaged_modes;
mod packages;
mod program;
mod service;
mod sshd;
mod swap;
mod sysctl;
mod system_user;

use std::fmt::Debug;

pub use apt_source::AptSource;
pub use audit_rules::AuditRules;
pub use directory::Directory;
pub use file::{Content, File, text_of};
pub use hostname::Hostname;
pub use hosts_block::HostsBlock;
pub use masked::Masked;
pub use modes::{Modes, Rule};
pub use module::Module;
pub use nft_table::NftTable;
pub use only_where::OnlyWhere;
pub use packaged_modes::PackagedModes;
pub use packages::{Package, Packages};
pub use program::{Archive, Program};
pub use service::Service;
pub use sshd::Sshd;
pub use swap::SwapOff;
pub use sysctl::Sysctl;
pub use system_user::SystemUser;

use super::script::Script;

/// Something a host should have. Plan, dry run, drift report and idempotence follow from these four for every kind.
pub trait Resource: Debug + Send + Sync {
    /// Unique on a host and readable: `file /etc/hosts`.
    fn id(&self) -> String;

    /// Shell that prints what is there; it changes nothing and does not depend on what is wanted.
    fn probe(&self) -> String;

    /// What is different from what is wanted; `None` when nothing is. Pure.
    fn differ(&self, seen: &str) -> Option<Difference>;

    /// What is not as wanted and cannot be put right here, in one line; somebody should know.
    fn remark(&self, _seen: &str) -> Option<String> {
        None
    }

    /// What puts it right. Safe to run again after it was cut off anywhere.
    fn apply(&self) -> Script;

    /// Ids of resources whose change makes this one due as well, as a service restarts when its configuration changes.
    fn follows(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One thing that would change, as the plan shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// One line: `file /etc/hosts: create`.
    pub summary: String,
    /// A unified diff, when the content is text that may be shown.
    pub diff: Option<String>,
}

impl Difference {
    /// A difference of one line.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), diff: None }
    }
}
