//! `kubeadm certs renew`, and what it cannot do: other names, and files that are not there.

use super::Renewal;
use super::job::Job;
use crate::error::Problem;
use crate::host::{Difference, Script, quote};
use crate::kube::pki::{Due, Keeper, Place};
use crate::kube::{TWO_AUTHORITIES, paths};
use crate::phases::id;
use crate::plan::{Step, Work};

/// The step's name.
pub(super) const STEP: &str = "certs-renew";

/// The step, when one of kubeadm's certificates is due. A configuration is always given: without one kubeadm asks the API
/// server and, when that does not answer, takes its own defaults for keys and lifetime.
pub(super) fn step(job: &Job<'_>, renewal: Renewal<'_>) -> Result<Option<Step>, Problem> {
    let due: Vec<&(&Place, Due)> = job.due.iter().filter(|(place, _)| place.keeper == Keeper::Kubeadm).collect();
    if due.is_empty() {
        return Ok(None);
    }
    let mut script = Script::new(TWO_AUTHORITIES).file("config", renewal.config(job.host)?);
    for (place, why) in &due {
        script = script.line(command(place, why));
        if place.path.ends_with(".conf") {
            script = script.line(format!("trust {} {}", quote(place.path), paths::CA));
        }
    }
    // kubeadm does not wait until they are on the disk.
    script = script.line("sync -f /etc/kubernetes");
    let changes = due.iter().map(|(place, why)| Difference::new(format!("certificate {}: renew ({why})", place.name)));
    Ok(Some(Step {
        id: id(job.host, STEP),
        title: "certificates renewed".to_owned(),
        runs_on: job.host.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes: changes.collect(),
        work: Work::Changes(script),
    }))
}

/// kubeadm keeps the names of a certificate that it renews, so one with other names is made anew.
fn command(place: &Place, why: &Due) -> String {
    let config = "--config \"$FORGE/config\"";
    if matches!(why, Due::Ends(_) | Due::Signer) {
        return format!("kubeadm certs renew {} {config}", place.name);
    }
    let remove = match place.path.strip_suffix(".crt") {
        Some(stem) => format!("rm -f {} {}", quote(place.path), quote(&format!("{stem}.key"))),
        None => format!("rm -f {}", quote(place.path)),
    };
    let phase = match place.name.strip_suffix(".conf") {
        Some(name) => format!("kubeconfig {name}"),
        None => format!("certs {}", place.name),
    };
    format!("{remove}\nkubeadm init phase {phase} {config}")
}
