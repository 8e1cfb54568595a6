//! The short-lived token with which workers' kubelets ask for a client certificate.

use super::job::Job;
use super::{Renewal, kubelet};
use crate::error::Problem;
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::Host;
use crate::kube::pki::Keeper;
use crate::phases::id;
use crate::plan::{Step, StepId, Work};

/// The name of the step that makes it.
pub(super) const CREATE: &str = "certs-token";
/// The name of the step that deletes it.
const DELETE: &str = "certs-token-deleted";

/// The control plane that speaks for the cluster.
pub(super) fn server(renewal: Renewal<'_>) -> Option<&Host> {
    let joined = |host: &&Host| renewal.nodes.get(&host.name).is_some_and(|node| node.files.contains_key("ca"));
    renewal.cluster.control_planes().find(joined)
}

fn is_needed(jobs: &[Job<'_>]) -> bool {
    jobs.iter().any(|job| !job.host.is_control_plane() && job.is_due(Keeper::KubeletClient))
}

/// The step that makes it, when a worker needs it; after `before`.
pub(super) fn create(jobs: &[Job<'_>], renewal: Renewal<'_>, before: &[StepId]) -> Result<Option<Step>, Problem> {
    let Some(server) = server(renewal).filter(|_| is_needed(jobs)) else { return Ok(None) };
    let script = Script::new("kubeadm token create --config \"$FORGE/config\" >/dev/null");
    Ok(Some(Step {
        id: id(server, CREATE),
        title: "token for the kubelets".to_owned(),
        runs_on: server.name.clone(),
        needs: before.to_vec(),
        after: Vec::new(),
        changes: vec![Difference::new("bootstrap token: create for an hour")],
        work: Work::Changes(script.file("config", renewal.config(server)?)),
    }))
}

/// The step that deletes it, whatever became of the kubelets.
pub(super) fn delete(jobs: &[Job<'_>], renewal: Renewal<'_>) -> Option<Step> {
    let server = server(renewal).filter(|_| is_needed(jobs))?;
    let name = quote(&format!("bootstrap-token-{}", renewal.secrets.token_id()));
    Some(Step {
        id: id(server, DELETE),
        title: "token deleted".to_owned(),
        runs_on: server.name.clone(),
        needs: vec![id(server, CREATE)],
        after: jobs.iter().map(|job| id(job.host, kubelet::STEP)).collect(),
        changes: vec![Difference::new("bootstrap token of this run: delete")],
        work: Work::Changes(Script::new(format!("kubectl -n kube-system delete secret {name} --ignore-not-found"))),
    })
}
