//! `forge rotate …`: keys and tokens that are replaced while the cluster runs.

mod encryption_key;
mod sa_key;
mod tokens;

use clap::Subcommand;

use crate::error::{Exit, Problem};

/// Replace keys and tokens while the cluster runs
#[derive(Debug, Subcommand)]
pub(super) enum Rotate {
    EncryptionKey(encryption_key::EncryptionKey),
    SaKey(sa_key::SaKey),
    Tokens(tokens::Tokens),
}

impl Rotate {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        match self {
            Self::EncryptionKey(command) => command.run().await,
            Self::SaKey(command) => command.run().await,
            Self::Tokens(command) => command.run().await,
        }
    }
}
