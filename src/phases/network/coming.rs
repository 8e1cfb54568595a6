//! The conversation in which a pod network is applied and comes up: each stage is gone through when the one before is done, and
//! when one does not end the user reads why.

use std::collections::VecDeque;

use super::waiting::Patience;
use crate::error::{Exit, Problem};
use crate::host::Script;
use crate::inventory::NodeName;
use crate::kube::tigera::{self, Verdict};
use crate::kube::trouble::Troubles;
use crate::kube::workload::{self, Workload};
use crate::plan::{Heard, Talk, Turn};
use crate::report::Outcome;

/// The value in which a stage hands back which objects it has applied: a line `KIND NAMESPACE NAME` for each.
pub(super) const OBJECTS: &str = "objects";

/// So many looks at the operator's word go with one at all pods: a kubectl takes a tenth of a second of a core to start, and a
/// small control plane has little to spare while its network comes up.
const CLOSELY: usize = 3;

/// One stage.
pub(super) enum Stage {
    /// Runs something that ends by itself.
    Run(Script),
    /// Waits for these.
    Workloads(Vec<Workload>),
    /// Waits for the DaemonSets among what the stage before has applied. A network that is brought by an operator of its own
    /// has none there: that its nodes become ready is looked at by the verification.
    DaemonSetsThatWereApplied,
    /// Waits for the operator's word that Calico of this version is available.
    Tigera {
        /// Without the leading `v`.
        version: String,
    },
}

/// The conversation.
pub(super) struct Coming {
    server: NodeName,
    left: VecDeque<Stage>,
    current: Option<Stage>,
    patience: Patience,
    /// How often the current stage was looked at, and what was found when it was looked at closely last.
    looks: usize,
    troubles: Troubles,
    warnings: Vec<String>,
}

/// What a look at the current stage means.
enum Seen {
    Done,
    /// Not yet; with what is missing, and, when that is the operator's word, how sure it is.
    Missing(String, Option<tigera::Cause>),
}

impl Coming {
    pub(super) fn of(server: NodeName, stages: Vec<Stage>) -> Self {
        Self {
            server,
            left: stages.into(),
            current: None,
            patience: Patience::default(),
            looks: 0,
            troubles: Troubles::default(),
            warnings: Vec::new(),
        }
    }

    /// The next stage, with what the last one has handed back.
    fn advance(&mut self, heard: &Heard) -> Turn {
        self.patience = Patience::default();
        (self.looks, self.troubles) = (0, Troubles::default());
        self.current = match self.left.pop_front() {
            Some(Stage::DaemonSetsThatWereApplied) => match daemon_sets(&heard.text(OBJECTS)) {
                found if found.is_empty() => return self.advance(&Heard::default()),
                found => Some(Stage::Workloads(found)),
            },
            other => other,
        };
        match &self.current {
            Some(stage) => Turn::Run(look(stage, self.looks)),
            None if self.warnings.is_empty() => Turn::Done(Outcome::Done),
            None => Turn::Done(Outcome::Warned { what: self.warnings.join("; ") }),
        }
    }

    fn not_applied(&self, heard: &Heard) -> Problem {
        Problem::new(Exit::Failed, format!("{}: the pod network could not be applied", self.server))
            .cause(heard.tail())
            .next("fix the cause and run the same command again")
    }
}

impl Talk for Coming {
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem> {
        let Some(heard) = heard else { return Ok(self.advance(&Heard::default())) };
        self.warnings.extend(heard.warnings.iter().cloned());
        if !heard.well {
            return Err(self.not_applied(&heard));
        }
        let Some(stage) = &self.current else { return Ok(Turn::Done(Outcome::Done)) };
        let (missing, cause) = match seen(stage, &heard) {
            Seen::Done => return Ok(self.advance(&heard)),
            Seen::Missing(missing, cause) => (missing, cause),
        };
        if is_close(stage, self.looks) {
            self.troubles = Troubles::of(&heard.values);
        }
        let now = heard.text("now").trim().parse().unwrap_or_default();
        let degraded = cause.map(|cause| (missing.as_str(), cause));
        let lasts = self.patience.ends(now, self.troubles.are_hopeless());
        if self.patience.ends_degraded(now, degraded) || lasts {
            return Err(does_not_come_up(&missing, cause, &self.troubles));
        }
        self.looks += 1;
        Ok(Turn::Run(look(stage, self.looks)))
    }
}

