//! The cluster's own copies of its settings: what joins and upgrades read, and what kube-proxy runs with (CIS 4.3).

use super::{Site, failed, id, unrendered};
use crate::error::Problem;
use crate::host::{Difference, Script};
use crate::kube::{self, Copy, differences};
use crate::plan::{Step, once};

/// The step's name.
pub(super) const STEP: &str = "cluster-settings";

/// The step, when an API server told of a copy that is not what was written for the settings that are wanted.
pub(super) fn step(site: Site<'_>) -> Result<Option<Step>, Problem> {
    let Some((living, server)) = site.facts.living.as_ref().zip(site.first_server()) else { return Ok(None) };
    let version = site.facts.version.clone().unwrap_or_default();
    let copies = kube::copies(site.templates, site.cluster, &version).map_err(unrendered)?;
    let differs = |copy: &&Copy| {
        let data = living.settings.get(copy.name);
        data.is_none_or(|data| living.record.get(copy.name) != Some(&copy.note(data)))
    };
    let drifted: Vec<&Copy> = copies.iter().filter(differs).collect();
    if drifted.is_empty() {
        return Ok(None);
    }
    let changes = |copy: &&Copy| changes(copy, living.settings.get(copy.name).map(String::as_str));
    let changes = drifted.iter().flat_map(changes).map(Difference::new).collect();
    let mut script = Script::new(kube::settle());
    for copy in &drifted {
        script = script.line(format!("kubeadm init phase {} --config \"$FORGE/config\" >/dev/null", copy.phase));
        if copy.name == "kube-proxy" {
            script = script.line(
                "kubectl -n kube-system rollout restart daemonset/kube-proxy >/dev/null\n\
                 kubectl -n kube-system rollout status daemonset/kube-proxy --timeout=180s >/dev/null",
            );
        }
    }
    let settled: Vec<String> = drifted.iter().map(|copy| copy.settled()).collect();
    let config = kube::phase_config(site.templates, site.cluster, server, &version).map_err(unrendered)?;
    let script = script.line(format!("settle {}", settled.join(" "))).file("config", config);
    Ok(Some(Step {
        id: id(server, STEP),
        title: "settings in the cluster".to_owned(),
        runs_on: server.name.clone(),
        needs: super::super::host::prepared(server),
        after: Vec::new(),
        changes,
        work: once(
            move || Ok(script),
            |heard| Ok(heard.outcome()),
            failed(server, "the cluster's settings could not be written"),
        ),
    }))
}

/// Named where the two can be compared. kubeadm writes more than it was given, so only what is wanted is looked at.
fn changes(copy: &Copy, data: Option<&str>) -> Vec<String> {
    let name = format!("ConfigMap {}", copy.name);
    let Some(data) = data else { return vec![format!("{name}: create")] };
    let data: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
    let Ok(now) = crate::yaml::from_str(data[copy.key].as_str().unwrap_or_default()) else {
        return vec![format!("{name}: write anew")];
    };
    let mut found = differences::missing(&copy.wanted, &now);
    found.iter_mut().for_each(|line| line.insert_str(0, &format!("{name} ")));
    if found.is_empty() {
        found.push(format!("{name}: write anew"));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_copy_that_differs_is_named_as_far_as_it_can_be() {
        let copy = Copy {
            name: "kubeadm-config",
            key: "ClusterConfiguration",
            wanted: json!({"clusterName": "a", "apiServer": {"extraArgs": [{"name": "v", "value": "2"}]}}),
            phase: "upload-config kubeadm",
        };
        let of = |text: &str| changes(&copy, Some(&json!({ "ClusterConfiguration": text }).to_string()));
        assert_eq!(
            of(
                "clusterName: a\nscheduler: {}\napiServer: {extraArgs: [{name: v, value: \"1\"}, {name: w, value: x}]}\n"
            ),
            [
                "ConfigMap kubeadm-config apiServer.extraArgs.v: 1 → 2",
                "ConfigMap kubeadm-config apiServer.extraArgs.w: x → not set"
            ]
        );
        assert_eq!(
            of("clusterName: a\nother: 1\napiServer: {extraArgs: [{name: v, value: \"2\"}]}\n"),
            ["ConfigMap kubeadm-config: write anew"]
        );
        assert_eq!(of("{"), ["ConfigMap kubeadm-config: write anew"]);
        assert_eq!(changes(&copy, None), ["ConfigMap kubeadm-config: create"]);
    }
}
