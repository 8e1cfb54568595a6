//! `forge status`.

use clap::Args;

use super::common::Connected;
use crate::actions::status;
use crate::error::{Exit, Problem};

/// Show how hosts and cluster are: nodes, kernels, hosts that need a reboot
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    connected: Connected,
}

impl Status {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let mut run = self.connected.begin("status", false)?;
        let result = status::status(&mut run).await;
        self.connected.finish(run, result).await
    }
}
