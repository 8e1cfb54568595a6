//! `forge audit`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::common::Connected;
use crate::actions::audit;
use crate::error::{Exit, Problem};

/// Look at hosts and cluster, control by control, and show the evidence
///
/// Changes nothing. Failures come first, each with what was found and what to do; waivers of the inventory are shown with
/// their reason. Works on clusters that kubeadm made without forge, too. Exits with 6 when a control fails or could not be
/// looked at, and with 4 when none fails and a host did not answer.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(flatten)]
    connected: Connected,
    /// Write the whole report to this file, one page that needs nothing else
    #[arg(long, value_hint = ValueHint::FilePath, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Audit {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let mut run = self.connected.begin("audit", true)?;
        let result = audit::audit(&mut run, self.html.as_deref()).await;
        self.connected.finish(run, result).await
    }
}
