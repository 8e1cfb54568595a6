//! Host keys are strict: nothing is sent to a machine that is not the pinned one, and `forge trust` is the one way in.

use insta::assert_snapshot;

use crate::fake_host::FakeHost;
use crate::operator::Operator;
use crate::support::ssh_server::new_key;

#[test]
fn an_unknown_host_key_stops_everything() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::of(&[&cp1]);
    assert_snapshot!(operator.forge(&["up", "--yes"]).errors(), @r"
    exit 4
    error: cp1 shows a host key that nobody has trusted yet
      cause: ssh-ed25519 SHA256:KEY-OF-cp1 is not in FOLDER/known_hosts
      next:  forge trust INVENTORY   shows the fingerprints and asks
    ");
    assert!(cp1.server.commands().is_empty() && cp1.server.logins().is_empty());
}

#[test]
fn a_changed_host_key_stops_the_run_on_all_hosts() {
    let (cp1, w1) = (FakeHost::cp1().start(), FakeHost::w1().start());
    let operator = Operator::trusting(&[&cp1, &w1]);
    w1.server.replaces_its_key();
    let outcome = operator.forge(&["up", "--yes"]);
    assert_snapshot!(outcome.errors().replace(&w1.server.fingerprint(), "SHA256:NEW-KEY-OF-w1"), @r"
    exit 4
    error: w1 shows a host key that is not the pinned one
      cause: ssh-ed25519 SHA256:NEW-KEY-OF-w1 is not what line 2 of FOLDER/known_hosts pins
      next:  find out why it changed; only if you know: ssh-keygen -R '[127.0.0.3]:PORT-OF-w1' -f FOLDER/known_hosts && forge trust INVENTORY
    ");
    assert!(w1.server.logins().is_empty());
    assert!(cp1.server.commands().is_empty() && w1.server.commands().is_empty());
}

#[test]
fn a_revoked_host_key_stops_everything() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::of(&[&cp1]);
    std::fs::write(operator.known_hosts(), format!("@revoked {}", cp1.server.known_hosts_line())).unwrap();
    assert_snapshot!(operator.forge(&["up", "--yes"]).errors(), @r"
    exit 4
    error: cp1 shows a host key that is revoked
      cause: line 1 of FOLDER/known_hosts revokes ssh-ed25519 SHA256:KEY-OF-cp1
      next:  give the machine new host keys: ssh-keygen -A
    ");
    assert!(cp1.server.commands().is_empty() && cp1.server.logins().is_empty());
}

#[test]
fn a_fingerprint_on_the_command_line_pins_the_key() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::of(&[&cp1]);
    let fingerprint = format!("cp1={}", cp1.server.fingerprint());
    let trusted = operator.forge(&["trust", "--fingerprint", &fingerprint]);
    assert_eq!((trusted.code, trusted.stderr.as_str()), (Some(0), "cp1: pinned SHA256:KEY-OF-cp1\n"));
    assert_eq!(operator.forge(&["plan"]).code, Some(10));
}

#[test]
fn a_wrong_fingerprint_pins_nothing() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::of(&[&cp1]);
    let refused = operator.forge(&["trust", "--fingerprint", "cp1=SHA256:wrong"]);
    assert_snapshot!(refused.errors(), @r"
    exit 4
    error: cp1 does not show the key that was expected
      cause: expected SHA256:wrong
             shown    SHA256:KEY-OF-cp1 (ssh-ed25519)
      next:  find out which machine answers there before anything else
    ");
    assert!(!operator.known_hosts().exists());
}

#[test]
fn without_a_terminal_trust_says_what_to_type() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::of(&[&cp1]);
    assert_snapshot!(operator.forge(&["trust"]).errors(), @r"
    exit 2
    error: there is no terminal to ask on about cp1
      cause: it shows ssh-ed25519 SHA256:KEY-OF-cp1
      next:  after comparing it: add --fingerprint cp1=SHA256:KEY-OF-cp1
    ");
    assert!(!operator.known_hosts().exists());
}

#[test]
fn a_fingerprint_replaces_a_pinned_key_that_changed() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::trusting(&[&cp1]);
    cp1.server.changes(|server| server.host_keys([new_key()]));
    let fingerprint = cp1.server.fingerprint();
    let trusted = operator.forge(&["trust", "--fingerprint", &format!("cp1={fingerprint}")]);
    assert_eq!((trusted.code, trusted.stderr), (Some(0), format!("cp1: pinned {fingerprint}\n")));
    assert_eq!(std::fs::read_to_string(operator.known_hosts()).unwrap(), cp1.server.known_hosts_line());
}
