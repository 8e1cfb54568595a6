//! `forge certs rotate-ca`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::actions::certs;
use crate::cli::common::Connected;
use crate::error::{Exit, Problem};
use crate::phases::rotate_ca;

/// Replace the three authorities: the cluster's, etcd's and the front proxy's
///
/// In three stages, each complete and proven on every node before the next: the new authorities are trusted beside the old
/// ones; they sign everything anew; the old ones go. Control planes restart one after the other, so that the API does not stop
/// where there are three. Pods that talk to the API server start anew in the first and in the last stage. May be interrupted,
/// or killed, and run again from anywhere: it goes on where it was.
#[derive(Debug, Args)]
pub(super) struct RotateCa {
    #[command(flatten)]
    connected: Connected,
    /// Stop after this stage; the same command goes on later
    #[arg(long, value_enum, default_value_t = Stage::Remove)]
    stage: Stage,
    /// Keep this kubeconfig good after each stage, which an earlier `forge kubeconfig` wrote
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kubeconfig: Option<PathBuf>,
    /// Do not ask before changing anything
    #[arg(long, short)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Stage {
    /// The new authorities are trusted beside the old ones
    Trust,
    /// The new authorities sign, the old ones are still trusted
    Sign,
    /// The old authorities are gone
    Remove,
}

impl RotateCa {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let stage = match self.stage {
            Stage::Trust => rotate_ca::Stage::Trust,
            Stage::Sign => rotate_ca::Stage::Sign,
            Stage::Remove => rotate_ca::Stage::Remove,
        };
        let mut run = self.connected.begin("certs-rotate-ca", self.yes)?;
        let result = certs::rotate_ca(&mut run, stage, self.kubeconfig.as_deref()).await;
        self.connected.finish(run, result).await
    }
}
