//! Where the encryption key comes from: a control plane that has it, or, once in a cluster's life, the operating system.

use super::Site;
use crate::error::{Exit, Problem};
use crate::host::{Script, quote};
use crate::inventory::NodeName;
use crate::kube::encryption::rotation::Journal;
use crate::kube::encryption::{EncryptionKey, encryption_config, key_name};
use crate::kube::paths;
use crate::secret::Secret;

/// What has to happen before the plan can be made.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// Every control plane has the same one.
    Everywhere,
    /// Some lack it; this one has it.
    ReadFrom(NodeName),
    /// None has it and there is no data yet.
    Generate,
}

/// Decides. The key is never made anew while data may depend on an old one.
///
/// # Errors
/// The control planes disagree, or the cluster lives without any.
pub fn source(site: Site<'_>) -> Result<Source, Problem> {
    let facts = site.facts;
    let mut have: Vec<(&NodeName, &str)> = Vec::new();
    let mut lack = 0;
    let mut alive = None;
    for host in site.cluster.control_planes() {
        match facts.encryption_sum(&host.name) {
            "" => lack += 1,
            sum => have.push((&host.name, sum)),
        }
        if facts.joined(&host.name) {
            alive = Some(&host.name);
        }
    }
    let Some((first, sum)) = have.first() else {
        return match alive {
            None => Ok(Source::Generate),
            Some(host) => Err(Problem::new(Exit::Preflight, format!("{host} belongs to a cluster without forge's encryption configuration"))
                .cause(format!("{} does not exist on any control plane", paths::ENCRYPTION))
                .next("a new key would make existing secrets unreadable: put the file back from a backup, or build the cluster anew")),
        };
    };
    if let Some((other, _)) = have.iter().find(|(_, other)| other != sum) {
        let next = if under_way(site).is_some() {
            "finish the rotation of the key first: forge rotate encryption-key INVENTORY"
        } else {
            "copy the file of the API server that can read all secrets to the others"
        };
        return Err(Problem::new(
            Exit::Preflight,
            format!("{first} and {other} have different encryption configurations"),
        )
        .cause(format!("sha256sum {} differs", paths::ENCRYPTION))
        .next(next));
    }
    if lack == 0 { Ok(Source::Everywhere) } else { Ok(Source::ReadFrom((*first).clone())) }
}

/// A rotation of the key that was begun and has not come to its end.
pub fn under_way(site: Site<'_>) -> Option<Journal> {
    site.cluster.control_planes().find_map(|host| site.facts.rotation(&host.name))
}

/// Hands the configuration back as the value `config`.
pub fn read() -> Script {
    Script::new(format!("emit config <{}", quote(paths::ENCRYPTION)))
}

/// A new configuration with a new key, named after the day (`20261123`).
///
/// # Errors
/// No randomness, or the template does not render.
pub fn generate(site: Site<'_>, day: &str) -> Result<Secret, Problem> {
    let key = key_name(day)
        .and_then(EncryptionKey::generate)
        .map_err(|error| Problem::new(Exit::Failed, "no encryption key could be made").cause(error))?;
    encryption_config(site.templates, &site.cluster.security.encryption, &key).map_err(super::unrendered)
}
