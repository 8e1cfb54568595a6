//! What could shut us out: armed, changed, proved by a second login, and taken back when there is none.

use insta::assert_snapshot;

use crate::fake_host::{FakeHost, Machine};
use crate::operator::Operator;

/// The scripts that a host was given about a guarded change, in order: what each of them does.
fn turns(machine: &Machine, name: &str) -> Vec<&'static str> {
    let scripts = machine.changes().into_iter().map(|request| request.parts().concat());
    let about = scripts.filter(|script| script.contains(&format!("/var/lib/forge/undo/{name}")));
    about
        .map(|script| match script {
            script if script.contains("enable --quiet --now") => "armed and changed",
            script if script.contains("the confirmation came after") => "confirmed",
            _ => "taken back",
        })
        .collect()
}

#[test]
fn sshd_and_firewall_are_confirmed_by_a_second_login() {
    let (cp1, w1) = (FakeHost::cp1().obedient().start(), FakeHost::w1().start());
    let outcome = Operator::trusting(&[&cp1, &w1]).forge(&["up", "--yes", "--json"]);
    assert_eq!(outcome.code, Some(0), "{:?}", outcome.steps());
    for machine in [&cp1, &w1] {
        for name in ["sshd", "firewall"] {
            assert_eq!(turns(machine, name), ["armed and changed", "confirmed"]);
        }
        let logins = machine.server.commands().iter().filter(|command| *command == "true").count();
        assert_eq!(logins, 2, "one for each");
    }
}

#[test]
fn what_shuts_us_out_is_taken_back_and_told_of() {
    let cp1 = FakeHost::cp1().obedient().shuts_everybody_out().start();
    let operator = Operator::trusting(&[&cp1])
        .edit("ssh: {user: root}", "ssh: {user: root}\nsecurity: {firewall: {enabled: false}}");
    let outcome = operator.forge(&["up", "--yes"]);
    assert_snapshot!(outcome.errors(), @r"
    exit 1
    error: cp1: sshd would have shut us out, a second login shows
      cause: cp1 lets us in and runs no command
             `true` ended with Exited(1)
      next:  change the inventory; cp1 has taken the change back, or does so within 30 seconds
    ");
    assert_eq!(turns(&cp1, "sshd"), ["armed and changed", "taken back"]);
    let programs: String = cp1.changes().iter().flat_map(|request| request.parts()).collect();
    assert!(!programs.contains("kubeadm init"), "nothing is built on a host that could not be hardened");
}
