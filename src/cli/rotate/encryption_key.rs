//! `forge rotate encryption-key`.

use clap::{Args, ValueEnum};

use crate::actions::rotate_key;
use crate::cli::common::Connected;
use crate::error::{Exit, Problem};
use crate::inventory::cluster::EncryptionProvider;

/// Give etcd's encryption a new key, rewrite everything under it, and remove the old one
///
/// The new key is on every control plane, and loaded by every API server, before one of them writes with it; the old one
/// leaves when etcd's own bytes show that nothing needs it. May be interrupted, or killed, and run again from anywhere: it
/// goes on where it was. API servers look at their keys once a minute, so it takes about three minutes.
#[derive(Debug, Args)]
pub(crate) struct EncryptionKey {
    #[command(flatten)]
    connected: Connected,
    /// What encrypts from now on; `identity` is plaintext. The inventory's provider unless given
    #[arg(long, value_enum)]
    provider: Option<Provider>,
    /// Do not ask before changing anything
    #[arg(long, short)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Provider {
    Secretbox,
    Aescbc,
    Aesgcm,
    Identity,
}

impl EncryptionKey {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let provider = self.provider.map(|provider| match provider {
            Provider::Secretbox => rotate_key::Provider::Local(EncryptionProvider::Secretbox),
            Provider::Aescbc => rotate_key::Provider::Local(EncryptionProvider::Aescbc),
            Provider::Aesgcm => rotate_key::Provider::Local(EncryptionProvider::Aesgcm),
            Provider::Identity => rotate_key::Provider::Identity,
        });
        let mut run = self.connected.begin("rotate-encryption-key", self.yes)?;
        let result = rotate_key::rotate_key(&mut run, provider).await;
        self.connected.finish(run, result).await
    }
}
