//! Add-ons on machines that are only their answers: what is planned, in which order, and what nobody gets to see.

use crate::fake_host::{FakeHost, Machine};
use crate::operator::{NO_ADDONS, Operator};
use crate::second_run::converged_with;

const OWN: &str = "addons:\n  helm:\n    - {name: shop, chart: web, repo: 'https://charts.example', version: 1.0.0, namespace: \
                   front, valuesFile: values.yaml}";

/// An operator who wants forge's add-ons and one more, whose values are secret.
fn wanting_all(operator: Operator) -> Operator {
    let operator = operator.edit(NO_ADDONS, OWN);
    std::fs::write(operator.path("values.yaml"), "password: swordfish-of-the-shop\n").unwrap();
    operator
}

/// The add-ons' steps with their changes, in the order of the plan.
fn planned(outcome: &crate::operator::Outcome) -> Vec<String> {
    let event = outcome.events().into_iter().find(|event| event["type"] == "planned").unwrap();
    let steps = event["steps"].as_array().unwrap().clone();
    let step = |step: &serde_json::Value| {
        let changes =
            step["changes"].as_array().unwrap().iter().map(|change| change["summary"].as_str().unwrap().to_owned());
        changes.collect::<Vec<_>>()
    };
    let summaries: Vec<String> = steps.iter().flat_map(step).collect();
    summaries.into_iter().filter(|line| line.starts_with("release ") || line.starts_with("program ")).collect()
}

#[test]
fn what_is_installed_and_in_which_order() {
    let cp1 = FakeHost::cp1().obedient().start();
    let operator = wanting_all(Operator::trusting(&[&cp1]));
    let plan = operator.forge(&["plan", "--json"]);
    assert_eq!(
        planned(&plan),
        [
            "program /usr/local/lib/forge/helm-4.3.0/helm: install",
            "release kubelet-csr-approver in kube-system: install chart kubelet-csr-approver 1.2.15",
            "release metrics-server in kube-system: install chart metrics-server 3.14.0",
            "release falco in falco: install chart falco 9.2.0",
            "release shop in front: install chart web 1.0.0",
        ]
    );
    let up = operator.forge(&["up", "--yes", "--json"]);
    let steps = up.steps();
    let ours = ["kubelet-csr-approver", "metrics-server", "falco", "helm-releases"];
    let done: Vec<&str> = steps
        .iter()
        .filter_map(|line| line.strip_prefix("cp1 ")?.strip_suffix(": done"))
        .filter(|step| ours.contains(step))
        .collect();
    assert_eq!(done, ours, "{steps:?}");
}

#[test]
fn values_from_a_file_travel_as_a_file_and_are_shown_nowhere() {
    let cp1 = FakeHost::cp1().obedient().start();
    let operator = wanting_all(Operator::trusting(&[&cp1]));
    let up = operator.forge(&["up", "--yes", "--json"]);
    let sent = |text: &str| {
        let requests = cp1.requests();
        requests
            .iter()
            .filter(|request| request.files.values().any(|file| String::from_utf8_lossy(file).contains(text)))
            .count()
    };
    assert_eq!(sent("swordfish-of-the-shop"), 1, "Helm has to read it once");
    let mut told = vec![up.stdout, up.stderr, operator.journals()];
    told.extend(cp1.server.commands());
    told.extend(cp1.requests().iter().map(|request| request.program.clone() + &request.parts().concat()));
    assert!(told.iter().all(|text| !text.contains("swordfish")));
}

/// What the API server says when everything is there: what a first `up` left, and its releases with the labels that the scripts
/// gave them.
fn installed() -> (Operator, Machine, Machine, String) {
    let (operator, cp1, w1) = converged_with(wanting_all);
    let programs: Vec<String> = cp1.changes().iter().flat_map(|request| request.parts()).collect();
    let part = |text: &str, start: &str, end: char| {
        text.split(start).nth(1).map(|rest| rest.split(end).next().unwrap_or_default().to_owned())
    };
    let mut lines = cp1.said("cluster");
    for text in programs.iter().filter(|text| text.contains("forge-applied=$revision-")) {
        let name = part(text, "--overwrite secret sh.helm.release.v1.", '"').unwrap();
        let namespace = part(text, "\nnamespace=", '\n').unwrap();
        let hashes = part(text, "forge-applied=$revision-", '"').unwrap();
        lines += &format!("release\t{namespace}\t{}\tdeployed\t1\t1-{hashes}\n", name.trim_end_matches(".v"));
    }
    cp1.says("cluster", &lines);
    (operator, cp1, w1, lines)
}

#[test]
fn releases_that_are_there_cost_nothing() {
    let (operator, cp1, _w1, _) = installed();
    let before = cp1.changes().len();
    let second = operator.forge(&["up", "--json"]);
    assert_eq!((second.code, second.stderr.as_str()), (Some(0), ""), "{}", second.stdout);
    assert_eq!((&second.finished()["changed"], &second.finished()["roundTrips"]), (&0.into(), &1.into()));
    assert_eq!(cp1.changes().len(), before);
}

#[test]
fn a_changed_value_a_foreign_revision_and_a_release_that_is_not_wanted_are_named() {
    let (operator, cp1, _w1, lines) = installed();
    std::fs::write(operator.path("values.yaml"), "password: another-swordfish\n").unwrap();
    assert_eq!(
        planned(&operator.forge(&["plan", "--json"])),
        ["release shop in front: values: change (content not shown)"]
    );
    std::fs::write(operator.path("values.yaml"), "password: swordfish-of-the-shop\n").unwrap();

    let foreign = lines.replace("falco\tfalco\tdeployed\t1\t", "falco\tfalco\tdeployed\t2\t");
    cp1.says("cluster", &(foreign + "release\tother\tforeign\tdeployed\t1\t<none>\n"));
    assert_eq!(
        planned(&operator.forge(&["plan", "--json"])),
        ["release falco in falco: revision 2 is not what forge applied (revision 1): apply again"]
    );

    cp1.says("cluster", &lines);
    let operator = operator.edit(OWN, "addons: {falco: {enabled: false}}");
    let mut removed = planned(&operator.forge(&["plan", "--json"]));
    removed.sort();
    assert_eq!(
        removed,
        [
            "release falco in falco: uninstall (no longer in the inventory)",
            "release shop in front: uninstall (no longer in the inventory)",
        ]
    );
}

/// An approver that runs denies what it has not been told of, so it is told of a node before that node asks.
#[test]
fn an_approver_that_runs_learns_of_a_new_node_before_it_joins() {
    let (_, cp1, w1, _) = installed();
    let w2 = FakeHost::w2().start();
    let operator = wanting_all(Operator::trusting(&[&cp1, &w1, &w2]));
    let up = operator.forge(&["up", "--yes", "--json"]);
    let events = up.events();
    let at = |kind: &str, step: &str| {
        events
            .iter()
            .position(|event| event["type"] == kind && event["step"] == step)
            .unwrap_or_else(|| panic!("{step}"))
    };
    assert!(at("step-finished", "kubelet-csr-approver") < at("step-started", "kubeadm-join"), "{:?}", up.steps());
}
