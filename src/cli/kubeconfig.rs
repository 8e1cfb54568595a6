//! `forge kubeconfig`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::common::Connected;
use crate::actions::kubeconfig;
use crate::error::{Exit, Problem};

/// Fetch the administrator's kubeconfig from a control plane
///
/// The file is readable by its owner only, and it is the one secret that forge ever writes on the operator's disk.
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
}

impl Kubeconfig {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let mut run = self.connected.begin("kubeconfig", true)?;
        let result = kubeconfig::kubeconfig(&mut run, &self.output, self.merge).await;
        self.connected.finish(run, result).await
    }
}
