//! `forge certs list`.

use clap::Args;

use crate::actions::certs;
use crate::cli::common::Connected;
use crate::error::{Exit, Problem};

/// Show every certificate of every node, and what is served on each port now
///
/// Exits with 6 when one ends soon. Changes nothing and takes no lock.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    connected: Connected,
    /// How many days are soon
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    warn_days: u32,
}

impl List {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let mut run = self.connected.begin("certs-list", true)?;
        let result = certs::list(&mut run, self.warn_days).await;
        self.connected.finish(run, result).await
    }
}