fn is_close(stage: &Stage, looks: usize) -> bool {
    !matches!(stage, Stage::Tigera { .. }) || looks % CLOSELY == CLOSELY - 1
}

fn look(stage: &Stage, looks: usize) -> Script {
    match stage {
        Stage::Run(script) => script.clone(),
        Stage::Workloads(workloads) => workload::look(workloads),
        Stage::Tigera { .. } => tigera::look(is_close(stage, looks)),
        // Has become a list of names before it is looked at.
        Stage::DaemonSetsThatWereApplied => Script::default(),
    }
}

fn seen(stage: &Stage, heard: &Heard) -> Seen {
    match stage {
        Stage::Run(_) | Stage::DaemonSetsThatWereApplied => Seen::Done,
        Stage::Workloads(workloads) => {
            let object = |number: usize| {
                serde_json::from_str(&heard.text(&format!("workload{number}"))).unwrap_or(serde_json::Value::Null)
            };
            let missing = workloads.iter().enumerate().filter_map(|(number, one)| one.missing(&object(number)));
            let missing: Vec<String> = missing.collect();
            if missing.is_empty() { Seen::Done } else { Seen::Missing(missing.join("\n"), None) }
        }
        Stage::Tigera { version } => match tigera::verdict(&heard.text("tigera"), version) {
            Verdict::Available => Seen::Done,
            Verdict::Waiting(missing) => Seen::Missing(missing, None),
            Verdict::Degraded { words, cause } => Seen::Missing(words, Some(cause)),
        },
    }
}

/// The operator's own word comes first when it refuses something; otherwise the pods know more than what waits for them.
fn does_not_come_up(missing: &str, cause: Option<tigera::Cause>, troubles: &Troubles) -> Problem {
    let words = troubles.words();
    let refused = cause == Some(tigera::Cause::Refused);
    let lines = if refused { [missing, &words] } else { [words.as_str(), missing] };
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let next = if refused || troubles.is_empty() {
        "fix the cause and run the same command again; to look: kubectl get pods -A and kubectl get events -A"
            .to_owned()
    } else {
        troubles.advice()
    };
    Problem::new(Exit::Failed, "the pod network does not come up").cause(lines.join("\n")).next(next)
}

