//! Hosts whose logins print lines of their own, and hosts whose scripts do not say how they ended: a run believes only
//! whole frames in their turn, and ends with 0 only when it heard of every step's success.

use insta::assert_snapshot;

use crate::fake_host::FakeHost;
use crate::operator::Operator;

/// A terminal's title, without a line break, as the first line of a `~/.bashrc` prints it.
fn title(said: &str) -> String {
    format!("\x1b]0;cp1\x07{said}")
}

#[test]
fn a_login_that_prints_half_a_line_is_like_any_other() {
    let cp1 = FakeHost::cp1().obedient().garbles(title).start();
    let w1 = FakeHost::w1().garbles(|said| format!("Welcome to w1!\nYou have mail. {said}")).start();
    let outcome = Operator::trusting(&[&cp1, &w1]).forge(&["up", "--yes", "--json"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.steps().iter().all(|step| step.ends_with(": done")), "{:?}", outcome.steps());
}

#[test]
fn a_script_of_whose_parts_nobody_heard_the_end_was_not_done() {
    // The unit ended with 0, and no frame of it arrived.
    let silent = |said: &str| if said.contains(" begin 0") { "\x1b]0;x\x07".to_owned() } else { said.to_owned() };
    let cp1 = FakeHost::cp1().obedient().garbles(silent).start();
    let outcome = Operator::trusting(&[&cp1]).in_order().forge(&["up", "--yes", "--json"]);
    let finished = outcome.finished();
    assert_eq!((outcome.code, &finished["exit"], &finished["changed"]), (Some(1), &1.into(), &0.into()));
    let steps = outcome.steps();
    assert!(!steps.is_empty() && steps.iter().all(|step| !step.ends_with(": done")), "{steps:?}");
}

#[test]
fn frames_out_of_their_turn_are_no_answer() {
    // Each script's frames twice: the second `begin 0` comes after the end.
    let twice = |said: &str| if said.contains(" begin 0") { said.repeat(2) } else { said.to_owned() };
    let cp1 = FakeHost::cp1().obedient().garbles(twice).start();
    let outcome = Operator::trusting(&[&cp1]).in_order().forge(&["up", "--yes"]);
    assert_eq!(outcome.code, Some(4));
    assert!(outcome.errors().contains("error: cp1 answers with what is no answer"), "{}", outcome.errors());
}

#[test]
fn answers_that_are_cut_are_not_believed() {
    let cut = |said: &str| {
        let (before, answers) = said.split_once(" answers ").unwrap_or((said, ""));
        let half = answers.get(..answers.find('\n').unwrap_or_default() / 8 * 4).unwrap_or_default();
        let end = answers.split_once('\n').map_or("", |(_, end)| end);
        format!("{before} answers {half}\n{end}")
    };
    let (cp1, w1) = (FakeHost::cp1().start(), FakeHost::w1().garbles(cut).start());
    let outcome = Operator::trusting(&[&cp1, &w1]).forge(&["up", "--yes"]);
    let questions = outcome.errors().split_once("answers to ").unwrap().1.split_once(' ').unwrap().0.to_owned();
    assert_snapshot!(outcome.errors().replace(&questions, "N"), @r"
    exit 4
    error: w1 answers with what is no answer
      cause: the answers to N questions came back broken
      next:  run the same command again; if it stays so, look at what the host's login prints and runs
    ");
    assert!(cp1.changes().is_empty() && w1.changes().is_empty());
}
