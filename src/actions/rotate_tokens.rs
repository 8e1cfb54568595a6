//! `forge rotate tokens`: what lets somebody in and is not needed any more.

use std::sync::Arc;

use super::run::Run;
use crate::error::{Exit, Problem};
use crate::phases::Facts;
use crate::phases::preflight::Finding;
use crate::phases::tokens::{self, Kind, Token};
use crate::plan::Plan;

/// Deletes bootstrap tokens, uploaded certificates and the leftovers of joins, and of the service accounts' tokens those that are
/// named (`NAMESPACE/NAME`); the others are told of.
///
/// # Errors
/// Whatever stopped it, or a name that is none.
pub async fn rotate_tokens(run: &mut Run, delete: &[String]) -> Result<Exit, Problem> {
    run.connect().await?;
    let hosts = run.survey(|host| Ok(tokens::probes(host)), true).await?;
    let facts = Facts { hosts, ..Facts::default() };
    let cluster = Arc::clone(&run.cluster);
    let mut servers = cluster.control_planes();
    let (server, found) =
        servers.find_map(|host| Some((host, tokens::listed(facts.hosts.get(&host.name)?)?))).ok_or_else(|| {
            Problem::new(Exit::Failed, "no API server listed its tokens")
                .next("see why on a control plane: kubectl get --raw /readyz")
        })?;
    let long_lived = || found.iter().filter(|token| token.kind == Kind::ServiceAccount);
    if let Some(unknown) = delete.iter().find(|name| long_lived().all(|token| token.name != **name)) {
        let names: Vec<&str> = long_lived().map(|token| token.name.as_str()).collect();
        return Err(Problem::new(Exit::Usage, format!("{unknown} is not the token of a service account"))
            .cause(format!("there are: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") })));
    }
    let named = |token: &&Token| delete.contains(&token.name);
    run.refuse(long_lived().filter(|token| !named(token)).map(told).collect())?;
    let doomed: Vec<&Token> = found.iter().filter(|token| token.kind != Kind::ServiceAccount || named(token)).collect();
    let mut plan = Plan::default();
    plan.steps.extend(tokens::cluster_step(server, &doomed));
    for host in &cluster.hosts {
        plan.steps.extend(tokens::host_step(host, run.site(&facts)));
    }
    if plan.is_empty() {
        return Ok(Exit::Done);
    }
    run.confirm(&plan)?;
    Ok(run.execute(plan).await)
}

fn told(token: &Token) -> Finding {
    Finding::told(
        format!("a {} never expires", token.words()),
        "it is a secret of type kubernetes.io/service-account-token",
        format!("when nothing uses it: forge rotate tokens INVENTORY --delete {}", token.name),
    )
}
