//! `forge rotate encryption-key`: a new key for everything that is encrypted in etcd, and the old one gone.

use std::collections::BTreeMap;

use super::look::today;
use super::run::Run;
use crate::error::{Exit, Problem};
use crate::inventory::NodeName;
use crate::inventory::cluster::{EncryptionProvider, Host};
use crate::kube::staged::whereabouts;
use crate::phases::preflight::Finding;
use crate::phases::rotate_key::{self, Rotation, Server, Standing, Wanted};
use crate::plan::Late;

/// What `--provider` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Local keys.
    Local(EncryptionProvider),
    /// Plaintext.
    Identity,
}

/// Runs the whole command; without a provider it is the inventory's.
///
/// # Errors
/// Whatever stopped it; every API server can read everything wherever it stopped.
pub async fn rotate_key(run: &mut Run, provider: Option<Provider>) -> Result<Exit, Problem> {
    // A worker that is down is no reason to keep an old key.
    run.narrow(Host::is_control_plane);
    run.connect().await?;
    let seen = run.survey(|host| Ok(rotate_key::probes(host)), true).await?;
    let servers: BTreeMap<NodeName, Server> =
        seen.iter().map(|(name, seen)| (name.clone(), Server::parse(seen))).collect();
    let standing = match rotate_key::judge(&servers) {
        Ok(standing) => standing,
        Err(findings) => return run.refuse(findings).map(|()| Exit::Preflight),
    };
    let provider = provider.unwrap_or(Provider::Local(run.cluster.security.encryption.provider));
    let Some(rotation) = rotation(run, standing, provider, servers.keys().next()).await? else {
        return Ok(Exit::Done);
    };
    let evidence = Late::default();
    let plan = rotate_key::plan(run.site(&crate::phases::Facts::default()), &rotation, &evidence);
    run.confirm(&plan)?;
    let exit = run.execute(plan).await;
    run.show(evidence.get().map_or(&[], Vec::as_slice));
    if exit == Exit::Done {
        run.refuse(afterwards(run, &rotation))?;
    }
    Ok(exit)
}

/// The one that was begun, or a new one; `None` when nothing is encrypted and nothing shall be.
async fn rotation(
    run: &Run,
    standing: Standing,
    provider: Provider,
    first: Option<&NodeName>,
) -> Result<Option<Rotation>, Problem> {
    let unknown = || Problem::new(Exit::Failed, "there is no control plane");
    let name = Rotation::read_from(&standing, first).ok_or_else(unknown)?;
    let text = run.read_encryption(&name).await?;
    match standing {
        Standing::Still => {
            let provider = match provider {
                Provider::Local(kind) => Some(kind),
                Provider::Identity => None,
            };
            let resources = run.cluster.security.encryption.resources.clone();
            Rotation::begin(&text, &Wanted { provider, resources, day: today() }, &run.templates)
        }
        Standing::Begun(journal, at) => {
            run.refuse(vec![Finding::told(
                format!("a rotation to {} ({}) was begun: this run goes on with it", journal.to, journal.provider),
                whereabouts("control plane", at.values().copied()),
                "run the command once more afterwards if you want yet another key or provider",
            )])?;
            Rotation::go_on(&text, *journal, at, &run.templates).map(Some)
        }
    }
}

/// Where the cluster now differs from the inventory.
fn afterwards(run: &Run, rotation: &Rotation) -> Vec<Finding> {
    let wanted = &run.cluster.security.encryption;
    let mut findings = Vec::new();
    match rotation.journal.provider.as_str() {
        "identity" => findings.push(Finding::told(
            "encryption is off: what is stored in etcd is plaintext",
            "until it is on again `forge audit` says so, and so does `forge up` whenever it has something to verify",
            "turn it on again: forge rotate encryption-key INVENTORY",
        )),
        provider if provider != wanted.provider.as_str() => findings.push(Finding::told(
            format!("the cluster encrypts with {provider}, the inventory says {}", wanted.provider.as_str()),
            "the next rotation without --provider takes the inventory's",
            format!("write it into the inventory: security.encryption.provider: {provider}"),
        )),
        _ => {}
    }
    if rotation.resources != wanted.resources {
        findings.push(Finding::told(
            format!(
                "the cluster encrypts {}, the inventory says {}",
                rotation.resources.join(", "),
                wanted.resources.join(", ")
            ),
            "a rotation keeps what is encrypted as it is",
            "to change it: forge rotate encryption-key INVENTORY --provider identity, then without --provider",
        ));
    }
    findings
}
