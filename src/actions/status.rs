//! `forge status`: how hosts and cluster are, without changing anything.

use super::run::Run;
use crate::error::{Exit, Problem};
use crate::phases::status::{self, Clock, Row};
use crate::report::Event;

/// Looks, in one round trip per host, and tells. When it is `strict`, a row that somebody has to do something about is a failure.
///
/// # Errors
/// A host cannot be reached, logged into or trusted, or did not answer.
pub async fn status(run: &mut Run, strict: bool) -> Result<Exit, Problem> {
    run.connect().await?;
    let seen = run.survey(|host| Ok(status::probes(host)), false).await?;
    let clock = Clock { now: time::OffsetDateTime::now_utc().unix_timestamp() };
    let mut all_fine = true;
    for Row { host, what, fine, found } in status::rows(&run.cluster, seen, clock) {
        all_fine &= fine;
        run.events.emit(&Event::Status { host, what, fine, found });
    }
    Ok(if strict && !all_fine { Exit::Verification } else { Exit::Done })
}
