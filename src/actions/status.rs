//! `forge status`: how hosts and cluster are, without changing anything.

use super::run::Run;
use crate::error::{Exit, Problem};
use crate::phases::status::{self, Row};
use crate::report::Event;

/// Looks, in one round trip per host, and tells.
///
/// # Errors
/// A host cannot be reached, logged into or trusted, or did not answer.
pub async fn status(run: &mut Run) -> Result<Exit, Problem> {
    run.connect().await?;
    let seen = run.survey(|host| Ok(status::probes(host)), false).await?;
    for Row { host, what, fine, found } in status::rows(&run.cluster, seen) {
        run.events.emit(&Event::Status { host, what, fine, found });
    }
    Ok(Exit::Done)
}
