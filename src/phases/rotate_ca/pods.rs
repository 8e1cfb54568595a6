//! Pods that talk to the API server read its authority when they start, so those that are older than what it is now start anew.

use std::collections::{BTreeMap, BTreeSet};

use super::publish;
use crate::error::{Exit, Problem};
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::Host;
use crate::phases::id;
use crate::plan::{Heard, Step, Talk, Turn, Work};
use crate::report::Outcome;

/// The step's name.
pub(super) const STEP: &str = "authorities-pods";

/// Workloads that start anew at the same time.
const TOGETHER: usize = 8;

/// A pod's line, where a volume or one of its sources is that ConfigMap.
macro_rules! pod {
    () => {
        r#"{{with .configMap}}{{if eq .name "kube-root-ca.crt"}}pod {{$p.metadata.namespace}} {{$p.metadata.name}} {{$p.metadata.creationTimestamp}} {{$p.status.phase}}{{range $p.metadata.ownerReferences}} {{.kind}} {{.name}}{{end}}{{"\n"}}{{end}}{{end}}"#
    };
}

/// Lines: `root NAMESPACE TIME…` for each `kube-root-ca.crt` and the times at which it was written, `set NAMESPACE NAME KIND
/// OWNER` for each ReplicaSet, `pod NAMESPACE NAME MADE PHASE KIND OWNER` for each pod that mounts a `kube-root-ca.crt`, alone or
/// with its token. Pods on their way out do not count.
const LIST: &str = concat!(
    r#"{
kubectl get configmaps -A --field-selector metadata.name=kube-root-ca.crt -o go-template='{{range .items}}root {{.metadata.namespace}} {{.metadata.creationTimestamp}}{{range .metadata.managedFields}} {{.time}}{{end}}{{"\n"}}{{end}}'
kubectl get replicasets -A -o go-template='{{range .items}}{{$s := .metadata}}{{range .metadata.ownerReferences}}set {{$s.namespace}} {{$s.name}} {{.kind}} {{.name}}{{"\n"}}{{end}}{{end}}'
kubectl get pods -A -o go-template='{{range .items}}{{$p := .}}{{if not .metadata.deletionTimestamp}}{{range .spec.volumes}}"#,
    pod!(),
    r#"{{with .projected}}{{range .sources}}"#,
    pod!(),
    r#"{{end}}{{end}}{{end}}{{end}}{{end}}'
} >"$FORGE.pods"
emit pods <"$FORGE.pods""#
);

/// The step, on one control plane. `all` has to start anew, or the step fails; otherwise what did not is told of.
pub(super) fn step(server: &Host, all: bool) -> Step {
    Step {
        id: id(server, STEP),
        title: "pods that talk to the API server started anew".to_owned(),
        runs_on: server.name.clone(),
        needs: vec![id(server, publish::STEP)],
        after: Vec::new(),
        changes: vec![Difference::new(
            "Deployments, DaemonSets and StatefulSets whose pods read kube-root-ca.crt: rollout restart",
        )],
        work: Work::Talk(Box::new(Rolling { server: server.name.to_string(), all, rolled: BTreeSet::new() })),
    }
}

struct Rolling {
    server: String,
    all: bool,
    rolled: BTreeSet<Workload>,
}

/// Namespace, kind and name.
type Workload = (String, String, String);

/// A pod that is older than the authority it should trust, and what would start it anew.
#[derive(Debug, PartialEq, Eq)]
struct Old {
    name: String,
    workload: Option<Workload>,
}

impl Talk for Rolling {
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem> {
        // Kubelets hear of a ConfigMap within a moment; times have whole seconds.
        let Some(heard) = heard else { return Ok(Turn::Run(Script::new("sleep 3").line(LIST))) };
        if !heard.well {
            return Err(Problem::new(Exit::Failed, format!("{}: pods did not start anew", self.server))
                .cause(heard.tail())
                .next("mend the workload, or scale it to zero, and run the same command again"));
        }
        let old = old(&heard.text("pods"));
        let due: BTreeSet<Workload> = old.iter().filter_map(|pod| pod.workload.clone()).collect();
        let due: Vec<Workload> = due.difference(&self.rolled).take(TOGETHER).cloned().collect();
        if !due.is_empty() {
            self.rolled.extend(due.iter().cloned());
            return Ok(Turn::Run(roll(&due)));
        }
        if old.is_empty() {
            return Ok(Turn::Done(Outcome::Done));
        }
        let names = old.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>().join(", ");
        if !self.all {
            return Ok(Turn::Done(Outcome::Warned {
                what: format!("until they start anew these trust the old authority: {names}"),
            }));
        }
        Err(Problem::new(Exit::Verification, "pods do not trust the new authority yet, and the old one stays")
            .cause(format!("nothing starts these anew: {names}"))
            .next("delete them, or wait for jobs to end, and run the same command again"))
    }
}

