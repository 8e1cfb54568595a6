//! Killed anywhere, run again, converges: every step of a cold `up` dies once.

use std::collections::BTreeSet;

use crate::support::*;

/// Steps that only begin when both hosts are prepared.
const LATE: [&str; 9] = [
    "kubeadm-init",
    "join-material",
    "kubeadm-join",
    "pod-network",
    "serving-certificate",
    "metrics-server",
    "policies",
    "leftovers",
    "verify",
];

/// Kills `up` at the first step that has not died yet, runs it again, and so on until a run ends by itself; then begins anew
/// on bare hosts for the steps that were over before a kill could hit them: hosts work at the same time, and some steps take
/// less time than a host needs to notice that forge is gone.
#[test]
fn i_1_every_step_survives_being_killed_at() {
    let mut died: BTreeSet<StepName> = BTreeSet::new();
    let mut wanted: Option<BTreeSet<StepName>> = None;
    for round in 1.. {
        bare_hosts(1, 1);
        loop {
            let late_died =
                round > 1 && died.iter().filter(|(_, name)| LATE.contains(&name.as_str())).count() >= LATE.len();
            let over = |step: &StepName| late_died && step.1 == "kubeadm-init";
            let watched = up_until(|step| !died.contains(step) || over(step));
            wanted.get_or_insert(watched.planned);
            println!("round {round}: killed at {:?}", watched.killed);
            let ended = watched.killed.is_empty() || watched.killed.iter().any(over);
            died.extend(watched.killed);
            if ended {
                break;
            }
        }
        let left: Vec<&StepName> = wanted.iter().flatten().filter(|step| !died.contains(*step)).collect();
        println!("round {round}: {} steps have died, {} have not", died.len(), left.len());
        if left.is_empty() {
            break;
        }
        assert!(round < 20, "never killed at: {left:?}");
    }
    assert!(wanted.is_some_and(|steps| steps.len() > 15), "a cold run has more steps than that");
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    // The walk may have left nothing to verify: look again, from scratch.
    kubectl("-n kube-system patch configmap forge --type merge -p '{\"data\":{\"verified\":\"not yet\"}}'");
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    assert_converged();
}

#[test]
fn i_2_kubeadm_goes_on_without_forge_and_the_next_run_waits_for_it() {
    bare_hosts(1, 1);
    for step in ["kubeadm-init", "kubeadm-join"] {
        let watched = up_until_event("step-output", |(_, name)| name == step);
        assert!(watched.killed.iter().any(|(_, name)| name == step), "{:?}", watched.killed);
    }
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    let waited: Vec<&str> = said.of("waiting").into_iter().map(|event| text(&event["unit"])).collect();
    assert!(waited.iter().any(|unit| unit.starts_with("forge-kubeadm-join-w1-")), "{waited:?}");
    assert!(!said.all().contains("kubeadm reset"), "what went on must not be begun anew");
    assert_evidence(&said);
    assert_converged();
}

#[test]
fn i_3_a_control_plane_that_loses_power_during_kubeadm_init_begins_it_anew() {
    bare_hosts(1, 1);
    up_until_event("step-output", |(_, name)| name == "kubeadm-init");
    power("cp1", "kill");
    power("cp1", "start");
    let marker = on("cp1", "ls -d /var/lib/forge/interrupted-*");
    assert_eq!(marker.trim(), "/var/lib/forge/interrupted-init", "the power was cut too late");
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    assert_converged();
}
