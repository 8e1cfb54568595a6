//! Runs that come to an end: what is asked before, what is told, and what never is.

use insta::assert_snapshot;

use crate::fake_host::{FakeHost, Machine};
use crate::operator::Operator;

#[test]
fn without_yes_and_without_a_terminal_nothing_is_changed() {
    let cp1 = FakeHost::cp1().obedient().start();
    let outcome = Operator::trusting(&[&cp1]).forge(&["up"]);
    assert_snapshot!(outcome.errors(), @r"
    exit 2
    error: there is no terminal to ask on, and nothing was changed
      next:  add --yes to go on without being asked
    ");
    assert_eq!(outcome.stdout, "", "people read standard error");
    assert_eq!((cp1.requests().len(), cp1.changes().len()), (1, 0));
}

#[test]
fn a_plan_costs_one_round_trip_per_host_and_changes_nothing() {
    let (cp1, w1) = (FakeHost::cp1().obedient().start(), FakeHost::w1().start());
    let outcome = Operator::trusting(&[&cp1, &w1]).forge(&["plan", "--json"]);
    assert_eq!(outcome.code, Some(10), "{}", outcome.stderr);
    let finished = outcome.finished();
    assert_eq!((&finished["roundTrips"], &finished["traffic"]["commands"]), (&1.into(), &2.into()));
    assert!(cp1.changes().is_empty() && w1.changes().is_empty());
}

#[test]
fn standard_output_is_events_and_nothing_else() {
    let (cp1, w1) = (FakeHost::cp1().obedient().start(), FakeHost::w1().start());
    let operator = Operator::trusting(&[&cp1, &w1]);
    let outcome = operator.forge(&["up", "--yes", "--json"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{:?}", outcome.steps());
    let types: Vec<String> = outcome.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!((types.first().unwrap().as_str(), types.last().unwrap().as_str()), ("started", "finished"));
    assert_eq!(types.iter().filter(|kind| *kind == "finished").count(), 1);
    assert_eq!(outcome.finished()["exit"], 0);
    assert!(outcome.steps().iter().all(|step| step.ends_with(": done")), "{:?}", outcome.steps());
    assert_eq!(operator.journals().lines().count(), outcome.events().len());
}

#[test]
fn a_failed_run_ends_with_finished_too() {
    let cp1 = FakeHost::cp1().obedient().fails("kubeadm init", "it did not work").start();
    let outcome = Operator::trusting(&[&cp1]).forge(&["up", "--yes", "--json"]);
    assert_eq!((outcome.code, &outcome.finished()["exit"]), (Some(1), &1.into()));
    assert_eq!(outcome.events()[0]["type"], "started");
}

#[test]
fn what_stopped_a_run_is_an_event_too_and_in_the_journal() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::of(&[&cp1]);
    let outcome = operator.forge(&["up", "--yes", "--json"]);
    let events = outcome.events();
    let what = "cp1 shows a host key that nobody has trusted yet";
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["started", "found", "finished"]);
    assert_eq!((&events[1]["what"], &events[2]["exit"]), (&what.into(), &4.into()));
    assert!(operator.journals().contains(what));
    assert!(outcome.stderr.starts_with(&format!("error: {what}\n")), "{}", outcome.stderr);
}

/// Words after `key:` in any file that the machine received on standard input.
fn secrets_sent(machine: &Machine, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    for content in machine.requests().iter().flat_map(|request| request.files.values()) {
        let text = String::from_utf8_lossy(content).into_owned();
        let lines = text.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(key));
        found.extend(lines.map(|word| word.trim().trim_matches(['"', '\'']).to_owned()));
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn no_secret_is_on_a_command_line_or_in_anything_that_forge_tells() {
    let (cp1, w1) = (FakeHost::cp1().obedient().start(), FakeHost::w1().start());
    let operator = Operator::trusting(&[&cp1, &w1]);
    let outcome = operator.forge(&["up", "--yes", "--json"]);
    assert_eq!(outcome.code, Some(0), "{:?}", outcome.steps());
    let secrets: Vec<String> =
        ["secret:", "token:", "certificateKey:"].iter().flat_map(|key| secrets_sent(&cp1, key)).collect();
    let lengths: Vec<usize> = secrets.iter().map(String::len).collect();
    assert_eq!(lengths, [44, 23, 64], "an encryption key, a token and a certificate key");
    let programs = |machine: &Machine| -> Vec<String> {
        let requests = machine.requests();
        requests.iter().map(|request| request.program.clone() + &request.parts().concat()).collect()
    };
    let mut told = vec![outcome.stdout, outcome.stderr, operator.journals()];
    told.extend(cp1.server.commands().into_iter().chain(w1.server.commands()));
    told.extend(programs(&cp1).into_iter().chain(programs(&w1)));
    for secret in &secrets {
        // The half of a token that is its name is no secret.
        let secret = secret.rsplit('.').next().unwrap();
        assert!(told.iter().all(|text| !text.contains(secret)));
    }
}
