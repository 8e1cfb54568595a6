//! `forge plan`.

use clap::Args;

use super::common::Connected;
use crate::actions::up;
use crate::error::{Exit, Problem};

/// Show what `forge up` would change, and change nothing
///
/// Exits with 0 when nothing would change and with 10 when something would.
#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    connected: Connected,
}

impl Plan {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let mut run = self.connected.begin("plan", false)?;
        let result = up::dry(&mut run).await;
        self.connected.finish(run, result).await
    }
}
