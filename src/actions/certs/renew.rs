//! `forge certs renew`: new certificates on every node, the API never stopped, or a cluster whose certificates have all
//! expired brought back.

use std::path::Path;

use crate::actions::{Run, kubeconfig};
use crate::error::{Exit, Problem};
use crate::kube::JoinSecrets;
use crate::kube::pki::Wanted;
use crate::phases::certificates::{Proofs, Renewal, pending, plan, probes, seen};
use crate::phases::verify::Evidence;

/// Runs the whole command. The kubeconfig in the file `refreshed` gets the administrator's new certificate.
///
/// # Errors
/// Whatever stopped it; what was done by then stays done.
pub async fn renew(run: &mut Run, wanted: &Wanted, refreshed: Option<&Path>) -> Result<Exit, Problem> {
    run.connect().await?;
    let observed = run.survey(|host| Ok(probes(host)), true).await?;
    let nodes = seen(&run.cluster, &observed);
    let secrets =
        JoinSecrets::generate().map_err(|error| Problem::new(Exit::Failed, "no token could be made").cause(error))?;
    let ca =
        run.cluster.control_planes().find_map(|host| observed.get(&host.name)?.get("certificate/ca").split_once('\n'));
    let proofs = Proofs::default();
    let plan = plan(Renewal {
        cluster: &run.cluster,
        templates: &run.templates,
        nodes: &nodes,
        ca: ca.map_or("", |(_, pem)| pem),
        pending: &pending(&run.cluster, &observed),
        wanted,
        secrets: &secrets,
        proofs: &proofs,
    })?;
    if !plan.is_empty() {
        run.confirm(&plan)?;
        let exit = run.execute(plan).await;
        let proofs: Vec<Evidence> = proofs.lock().map(|proofs| proofs.clone()).unwrap_or_default();
        run.show(&proofs);
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    match refreshed {
        Some(file) => kubeconfig::refresh(run, file).await,
        None => Ok(Exit::Done),
    }
}
