//! `forge render`.

use clap::Args;

use super::common::InventoryFile;
use crate::error::{Exit, Problem};
use crate::report::console;

/// Print the inventory with every default filled in, as JSON
#[derive(Debug, Args)]
pub(super) struct Render {
    #[command(flatten)]
    file: InventoryFile,
}

impl Render {
    pub(super) fn run(self) -> Result<Exit, Problem> {
        let cluster = self.file.load()?;
        let text = serde_json::to_string_pretty(&cluster)
            .map_err(|error| Problem::new(Exit::Failed, "the inventory cannot be shown").cause(error))?;
        console::answer(&text);
        Ok(Exit::Done)
    }
}
