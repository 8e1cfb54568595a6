//! `forge rotate sa-key`.

use clap::{Args, ValueEnum};

use crate::actions::rotate_sa_key;
use crate::cli::common::Connected;
use crate::error::{Exit, Problem};
use crate::phases::rotate_sa_key::Stage;

/// Give service accounts' tokens a new signing key, and remove the old one when no token of its is left
///
/// Takes two runs. The first lets every API server verify with the new key, then sign with it, one control plane after the
/// other, and says when the old key may go: when the last token has ended that a pod can have from before, which is an hour
/// unless pods ask for more. The second removes it. A run that comes too early changes nothing and exits with 10. Tokens
/// in secrets that the old key signed are named, and keep it. May be interrupted, or killed, and run again from anywhere.
#[derive(Debug, Args)]
pub(crate) struct SaKey {
    #[command(flatten)]
    connected: Connected,
    /// Go no further than this: for others who verify tokens and have to fetch the new public key first
    #[arg(long, value_enum)]
    stage: Option<Until>,
    /// Do not ask before changing anything
    #[arg(long, short)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Until {
    /// The new key verifies everywhere
    Verify,
    /// The new key signs everywhere
    Sign,
}

impl SaKey {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let until = match self.stage {
            Some(Until::Verify) => Stage::Verifies,
            Some(Until::Sign) => Stage::Signs,
            None => Stage::Alone,
        };
        let mut run = self.connected.begin("rotate-sa-key", self.yes)?;
        let result = rotate_sa_key::rotate_sa_key(&mut run, until).await;
        self.connected.finish(run, result).await
    }
}
