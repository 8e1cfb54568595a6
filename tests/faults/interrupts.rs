//! Ctrl-C: the first finishes what runs, the second stops it; nothing new is begun.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command};

use crate::fake_host::FakeHost;
use crate::operator::Operator;

/// Sends SIGINT and returns the line with which the program takes notice.
fn interrupt(forge: &Child, stderr: &mut BufReader<ChildStderr>) -> String {
    assert!(Command::new("kill").args(["-INT", &forge.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    said
}

#[test]
fn the_first_interrupt_finishes_the_running_step_and_begins_no_other() {
    let (cp1, hold) = FakeHost::cp1().obedient().holds();
    let cp1 = cp1.start();
    let operator = Operator::trusting(&[&cp1]).in_order();
    let mut forge = operator.begins(&["up", "--yes", "--json"]);
    let mut stderr = BufReader::new(forge.stderr.take().unwrap());
    hold.runs();
    let said = interrupt(&forge, &mut stderr);
    assert_eq!(said, "stopping: what runs is finished first (again to stop it)\n");
    hold.goes_on();
    let outcome = operator.ends(forge);
    assert_eq!((outcome.code, &outcome.finished()["exit"]), (Some(8), &8.into()));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    let steps = outcome.steps();
    assert_eq!(steps[0], "cp1 hostname: done");
    assert!(steps[1..].iter().all(|step| step.ends_with("skipped (the run was interrupted)")), "{steps:?}");
    assert_eq!(cp1.changes().len(), 1);
}

#[test]
fn the_second_interrupt_stops_the_running_step() {
    let (cp1, hold) = FakeHost::cp1().obedient().holds();
    let cp1 = cp1.start();
    let operator = Operator::trusting(&[&cp1]).in_order();
    let mut forge = operator.begins(&["up", "--yes", "--json"]);
    let mut stderr = BufReader::new(forge.stderr.take().unwrap());
    hold.runs();
    interrupt(&forge, &mut stderr);
    let said = interrupt(&forge, &mut stderr);
    assert_eq!(said, "stopping the steps that run (again to leave at once)\n");
    let outcome = operator.ends(forge);
    assert_eq!((outcome.code, &outcome.finished()["exit"]), (Some(8), &8.into()));
    assert_eq!(outcome.steps()[0], "cp1 hostname: failed");
    assert!(cp1.requests().iter().any(|request| request.program == "systemctl stop 'forge-changes-*'"));
    assert_eq!(cp1.changes().len(), 1);
}
