//! `forge certs`.

mod list;
mod renew;
mod rotate_ca;

use clap::{Args, Subcommand};

use crate::error::{Exit, Problem};

/// Look at the cluster's certificates, renew them, or replace the authorities that sign them
///
/// Listing and renewing work on hosts alone: also when everything has expired and no API server answers.
#[derive(Debug, Args)]
pub(super) struct Certs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Renew(renew::Renew),
    RotateCa(rotate_ca::RotateCa),
}

impl Certs {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        match self.command {
            Command::List(command) => command.run().await,
            Command::Renew(command) => command.run().await,
            Command::RotateCa(command) => command.run().await,
        }
    }
}