fn roll(workloads: &[Workload]) -> Script {
    let words = |verb: &str, more: &str| {
        let line = |(namespace, kind, name): &Workload| {
            let what = quote(&format!("{}/{name}", kind.to_lowercase()));
            format!("kubectl -n {} rollout {verb} {what}{more} >/dev/null\n", quote(namespace))
        };
        workloads.iter().map(line).collect::<String>()
    };
    Script::new(words("restart", "") + &words("status", " --timeout=1800s")).line(LIST)
}

fn old(list: &str) -> Vec<Old> {
    let (mut written, mut owners, mut pods) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for line in list.lines() {
        match *line.split(' ').collect::<Vec<_>>() {
            ["root", namespace, ref times @ ..] => drop(written.insert(namespace, times.iter().copied().max())),
            ["set", namespace, name, kind, owner] => drop(owners.insert((namespace, name), (kind, owner))),
            ["pod", namespace, name, made, phase, ref owner @ ..] if !matches!(phase, "Succeeded" | "Failed") => {
                drop(pods.insert((namespace, name), (made, owner.to_vec())));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for ((namespace, name), (made, owner)) in pods {
        // Times are of one form, in UTC.
        if written.get(namespace).copied().flatten().is_some_and(|written| made > written) {
            continue;
        }
        let owner = match owner.as_slice() {
            ["ReplicaSet", set] => owners.get(&(namespace, *set)).copied(),
            [kind, name] => Some((*kind, *name)),
            _ => None,
        };
        let owner = owner.filter(|(kind, _)| matches!(*kind, "Deployment" | "DaemonSet" | "StatefulSet"));
        let workload = owner.map(|(kind, owner)| (namespace.to_owned(), kind.to_owned(), owner.to_owned()));
        found.push(Old { name: format!("{namespace}/{name}"), workload });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const LISTED: &str = "\
root default 2026-11-20T00:00:00Z 2026-11-25T01:00:00Z
root kube-system 2026-11-20T00:00:00Z 2026-11-20T00:00:00Z 2026-11-25T01:00:00Z
set kube-system coredns-5d8 Deployment coredns
pod kube-system coredns-5d8-a 2026-11-20T00:00:00Z Running ReplicaSet coredns-5d8
pod kube-system coredns-5d8-b 2026-11-25T01:00:01Z Running ReplicaSet coredns-5d8
pod kube-system kube-proxy-x 2026-11-25T01:00:00Z Running DaemonSet kube-proxy
pod default once 2026-11-20T00:00:00Z Succeeded Job once
pod default bare 2026-11-20T00:00:00Z Running
pod gone left 2026-11-20T00:00:00Z Pending Job left";

    fn heard(list: &str) -> Option<Heard> {
        let values = [("pods".to_owned(), Secret::new(list))].into();
        Some(Heard { well: true, values, ..Heard::default() })
    }

    fn script(turn: Result<Turn, Problem>) -> String {
        match turn {
            Ok(Turn::Run(script)) => script.text().replace(LIST, "LIST"),
            Ok(Turn::Done(outcome)) => format!("{outcome:?}"),
            Ok(_) => panic!("it logs in, or gives up"),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn pods_that_are_not_newer_than_the_authority_are_old() {
        let old: Vec<String> = old(LISTED)
            .into_iter()
            .map(|pod| {
                format!(
                    "{} {}",
                    pod.name,
                    pod.workload.map_or("alone".to_owned(), |(_, kind, name)| format!("{kind}/{name}"))
                )
            })
            .collect();
        let expected = [
            "default/bare alone",
            "gone/left alone",
            "kube-system/coredns-5d8-a Deployment/coredns",
            "kube-system/kube-proxy-x DaemonSet/kube-proxy",
        ];
        assert_eq!(old, expected);
    }

    #[test]
    fn each_workload_is_started_anew_once_and_what_is_left_is_named() {
        let mut talk = Rolling { server: "cp1".to_owned(), all: true, rolled: BTreeSet::new() };
        assert_eq!(script(talk.next(None)), "sleep 3\nLIST");
        assert_eq!(
            script(talk.next(heard(LISTED))),
            "kubectl -n kube-system rollout restart daemonset/kube-proxy >/dev/null\n\
             kubectl -n kube-system rollout restart deployment/coredns >/dev/null\n\
             kubectl -n kube-system rollout status daemonset/kube-proxy --timeout=1800s >/dev/null\n\
             kubectl -n kube-system rollout status deployment/coredns --timeout=1800s >/dev/null\nLIST"
        );
        let left = script(talk.next(heard(LISTED)));
        assert!(
            left.contains("nothing starts these anew: default/bare, gone/left, kube-system/coredns-5d8-a"),
            "{left}"
        );
        assert_eq!(script(talk.next(heard("root default 2026-11-20T00:00:00Z"))), "Done");
    }
}
