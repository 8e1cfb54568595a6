//! `forge up`.

use clap::Args;

use super::common::Connected;
use crate::actions::up;
use crate::error::{Exit, Problem};

/// Make the cluster, or mend it, until it is as the inventory says
///
/// Looks at every host, shows what would change and asks. May be interrupted, or killed, and run again: it goes on where it
/// was. A second run on a cluster that is as wanted changes nothing.
#[derive(Debug, Args)]
pub(super) struct Up {
    #[command(flatten)]
    connected: Connected,
    /// Do not ask before changing anything
    #[arg(long, short)]
    yes: bool,
}

impl Up {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let mut run = self.connected.begin("up", self.yes)?;
        let result = up::up(&mut run).await;
        self.connected.finish(run, result).await
    }
}
