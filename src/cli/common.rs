//! What commands share: the inventory argument, and how a run is shown.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::actions::{Options, Run};
use crate::error::{Exit, Problem};
use crate::inventory::{self, Cluster};
use crate::plan::journal;
use crate::report::{Events, Json, Lines, Live, Reporter, console};
use crate::secret::Secret;

/// Which inventory.
#[derive(Debug, Args)]
pub(super) struct InventoryFile {
    /// The inventory
    #[arg(value_hint = ValueHint::FilePath)]
    inventory: PathBuf,
}

impl InventoryFile {
    /// Reads and checks it.
    pub(super) fn load(&self) -> Result<Cluster, Problem> {
        inventory::load(&self.inventory).map_err(Problem::from)
    }
}

/// How to talk to the hosts, and how to tell of it.
#[derive(Debug, Args)]
pub(super) struct Connected {
    #[command(flatten)]
    pub(super) file: InventoryFile,
    /// Ask for the password that sudo wants on the hosts; without a terminal it is the first line of standard input
    #[arg(long)]
    ask_sudo_password: bool,
    /// Write one event per line to standard output, as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Connected {
    /// Reads the inventory and begins a run.
    pub(super) fn begin(&self, action: &'static str, yes: bool) -> Result<Run, Problem> {
        let cluster = self.file.load()?;
        let sudo_password = if self.ask_sudo_password { Some(sudo_password()?) } else { None };
        let mut reporters: Vec<Box<dyn Reporter>> = Vec::new();
        if self.json {
            reporters.push(Box::new(Json(std::io::stdout())));
        } else if console::is_terminal() {
            reporters.push(Box::new(Live::new(Lines::default())));
        } else {
            reporters.push(Box::new(Lines::default()));
        }
        match journal(&cluster.name, action) {
            Ok(journal) => reporters.push(Box::new(journal)),
            Err(error) => console::say(&format!("warning: this run leaves no journal: {error}")),
        }
        Run::new(action, cluster, Events::to(reporters), Options { yes, sudo_password })
    }
}

impl Connected {
    /// Tells how a run ended. What stopped it is an event like everything else; where events are JSON, people read it on
    /// standard error too.
    pub(super) async fn finish(&self, mut run: Run, result: Result<Exit, Problem>) -> Result<Exit, Problem> {
        let exit = result.as_ref().map_or_else(|problem| problem.exit, |exit| *exit);
        if let Err(problem) = &result {
            run.tell(problem);
        }
        run.finish(exit).await;
        if self.json { result } else { Ok(exit) }
    }
}

fn sudo_password() -> Result<Secret, Problem> {
    console::ask_secret("password for sudo on the hosts: ").or_else(console::read_secret).ok_or_else(|| {
        Problem::new(Exit::Usage, "there is no terminal to ask for sudo's password on, and standard input is empty")
            .next("write it to standard input, or let sudo trust the login without one")
    })
}
