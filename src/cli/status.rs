//! `forge status`.

use clap::Args;

use super::common::Connected;
use crate::actions::status;
use crate::error::{Exit, Problem};

/// Show how hosts and cluster are: nodes, hosts that need a reboot, and the ages of keys, certificates and tokens
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    connected: Connected,
    /// Exit with 6 when anything needs somebody: for timers and CI jobs
    #[arg(long)]
    strict: bool,
}

impl Status {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let mut run = self.connected.begin("status", false)?;
        let result = status::status(&mut run, self.strict).await;
        self.connected.finish(run, result).await
    }
}
