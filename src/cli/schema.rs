//! `forge schema`.

use clap::Args;

use crate::error::{Exit, Problem};
use crate::inventory;
use crate::report::console;

/// Print the inventory's JSON schema, for editors
#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn run(self) -> Result<Exit, Problem> {
        console::answer(&inventory::schema_text());
        Ok(Exit::Done)
    }
}
