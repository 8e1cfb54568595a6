//! `forge rotate sa-key`: a new key signs the tokens of service accounts, and the old one goes when no token of its is left.

use std::collections::BTreeMap;

use super::run::Run;
use crate::error::{Exit, Problem};
use crate::inventory::NodeName;
use crate::inventory::cluster::Host;
use crate::kube::staged::whereabouts;
use crate::phases::Facts;
use crate::phases::preflight::Finding;
use crate::phases::rotate_sa_key::{self, Journal, NotYet, Rotation, Server, Stage, Standing};

/// Runs the whole command, no further than `until`.
///
/// # Errors
/// Whatever stopped it; every token that was good is good wherever it stopped.
pub async fn rotate_sa_key(run: &mut Run, until: Stage) -> Result<Exit, Problem> {
    // Tokens are made and looked at by control planes; a worker that is down is no reason to keep an old key.
    run.narrow(Host::is_control_plane);
    run.connect().await?;
    let first = run.cluster.control_planes().next().map(|host| host.name.clone());
    let seen = run.survey(|host| Ok(rotate_sa_key::probes(host, Some(&host.name) == first.as_ref())), true).await?;
    let servers: BTreeMap<NodeName, Server> =
        seen.iter().map(|(name, seen)| (name.clone(), Server::parse(seen))).collect();
    let users = rotate_sa_key::users(seen.values());
    let standing = match rotate_sa_key::judge(&servers) {
        Ok(standing) => standing,
        Err(findings) => return run.refuse(findings).map(|()| Exit::Preflight),
    };
    if let Standing::Begun(journal, at) = &standing {
        run.refuse(vec![begun(journal, at)])?;
    }
    let rotation = rotation(run, standing, &servers).await?;
    let facts = Facts::default();
    let up_to = |run: &Run, stage| rotate_sa_key::plan(run.site(&facts), &rotation, &servers, stage);
    let mut plan = up_to(run, until.min(Stage::Signs));
    let is_new = !plan.is_empty();
    if !is_new && until == Stage::Alone {
        // A removal that was begun had been allowed.
        if !rotation.removes() {
            match rotate_sa_key::removal(&servers, &rotation.journal, users.as_ref(), now()) {
                None => {}
                Some(NotYet::Held(findings)) => return run.refuse(findings).map(|()| Exit::Preflight),
                Some(NotYet::Wait(finding)) => return run.refuse(vec![finding]).map(|()| Exit::ChangesPending),
            }
        }
        plan = up_to(run, until);
    }
    if plan.is_empty() {
        return Ok(Exit::Done);
    }
    run.confirm(&plan)?;
    let exit = run.execute(plan).await;
    if exit == Exit::Done && is_new && until >= Stage::Signs {
        let later = rotate_sa_key::removal(&servers, &rotation.journal, users.as_ref(), now());
        run.refuse(later.map_or_else(Vec::new, warnings))?;
    }
    Ok(exit)
}

/// What is told of one that was begun.
fn begun(journal: &Journal, at: &BTreeMap<NodeName, Stage>) -> Finding {
    let what = format!("a rotation to {} was begun at {}", journal.to, journal.begun);
    Finding::told(what, whereabouts("control plane", at.values().copied()), "")
}

/// The one that was begun, or a new one.
async fn rotation(run: &Run, standing: Standing, servers: &BTreeMap<NodeName, Server>) -> Result<Rotation, Problem> {
    let none = || Problem::new(Exit::Failed, "there is no control plane");
    match standing {
        Standing::Still => {
            let host = run.cluster.control_planes().next().ok_or_else(none)?;
            let server = servers.get(&host.name).ok_or_else(none)?;
            let make = rotate_sa_key::make(host, run.site(&Facts::default()), &server.version)?;
            let mut made = run.fetch(&host.name, "make-sa-key", make).await?;
            let [key, public] = ["key", "public"].map(|name| made.remove(name));
            let unmade = || Problem::new(Exit::Failed, format!("{}: kubeadm made no signing key", host.name));
            let (key, public) = key.zip(public).ok_or_else(unmade)?;
            Rotation::begin(key, &public, server, moment())
        }
        Standing::Begun(journal, at) => {
            let key = match Rotation::key_is_at(&journal, &at, servers) {
                Some((name, path)) => run.fetch(&name, "read-sa-key", rotate_sa_key::read(path)).await?.remove("key"),
                None => None,
            };
            Rotation::go_on(key, *journal, at, servers)
        }
    }
}

/// What holds the old key is no failure of a run that did what it could.
fn warnings(not_yet: NotYet) -> Vec<Finding> {
    let findings = match not_yet {
        NotYet::Wait(finding) => vec![finding],
        NotYet::Held(findings) => findings,
    };
    findings.into_iter().map(|finding| Finding { fatal: false, ..finding }).collect()
}

fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// Now, as Kubernetes writes times.
fn moment() -> String {
    let now = time::OffsetDateTime::now_utc();
    format!("{}T{:02}:{:02}:{:02}Z", now.date(), now.hour(), now.minute(), now.second())
}
