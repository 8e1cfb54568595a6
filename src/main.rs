//! Parse, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use forge::report::console;

#[tokio::main]
async fn main() -> ExitCode {
    match forge::cli::Cli::parse().run().await {
        Ok(exit) => exit.into(),
        Err(problem) => {
            console::complain(&problem);
            problem.exit.into()
        }
    }
}
