//! `forge init`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::error::{Exit, Problem};
use crate::report::console;

/// Write an inventory to begin with
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where; an existing file is left alone
    #[arg(default_value = "inventory.yaml")]
    path: PathBuf,
}

const EXAMPLE: &str = include_str!("../../inventories/ha.yaml");

impl Init {
    pub(super) fn run(self) -> Result<Exit, Problem> {
        let file = OpenOptions::new().write(true).create_new(true).open(&self.path);
        file.and_then(|mut file| file.write_all(EXAMPLE.as_bytes())).map_err(|error| {
            Problem::new(Exit::Failed, format!("{} was not written", self.path.display()))
                .cause(error)
                .next("name another file, or remove this one first")
        })?;
        let path = self.path.display();
        console::say(&format!(
            "wrote {path}; edit it, then: forge validate {path}; forge trust {path}; forge up {path}"
        ));
        Ok(Exit::Done)
    }
}
