//! DaemonSets and Deployments that are waited for, by name: whether what is wanted of one now is what runs. Pure.

use serde_json::Value;

use crate::host::{Script, quote};
use crate::kube::trouble::GATHER;

/// What makes pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// A pod on every node that it is for.
    DaemonSet,
    /// So many pods.
    Deployment,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What it is.
    pub kind: WorkloadKind,
    /// Where it is.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Workload {
    /// A DaemonSet.
    pub fn daemon_set(namespace: &str, name: &str) -> Self {
        Self { kind: WorkloadKind::DaemonSet, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// A Deployment.
    pub fn deployment(namespace: &str, name: &str) -> Self {
        Self { kind: WorkloadKind::Deployment, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    fn resource(&self) -> String {
        let kind = match self.kind {
            WorkloadKind::DaemonSet => "daemonset",
            WorkloadKind::Deployment => "deployment",
        };
        quote(&format!("{kind}/{}", self.name))
    }

    /// What is still missing of it, given the object as the API server has it; `None` when nothing is. It compares as `kubectl
    /// rollout status` does (`pkg/polymorphichelpers/rollout_status.go` of kubectl): pods of an earlier version do not count,
    /// and neither does a status that is older than what is wanted.
    pub fn missing(&self, object: &Value) -> Option<String> {
        let Self { namespace, name, .. } = self;
        let kind = match self.kind {
            WorkloadKind::DaemonSet => "DaemonSet",
            WorkloadKind::Deployment => "Deployment",
        };
        let say = |words: String| Some(format!("{kind} {namespace}/{name}: {words}"));
        if object["kind"] != kind {
            return say("does not exist".to_owned());
        }
        let status = |key: &str| object["status"][key].as_i64().unwrap_or_default();
        if status("observedGeneration") < object["metadata"]["generation"].as_i64().unwrap_or_default() {
            return say("the change is not taken up yet".to_owned());
        }
        let (wanted, updated, available) = match self.kind {
            WorkloadKind::DaemonSet => {
                let wanted = status("desiredNumberScheduled");
                // Such a DaemonSet gets new pods only when someone deletes the old ones.
                let by_hand = object["spec"]["updateStrategy"]["type"] == "OnDelete";
                let updated = if by_hand { wanted } else { status("updatedNumberScheduled") };
                (wanted, updated, status("numberReady").min(status("numberAvailable")))
            }
            WorkloadKind::Deployment => {
                let wanted = object["spec"]["replicas"].as_i64().unwrap_or(1);
                (wanted, status("updatedReplicas"), status("availableReplicas"))
            }
        };
        if updated < wanted {
            return say(format!("{updated} of {wanted} pods are of the version that is wanted"));
        }
        if self.kind == WorkloadKind::Deployment && status("replicas") > updated {
            return say(format!("{} pods of an earlier version still run", status("replicas") - updated));
        }
        if available < wanted {
            return say(format!("{available} of {wanted} pods are ready"));
        }
        None
    }
}

/// Waits on the host for five seconds at most, or until all are there, and hands back each as `workload0`… When one is late it
/// hands back what [`super::Troubles`] reads, of the pods of all that are waited for.
pub fn look(workloads: &[Workload]) -> Script {
    let mut script = Script::new(format!("{GATHER}\nlate=0; patience=5"));
    for workload in workloads {
        let (space, resource) = (quote(&workload.namespace), workload.resource());
        script = script.line(format!(
            "{{ kubectl -n {space} wait --for=create {resource} --timeout=\"${{patience}}s\" && \
             kubectl -n {space} rollout status {resource} --timeout=\"${{patience}}s\"; }} >/dev/null 2>&1 || {{ late=1; patience=1; }}"
        ));
    }
    for (number, workload) in workloads.iter().enumerate() {
        let (space, resource) = (quote(&workload.namespace), workload.resource());
        script = script.line(format!(
            "{{ kubectl -n {space} get {resource} -o json --ignore-not-found 2>/dev/null || true; }} | emit workload{number}"
        ));
    }
    let mut spaces: Vec<&str> = workloads.iter().map(|workload| workload.namespace.as_str()).collect();
    spaces.sort_unstable();
    spaces.dedup();
    script = script.line("if [ \"$late\" -ne 0 ]; then");
    for space in spaces {
        let names: Vec<&str> =
            workloads.iter().filter(|one| one.namespace == space).map(|one| one.name.as_str()).collect();
        let pattern = format!("({})-", names.join("|").replace('.', "\\."));
        script = script.line(format!("gather {} {}", quote(space), quote(&pattern)));
    }
    script.line("hand_back\n# A control plane that is away fails at once.\nsleep 1\nfi\ndate +%s | emit now")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn daemon_set(generation: i64, observed: i64, updated: i64, ready: i64) -> Value {
        json!({"kind": "DaemonSet", "metadata": {"generation": generation}, "spec": {},
            "status": {"observedGeneration": observed, "desiredNumberScheduled": 2, "updatedNumberScheduled": updated,
                "numberReady": ready, "numberAvailable": ready}})
    }

    fn deployment(replicas: i64, updated: i64, all: i64, available: i64) -> Value {
        json!({"kind": "Deployment", "metadata": {"generation": 3}, "spec": {"replicas": replicas},
            "status": {"observedGeneration": 3, "updatedReplicas": updated, "replicas": all, "availableReplicas": available}})
    }

    #[test]
    fn only_what_is_wanted_now_counts() {
        let node = Workload::daemon_set("calico-system", "calico-node");
        let missing = |object: &Value| node.missing(object).unwrap_or_default();
        assert_eq!(missing(&Value::Null), "DaemonSet calico-system/calico-node: does not exist");
        assert_eq!(
            missing(&daemon_set(2, 1, 2, 2)),
            "DaemonSet calico-system/calico-node: the change is not taken up yet"
        );
        assert_eq!(
            missing(&daemon_set(2, 2, 1, 2)),
            "DaemonSet calico-system/calico-node: 1 of 2 pods are of the version that is wanted"
        );
        assert_eq!(missing(&daemon_set(2, 2, 2, 1)), "DaemonSet calico-system/calico-node: 1 of 2 pods are ready");
        assert_eq!(missing(&daemon_set(2, 2, 2, 2)), "");
        let mut by_hand = daemon_set(2, 2, 0, 2);
        by_hand["spec"]["updateStrategy"]["type"] = json!("OnDelete");
        assert_eq!(missing(&by_hand), "");
        // A status that nobody has written yet wants no pods.
        assert_ne!(missing(&json!({"kind": "DaemonSet", "metadata": {"generation": 1}})), "");

        let controllers = Workload::deployment("calico-system", "calico-kube-controllers");
        let missing = |object: &Value| controllers.missing(object).unwrap_or_default();
        let name = "Deployment calico-system/calico-kube-controllers";
        assert_eq!(missing(&deployment(1, 0, 1, 1)), format!("{name}: 0 of 1 pods are of the version that is wanted"));
        assert_eq!(missing(&deployment(1, 1, 2, 2)), format!("{name}: 1 pods of an earlier version still run"));
        assert_eq!(missing(&deployment(1, 1, 1, 0)), format!("{name}: 0 of 1 pods are ready"));
        assert_eq!(missing(&deployment(1, 1, 1, 1)), "");
        assert_eq!(missing(&deployment(0, 0, 0, 0)), "");
    }

    #[test]
    fn shellcheck_has_nothing_to_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        let script = look(&[Workload::daemon_set("a", "b.c"), Workload::deployment("a", "d")]);
        assert!(script.text().contains(r"gather a '(b\.c|d)-'"), "{}", script.text());
        std::fs::write(
            &path,
            crate::host::script::program(&[script], None, &crate::host::frames::Tag::random().unwrap()).0,
        )
        .unwrap();
        let output = std::process::Command::new("shellcheck")
            .args(["-s", "sh", "-e", "SC2016,SC2317"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
