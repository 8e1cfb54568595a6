//! The command line: one file per command, whose doc comment is its help.

mod audit;
mod certs;
mod common;
mod completions;
mod init;
mod kubeconfig;
mod plan;
mod render;
mod rotate;
mod schema;
mod status;
mod trust;
mod up;
mod validate;

use clap::{Parser, Subcommand};

use crate::error::{Exit, Problem};

/// Hardened Kubernetes on your own machines, over SSH, with kubeadm.
///
/// `forge init` writes an inventory to begin with, `forge trust` pins the machines' host keys, `forge up` makes the cluster
/// and keeps it as the inventory says.
#[derive(Debug, Parser)]
#[command(name = "forge", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Plan(plan::Plan),
    Validate(validate::Validate),
    Trust(trust::Trust),
    Status(status::Status),
    Audit(audit::Audit),
    Kubeconfig(kubeconfig::Kubeconfig),
    #[command(subcommand)]
    Rotate(rotate::Rotate),
    Certs(certs::Certs),
    Render(render::Render),
    Init(init::Init),
    Schema(schema::Schema),
    Completions(completions::Completions),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// What went wrong, to be shown to a person.
    pub async fn run(self) -> Result<Exit, Problem> {
        match self.command {
            Command::Up(command) => command.run().await,
            Command::Plan(command) => command.run().await,
            Command::Validate(command) => command.run(),
            Command::Trust(command) => command.run().await,
            Command::Status(command) => command.run().await,
            Command::Audit(command) => command.run().await,
            Command::Kubeconfig(command) => command.run().await,
            Command::Rotate(command) => command.run().await,
            Command::Certs(command) => command.run().await,
            Command::Render(command) => command.run(),
            Command::Init(command) => command.run(),
            Command::Schema(command) => command.run(),
            Command::Completions(command) => command.run(),
        }
    }
}