/// Lines `KIND NAMESPACE NAME`.
fn daemon_sets(text: &str) -> Vec<Workload> {
    let words = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["DaemonSet", namespace, name] => Some(Workload::daemon_set(namespace, name)),
        _ => None,
    };
    text.lines().filter_map(words).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::Secret;

    fn coming(stages: Vec<Stage>) -> Coming {
        Coming::of(NodeName::new("cp1").unwrap(), stages)
    }

    fn heard(values: &[(&str, &str)]) -> Option<Heard> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        Some(Heard { well: true, values, ..Heard::default() })
    }

    fn runs(turn: Result<Turn, Problem>) -> String {
        match turn {
            Ok(Turn::Run(script)) => script.text().to_owned(),
            Ok(_) => "the end".to_owned(),
            Err(problem) => problem.to_string(),
        }
    }

    const NODE: &str = r#"{"kind": "DaemonSet", "metadata": {"generation": 1}, "status": {"observedGeneration": 1,
        "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberReady": 1, "numberAvailable": 1}}"#;

    #[test]
    fn the_daemon_sets_of_the_users_manifests_are_waited_for_by_name() {
        let mut talk = coming(vec![Stage::Run(Script::new("apply")), Stage::DaemonSetsThatWereApplied]);
        assert_eq!(runs(talk.next(None)), "apply");
        let objects = "ServiceAccount  kube-system  net\nDaemonSet kube-system net\nClusterRole <none> net\n";
        let look = runs(talk.next(heard(&[(OBJECTS, objects)])));
        assert!(look.contains("kubectl -n kube-system rollout status daemonset/net"), "{look}");
        assert_eq!(runs(talk.next(heard(&[("workload0", "{}"), ("now", "1000\n")]))), look);
        assert_eq!(runs(talk.next(heard(&[("workload0", NODE), ("now", "1005\n")]))), "the end");

        let mut talk = coming(vec![
            Stage::Run(Script::new("apply")),
            Stage::DaemonSetsThatWereApplied,
            Stage::Run(Script::new("record")),
        ]);
        talk.next(None).ok().unwrap();
        assert_eq!(runs(talk.next(heard(&[(OBJECTS, "Deployment net operator")]))), "record");
    }

    #[test]
    fn five_minutes_without_a_pod_say_what_was_waited_for() {
        let mut talk = coming(vec![Stage::Workloads(vec![Workload::daemon_set("kube-system", "net")])]);
        talk.next(None).ok().unwrap();
        talk.next(heard(&[("now", "1000")])).ok().unwrap();
        assert_eq!(
            runs(talk.next(heard(&[("now", "1300")]))),
            "the pod network does not come up\n  cause: DaemonSet kube-system/net: does not exist\n  next:  fix the cause and run \
             the same command again; to look: kubectl get pods -A and kubectl get events -A"
        );
    }

    #[test]
    fn a_refused_installation_is_in_the_operators_words() {
        let refusal = json!({"items": [
            {"kind": "Installation", "metadata": {"name": "default", "generation": 1}},
            {"kind": "TigeraStatus", "metadata": {"name": "calico"}, "status": {"conditions": [{"type": "Degraded",
                "status": "True", "observedGeneration": 1, "reason": "InvalidConfigurationError", "message": "no BGP"}]}},
        ]})
        .to_string();
        let mut talk = coming(vec![Stage::Tigera { version: "3.32.1".to_owned() }]);
        let look = runs(talk.next(None));
        assert_eq!(runs(talk.next(heard(&[("tigera", &refusal), ("now", "1000")]))), look);
        let end = runs(talk.next(heard(&[("tigera", &refusal), ("now", "1030")])));
        assert!(end.contains("  cause: calico: InvalidConfigurationError: no BGP\n"), "{end}");
    }

    #[test]
    fn pods_are_looked_at_now_and_then_and_what_was_found_stays() {
        let pods = json!({"items": [{"metadata": {"name": "calico-node-1"}, "status": {"containerStatuses": [{"name": "node",
            "image": "node:v1", "ready": false, "state": {"waiting": {"reason": "ErrImagePull", "message": "gone"}}}]}}]})
        .to_string();
        let mut talk = coming(vec![Stage::Tigera { version: "3.32.1".to_owned() }]);
        let mut closely = vec![runs(talk.next(None)).contains("gather calico-system")];
        for now in ["1000", "1003"] {
            closely.push(runs(talk.next(heard(&[("now", now)]))).contains("gather calico-system"));
        }
        assert_eq!(closely, [false, false, true]);
        let mut turn = talk.next(heard(&[("now", "1006"), ("pods.calico-system", &pods)]));
        for now in ["1012", "1018", "1026"] {
            assert!(turn.is_ok());
            turn = talk.next(heard(&[("now", now), ("pods.calico-system", &pods)]));
        }
        let end = runs(turn);
        assert!(
            end.contains("cause: calico-system/calico-node-1 container node (node:v1): ErrImagePull: gone\n"),
            "{end}"
        );
    }

    #[test]
    fn what_could_not_be_applied_is_in_kubectls_words() {
        let mut talk = coming(vec![Stage::Run(Script::new("apply"))]);
        talk.next(None).ok().unwrap();
        let end = runs(talk.next(Some(Heard { lines: vec!["error: no such kind".to_owned()], ..Heard::default() })));
        assert!(end.starts_with("cp1: the pod network could not be applied\n  cause: error: no such kind"), "{end}");
    }
}
