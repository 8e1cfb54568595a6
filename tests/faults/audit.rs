//! `forge audit` asks every host once, changes nothing, and goes on without a host that does not answer.

use serde_json::Value;

use crate::fake_host::FakeHost;
use crate::operator::{Operator, Outcome};

/// State and evidence of a control on a host.
fn found(said: &Outcome, id: &str, host: Option<&str>) -> (String, String) {
    let events = said.events();
    let meant = |event: &&Value| event["type"] == "control" && event["id"] == id && event["host"].as_str() == host;
    let event = events.iter().find(meant).unwrap();
    (event["state"].as_str().unwrap().to_owned(), event["evidence"].as_str().unwrap().to_owned())
}

#[test]
fn every_host_is_asked_once_and_nothing_is_changed() {
    let sshd = "permitrootlogin no\n";
    let (cp1, w1) = (
        FakeHost::cp1().says("audit sshd", sshd).start(),
        FakeHost::w1().says("audit sshd", "permitrootlogin yes").start(),
    );
    let operator = Operator::trusting(&[&cp1, &w1]);
    let page = operator.path("report.html");
    let said = operator.forge(&["audit", "--json", "--html", page.to_str().unwrap()]);
    assert_eq!(said.code, Some(6), "{}", said.stderr);
    assert_eq!(found(&said, "FORGE-SSHD-ROOT", Some("cp1")), ("pass".to_owned(), "permitrootlogin no".to_owned()));
    assert_eq!(found(&said, "FORGE-SSHD-ROOT", Some("w1")), ("fail".to_owned(), "permitrootlogin yes".to_owned()));
    let finished = said.finished();
    assert_eq!((&finished["roundTrips"], &finished["traffic"]["commands"]), (&1.into(), &2.into()));
    assert!(cp1.changes().is_empty() && w1.changes().is_empty());
    assert!(std::fs::read_to_string(page).unwrap().contains("permitrootlogin yes"));
}

#[test]
fn a_host_that_cannot_be_reached_is_not_checked_and_the_others_are() {
    let (cp1, w1) = (FakeHost::cp1().says("audit sshd", "permitrootlogin no").start(), FakeHost::w1().start());
    let operator = Operator::of(&[&cp1, &w1]);
    std::fs::write(operator.known_hosts(), cp1.server.known_hosts_line()).unwrap();
    let said = operator.forge(&["audit", "--json"]);
    assert_eq!(found(&said, "FORGE-SSHD-ROOT", Some("cp1")).0, "pass");
    let gone = ("not-checked".to_owned(), "the host did not answer".to_owned());
    assert_eq!(found(&said, "FORGE-SSHD-ROOT", Some("w1")), gone);
    assert_eq!(said.events().iter().filter(|event| event["type"] == "found").count(), 1, "{}", said.stdout);
}

#[test]
fn without_any_host_there_is_no_report() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::of(&[&cp1]);
    let said = operator.forge(&["audit", "--json"]);
    assert_eq!(said.code, Some(4));
    assert!(said.events().iter().all(|event| event["type"] != "control"));
}
