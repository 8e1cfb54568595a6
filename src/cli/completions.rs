//! `forge completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::error::{Exit, Problem};
use crate::report::console;

/// Print a shell's completion script
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<Exit, Problem> {
        let mut script = Vec::new();
        generate(self.shell, &mut super::Cli::command(), "forge", &mut script);
        console::answer(&String::from_utf8_lossy(&script));
        Ok(Exit::Done)
    }
}
