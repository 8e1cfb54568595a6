//! The new authorities: made once, by kubeadm, on one control plane, and handed on in memory.

use std::collections::BTreeMap;

use super::judge::Rotation;
use crate::error::{Exit, Problem};
use crate::host::{Difference, Script};
use crate::inventory::cluster::Host;
use crate::kube::pki::rotation::{AUTHORITIES, Change, Journal, Stage};
use crate::kube::staged::FORMAT;
use crate::kube::{aside_config, certificates, paths};
use crate::phases::{certificates::Renewal, failed, id, unrendered};
use crate::plan::{Heard, Late, Step, once};
use crate::report::Outcome;
use crate::secret::Secret;

/// The step's name.
pub(super) const STEP: &str = "authorities-create";

/// The new authorities.
#[derive(Debug)]
pub(super) struct Made {
    /// The place of an authority → certificate in PEM, and key.
    pub(super) pairs: BTreeMap<&'static str, (String, Secret)>,
    /// What a rotation to them is.
    pub(super) journal: Journal,
}

/// The step. What an earlier run has made is taken: a rotation that has begun never gets other authorities.
///
/// # Errors
/// A template cannot be rendered.
pub(super) fn step(host: &Host, rotation: &Rotation, renewal: Renewal<'_>, made: &Late<Made>) -> Result<Step, Problem> {
    let folder = paths::AUTHORITIES;
    let unfinished = format!("{folder}.new");
    let version = renewal.nodes.get(&host.name).map_or("", |node| node.version.as_str());
    let config = aside_config(renewal.templates, renewal.cluster, host, version, &unfinished).map_err(unrendered)?;
    let mut script = Script::new(format!(
        "umask 077\nif [ ! -d {folder} ]; then\nrm -rf {unfinished}\nmkdir -p {unfinished}\n\
         for authority in ca etcd-ca front-proxy-ca; do kubeadm init phase certs \"$authority\" --config \"$FORGE/config\" >/dev/null; done\n\
         sync -f {unfinished}\nmv {unfinished} {folder}\nsync -f {folder}\nfi"
    ))
    .file("config", config);
    for (place, file) in AUTHORITIES {
        script = script.line(format!("emit {place} <{folder}/{file}.crt\nemit {place}-key <{folder}/{file}.key"));
    }
    let old: BTreeMap<&'static str, String> =
        rotation.old.iter().map(|(place, old)| (*place, old.certificate.fingerprint.clone())).collect();
    let made = made.clone();
    let (title, change) = match &rotation.journal {
        None => ("new authorities made", format!("new ca, etcd-ca and front-proxy-ca: make in {folder}")),
        Some(_) => ("new authorities read", format!("new ca, etcd-ca and front-proxy-ca: those in {folder}")),
    };
    Ok(Step {
        id: id(host, STEP),
        title: title.to_owned(),
        runs_on: host.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes: vec![Difference::new(change)],
        work: once(
            move || Ok(script),
            move |heard| {
                let all = read(heard, &old).ok_or_else(|| {
                    Problem::new(Exit::Failed, "the new authorities cannot be read")
                        .cause(format!("{folder} is not as forge makes it"))
                        .next(format!("as long as no node trusts them: rm -r {folder}, and run the same command again"))
                })?;
                let _ = made.set(all);
                Ok(Outcome::Done)
            },
            failed(host, "the new authorities could not be made"),
        ),
    })
}

fn read(heard: &Heard, old: &BTreeMap<&'static str, String>) -> Option<Made> {
    let (mut pairs, mut authorities) = (BTreeMap::new(), BTreeMap::new());
    for (place, _) in AUTHORITIES {
        let pem = heard.text(place);
        let key = heard.values.get(&format!("{place}-key")).filter(|key| !key.expose().is_empty())?;
        let to = certificates::parse(&pem).ok()?.pop()?.fingerprint;
        authorities.insert(place.to_owned(), Change { from: old.get(place)?.clone(), to });
        pairs.insert(place, (pem, key.clone()));
    }
    let forge = env!("CARGO_PKG_VERSION").to_owned();
    Some(Made { pairs, journal: Journal { format: FORMAT, forge, stage: Stage::Trust, authorities } })
}
