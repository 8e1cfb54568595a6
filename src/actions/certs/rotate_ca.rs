//! `forge certs rotate-ca`: new authorities for the whole cluster, in three stages, each proven on every node before the next.

use std::collections::BTreeMap;
use std::path::Path;

use super::settled;
use crate::actions::{Run, join_secrets, kubeconfig};
use crate::error::{Exit, Problem};
use crate::host::Observed;
use crate::inventory::NodeName;
use crate::kube::pki::{Node, Wanted};
use crate::kube::staged::{Staged as _, whereabouts};
use crate::phases::certificates::{Proofs, Renewal, ca, pending};
use crate::phases::preflight::Finding;
use crate::phases::rotate_ca::{self, Rotation, Seen, Stage};
use crate::plan::Plan;

/// Runs the whole command up to and including a stage. The kubeconfig in the file `refreshed` is kept good meanwhile.
///
/// # Errors
/// Whatever stopped it; the cluster works wherever it stopped.
pub async fn rotate_ca(run: &mut Run, until: Stage, refreshed: Option<&Path>) -> Result<Exit, Problem> {
    refreshed.map(|file| kubeconfig::to_refresh(run, file)).transpose()?;
    run.connect().await?;
    let mut look = Look::take(run, true).await?;
    let first = look.rotation.first;
    run.refuse(begun(&look.rotation).into_iter().collect())?;
    for stage in Stage::DONE.into_iter().filter(|stage| (first..=until).contains(stage)) {
        let mut asked = false;
        let plan = look.plan(run, |renewal| rotate_ca::nodes(renewal, &look.rotation, stage))?;
        carry_out(run, plan, &mut asked).await?;
        look = Look::take(run, false).await?;
        if stage == Stage::Sign {
            let plan = look.plan(run, |renewal| rotate_ca::kubelets(renewal, &look.rotation))?;
            carry_out(run, plan, &mut asked).await?;
            look = Look::take(run, false).await?;
        }
        look.prove(run, stage)?;
        if stage != Stage::Sign {
            carry_out(run, rotate_ca::cluster(&run.cluster, &look.rotation, stage), &mut asked).await?;
        }
        if let Some(file) = refreshed {
            kubeconfig::refresh(run, file).await?;
        }
    }
    if until == Stage::Remove {
        carry_out(run, rotate_ca::forget(&run.cluster), &mut true).await?;
    }
    if refreshed.is_none() {
        run.refuse(outdated(until).into_iter().collect())?;
    }
    Ok(Exit::Done)
}

/// Shows a plan, asks once a stage, and runs it.
async fn carry_out(run: &mut Run, plan: Plan, asked: &mut bool) -> Result<(), Problem> {
    if plan.is_empty() {
        return Ok(());
    }
    if *asked {
        run.show_plan(&plan)
    } else {
        run.confirm(&plan)?
    }
    *asked = true;
    match run.execute(plan).await {
        Exit::Done => Ok(()),
        exit => Err(Problem::new(exit, "the rotation of the authorities is not finished")
            .cause("what stopped it is told above; until it is finished old and new authorities are trusted")
            .next("mend the cause and run the same command again: it goes on where it is")),
    }
}

/// What all nodes have answered, and what that means.
struct Look {
    observed: BTreeMap<NodeName, Observed>,
    nodes: BTreeMap<NodeName, Node>,
    seen: BTreeMap<NodeName, Seen>,
    rotation: Rotation,
}

impl Look {
    async fn take(run: &mut Run, lock: bool) -> Result<Self, Problem> {
        let (observed, nodes) = settled(run, rotate_ca::probes, lock).await?;
        let answers = run.cluster.hosts.iter().filter_map(|host| Some((host, observed.get(&host.name)?)));
        let seen_of: BTreeMap<NodeName, Seen> =
            answers.map(|(host, answers)| (host.name.clone(), Seen::parse(host, answers))).collect();
        let rotation = match rotate_ca::judge(&run.cluster, &seen_of) {
            Ok(rotation) => rotation,
            Err(findings) => {
                run.refuse(findings)?;
                return Err(Problem::new(Exit::Preflight, "there is no control plane"));
            }
        };
        Ok(Self { nodes, observed, seen: seen_of, rotation })
    }

    /// A plan of the machine that renews certificates.
    fn plan(&self, run: &Run, make: impl FnOnce(Renewal<'_>) -> Result<Plan, Problem>) -> Result<Plan, Problem> {
        let secrets = join_secrets()?;
        make(Renewal {
            cluster: &run.cluster,
            templates: &run.templates,
            nodes: &self.nodes,
            ca: ca(&run.cluster, &self.observed),
            pending: &pending(&run.cluster, &self.observed),
            installations: &BTreeMap::new(),
            wanted: &Wanted::default(),
            secrets: &secrets,
            proofs: &Proofs::default(),
        })
    }

    fn prove(&self, run: &Run, stage: Stage) -> Result<(), Problem> {
        let rows = rotate_ca::proof(&run.cluster, &self.seen, &self.rotation, stage);
        run.show(&rows);
        let failed = rows.iter().filter(|row| !row.passed).map(|row| format!("{}: {}", row.check, row.found));
        let failed: Vec<String> = failed.collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(Problem::new(Exit::Verification, format!("not every node is as far as this: {}", stage.words()))
            .cause(failed.join("\n"))
            .next("mend the cause and run the same command again: the next stage begins when every node is there"))
    }
}

fn begun(rotation: &Rotation) -> Option<Finding> {
    rotation.journal.as_ref()?;
    let cause = whereabouts("node", rotation.at.values().copied());
    Some(Finding::told("a rotation of the authorities was begun: this run goes on with it", cause, ""))
}

/// Who has a kubeconfig of his own has to be told.
fn outdated(until: Stage) -> Option<Finding> {
    let what = match until {
        Stage::Start => return None,
        Stage::Trust | Stage::Sign => "kubeconfigs that were fetched before do not know the new authority",
        Stage::Remove => "kubeconfigs that were fetched before the rotation do not work any more",
    };
    let cause = "they name the old authority, or were signed by it; those of forge kubeconfig --user too";
    Some(Finding::told(what, cause, "forge kubeconfig INVENTORY --merge"))
}
