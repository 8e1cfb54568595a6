//! `forge rotate tokens`.

use clap::Args;

use crate::actions::rotate_tokens;
use crate::cli::common::Connected;
use crate::error::{Exit, Problem};

/// Delete tokens and leftovers that let somebody in and that nothing needs
///
/// Bootstrap tokens, uploaded certificates, the anonymous way to `cluster-info`, and files of joins: forge makes its own for
/// every join. Service accounts' tokens in secrets are listed, and deleted only by name.
#[derive(Debug, Args)]
pub(crate) struct Tokens {
    #[command(flatten)]
    connected: Connected,
    /// Delete this token of a service account as well; may be given several times
    #[arg(long, value_name = "NAMESPACE/NAME")]
    delete: Vec<String>,
    /// Do not ask before changing anything
    #[arg(long, short)]
    yes: bool,
}

impl Tokens {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let mut run = self.connected.begin("rotate-tokens", self.yes)?;
        let result = rotate_tokens::rotate_tokens(&mut run, &self.delete).await;
        self.connected.finish(run, result).await
    }
}
