//! `forge validate`.

use clap::Args;

use super::common::InventoryFile;
use crate::error::{Exit, Problem};
use crate::report::console;

/// Check the inventory without connecting to anything
#[derive(Debug, Args)]
pub(super) struct Validate {
    #[command(flatten)]
    file: InventoryFile,
}

impl Validate {
    pub(super) fn run(self) -> Result<Exit, Problem> {
        let cluster = self.file.load()?;
        let (servers, workers) = (cluster.control_planes().count(), cluster.workers().count());
        console::say(&format!(
            "cluster {}: Kubernetes {}, control planes: {servers}, workers: {workers}",
            cluster.name, cluster.kubernetes
        ));
        Ok(Exit::Done)
    }
}
