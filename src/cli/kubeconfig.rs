//! `forge kubeconfig`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::common::Connected;
use crate::actions::{kubeconfig, user};
use crate::error::{Exit, Problem};
use crate::kube::user::{Group, Ttl, UserName};

/// Fetch the administrator's kubeconfig from a control plane, or make one for a person
///
/// The file is readable by its owner only, and it is the one secret that forge ever writes on the operator's disk. With
/// --user it holds a client certificate of that name instead, which ends by itself and gives nothing that no role gives.
#[derive(Debug, Args)]
pub(super) struct Kubeconfig {
    #[command(flatten)]
    connected: Connected,
    /// Write to this file
    #[arg(long, short, value_hint = ValueHint::FilePath, default_value = "kubeconfig")]
    output: PathBuf,
    /// Add cluster, user and context to the file when it exists, instead of refusing
    #[arg(long)]
    merge: bool,
    /// Make a certificate for this person instead
    #[arg(long, value_name = "NAME")]
    user: Option<UserName>,
    /// A group that the certificate names; may be given several times
    #[arg(long, value_name = "GROUP", requires = "user")]
    group: Vec<Group>,
    /// How long the certificate is good: minutes, hours or days
    #[arg(long, value_name = "30m|24h|7d", requires = "user", default_value = "24h")]
    ttl: Ttl,
}

impl Kubeconfig {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let mut run = self.connected.begin("kubeconfig", true)?;
        let result = match self.user {
            Some(name) => user::user(&mut run, (name, self.group, self.ttl), &self.output, self.merge).await,
            None => kubeconfig::kubeconfig(&mut run, &self.output, self.merge).await,
        };
        self.connected.finish(run, result).await
    }
}
