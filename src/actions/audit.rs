//! `forge audit`: looks at hosts and cluster, judges control by control, changes nothing.

use std::path::Path;

use super::run::Run;
use crate::audit;
use crate::disk;
use crate::error::{Exit, Problem};
use crate::host::facts::Probe;
use crate::inventory::cluster::{Day, Host};
use crate::phases::unrendered;

/// Audits the cluster, and writes the page to `html` when it is given.
///
/// # Errors
/// No host answered, or the page could not be written.
pub async fn audit(run: &mut Run, html: Option<&Path>) -> Result<Exit, Problem> {
    let unreached = run.connect_to_those_that_answer().await?;
    let (answers, unanswered) = run.survey_those_that_answer(|host| probes(run, host)).await?;
    let report = audit::judge(&run.cluster, &answers, Day::today());
    report.events().for_each(|event| run.events.emit(&event));
    if let Some(path) = html {
        let now = time::OffsetDateTime::now_utc();
        let when = format!("{} {:02}:{:02} UTC", now.date(), now.hour(), now.minute());
        let page = audit::page(&run.templates, &report, &when).map_err(unrendered)?;
        disk::replace(path, page.as_bytes(), 0o644)
            .map_err(|error| Problem::new(Exit::Failed, format!("{} was not written", path.display())).cause(error))?;
    }
    // What failed weighs more than what could not be looked at.
    let failed = report.count(audit::State::Fail) > 0;
    Ok(if !failed && unreached + unanswered > 0 { Exit::Connection } else { report.exit() })
}

/// What a host is asked; of the control planes that can be asked, the first whose API server answers speaks for the cluster.
fn probes(run: &Run, host: &Host) -> Result<Vec<Probe>, Problem> {
    let earlier = run.cluster.control_planes().take_while(|other| other.name != host.name);
    let earlier: Vec<&Host> = earlier.filter(|other| run.remote(&other.name).is_some()).collect();
    audit::probes(host, &earlier, &run.templates).map_err(unrendered)
}
