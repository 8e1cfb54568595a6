//! `forge certs renew`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueHint};

use crate::actions::certs;
use crate::cli::common::Connected;
use crate::error::{Exit, Problem};
use crate::kube::pki::{Keeper, PLACES, Wanted};

/// Renew certificates, restart what uses them, and prove that the new ones are served
///
/// One control plane after the other, each when the others answer: with three of them the API never stops. Brings a cluster
/// back whose certificates have all expired. The API server's certificate is made anew when the inventory wants other names
/// in it. May be interrupted, or killed, and run again.
#[derive(Debug, Args)]
pub(super) struct Renew {
    #[command(flatten)]
    connected: Connected,
    /// Only certificates that end within so many days
    #[arg(long, value_name = "DAYS")]
    within: Option<u32>,
    /// Only these certificates, by the names that `forge certs list` shows
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = renewable())]
    only: Vec<String>,
    /// Put the administrator's new certificate into this kubeconfig, which an earlier `forge kubeconfig` wrote
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kubeconfig: Option<PathBuf>,
    /// Do not ask before changing anything
    #[arg(long, short)]
    yes: bool,
}

fn renewable() -> PossibleValuesParser {
    PLACES.iter().filter(|place| place.keeper != Keeper::Nobody).map(|place| place.name).collect::<Vec<_>>().into()
}

impl Renew {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let wanted = Wanted { within: self.within.map(i64::from), only: self.only, signers: None };
        let mut run = self.connected.begin("certs-renew", self.yes)?;
        let result = certs::renew(&mut run, &wanted, self.kubeconfig.as_deref()).await;
        self.connected.finish(run, result).await
    }
}
