//! `forge certs renew`: new certificates on every node, the API never stopped, or a cluster whose certificates have all
//! expired brought back.

use std::collections::BTreeMap;
use std::path::Path;

use super::settled;
use crate::actions::{Run, join_secrets, kubeconfig};
use crate::error::{Exit, Problem};
use crate::kube::pki::Wanted;
use crate::kube::staged::Staged as _;
use crate::phases::certificates::{Proofs, Renewal, ca, ended, pending, plan, probes, rotation};
use crate::phases::preflight::Finding;
use crate::phases::verify::Evidence;

/// Runs the whole command. The kubeconfig in the file `refreshed` gets the administrator's new certificate.
///
/// # Errors
/// Whatever stopped it; what was done by then stays done.
pub async fn renew(run: &mut Run, wanted: &Wanted, refreshed: Option<&Path>) -> Result<Exit, Problem> {
    refreshed.map(|file| kubeconfig::to_refresh(run, file)).transpose()?;
    run.connect().await?;
    let (observed, nodes) = settled(run, probes, true).await?;
    let under_way = observed.values().find_map(rotation).map(|journal| {
        let what = "a rotation of the authorities was begun and is not finished";
        Finding::told(what, journal.stage.words(), "forge certs rotate-ca INVENTORY")
    });
    run.refuse(under_way.into_iter().chain(ended(&run.cluster, &nodes)).collect())?;
    let secrets = join_secrets()?;
    let proofs = Proofs::default();
    let plan = plan(Renewal {
        cluster: &run.cluster,
        templates: &run.templates,
        nodes: &nodes,
        ca: ca(&run.cluster, &observed),
        pending: &pending(&run.cluster, &observed),
        installations: &BTreeMap::new(),
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
