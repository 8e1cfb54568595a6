//! `forge certs list`: every certificate of every node, from the hosts alone.

use crate::actions::Run;
use crate::error::{Exit, Problem};
use crate::inventory::cluster::Host;
use crate::kube::pki::{Node, Place, days_left, notes};
use crate::phases::certificates::{names, probes, seen};
use crate::report::{Event, ListedCertificate};

/// Tells of each certificate. The exit code is that of a failed verification when one ends within `warn_days`.
///
/// # Errors
/// A host did not answer.
pub async fn list(run: &mut Run, warn_days: u32) -> Result<Exit, Problem> {
    run.connect().await?;
    let observed = run.survey(|host| Ok(probes(host)), false).await?;
    let nodes = seen(&run.cluster, &observed);
    let mut soon = false;
    for host in &run.cluster.hosts {
        let Some(node) = nodes.get(&host.name) else { continue };
        let names = names(host, node, &run.cluster, &run.templates)?;
        for place in Place::of(host.is_control_plane()) {
            let notes = notes(node, place, &names);
            if node.certificate(place).is_none() && notes.is_empty() {
                continue;
            }
            let listed = describe(host, node, place, notes);
            soon |= listed.days_left.is_some_and(|days| days <= i64::from(warn_days));
            run.tell_of(Event::Certificate(listed));
        }
    }
    if !soon {
        return Ok(Exit::Done);
    }
    Err(Problem::new(Exit::Verification, format!("certificates end within {warn_days} days"))
        .next("forge certs renew INVENTORY"))
}

fn describe(host: &Host, node: &Node, place: &Place, notes: Vec<String>) -> ListedCertificate {
    let certificate = node.certificate(place);
    // What is served may be older than the file, and then it is what ends first.
    let ends = certificate.into_iter().chain(node.serves(place)).min_by_key(|one| one.not_after);
    ListedCertificate {
        host: host.name.clone(),
        name: place.name.to_owned(),
        path: place.path.to_owned(),
        subject: certificate.map(|one| one.subject.clone()).unwrap_or_default(),
        issuer: certificate.map(|one| one.issuer.clone()).unwrap_or_default(),
        sans: certificate.map(|one| one.sans.clone()).unwrap_or_default(),
        key: certificate.map(|one| one.key.clone()).unwrap_or_default(),
        serial: certificate.map(|one| one.serial.clone()).unwrap_or_default(),
        not_after: ends.map(|one| one.not_after),
        days_left: ends.map(|one| days_left(one, node.now)),
        port: place.port.map(|(port, _)| port),
        served_serial: node.serves(place).map(|one| one.serial.clone()),
        notes,
    }
}
