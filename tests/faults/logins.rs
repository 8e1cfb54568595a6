//! Logins that fail, one by one and all at once.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use russh::keys::ssh_key::LineEnding;

use crate::fake_host::{FakeHost, Machine};
use crate::operator::Operator;
use crate::support::ssh_server::new_key;

#[test]
fn a_wrong_key_is_refused() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::trusting(&[&cp1]);
    new_key().write_openssh_file(operator.path("key-of-cp1"), LineEnding::LF).unwrap();
    assert_snapshot!(operator.forge(&["up", "--yes"]).errors(), @r"
    exit 4
    error: cp1 refused the login of root
      cause: the key was not accepted (ED25519 FOLDER/key-of-cp1)
      next:  ssh-copy-id -i FOLDER/key-of-cp1.pub -p PORT-OF-cp1 root@127.0.0.2   or set ssh.identityFile
    ");
    assert!(cp1.server.commands().is_empty());
}

#[test]
fn a_wrong_user_is_refused() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::trusting(&[&cp1]).user("nobody");
    assert_snapshot!(operator.forge(&["up", "--yes"]).errors(), @r"
    exit 4
    error: cp1 refused the login of nobody
      cause: the key was not accepted (ED25519 FOLDER/key-of-cp1)
      next:  ssh-copy-id -i FOLDER/key-of-cp1.pub -p PORT-OF-cp1 nobody@127.0.0.2   or set ssh.identityFile
    ");
    assert!(cp1.server.commands().is_empty());
}

#[test]
fn every_host_that_is_broken_is_told_of_at_once() {
    let (cp1, w1, w2) = (FakeHost::cp1().start(), FakeHost::w1().start(), FakeHost::w2());
    let w2 = w2.but(|server| server.refuses_keys()).start();
    let operator = Operator::trusting(&[&cp1, &w1, &w2]);
    cp1.server.replaces_its_key();
    let new = cp1.server.fingerprint();
    drop(w1);
    let outcome = operator.forge(&["up", "--yes"]);
    assert_snapshot!(outcome.errors().replace(&new, "SHA256:NEW-KEY-OF-cp1"), @r"
    exit 4
    error: cp1 shows a host key that is not the pinned one
      cause: ssh-ed25519 SHA256:NEW-KEY-OF-cp1 is not what line 1 of FOLDER/known_hosts pins
      next:  find out why it changed; only if you know: ssh-keygen -R '[127.0.0.2]:PORT-OF-cp1' -f FOLDER/known_hosts && forge trust INVENTORY
    error: w1 refuses connections at 127.0.0.3 port PORT-OF-w1
      cause: nothing listens on port PORT-OF-w1
      next:  check that sshd runs there, or set ssh.port
    error: w2 refused the login of root
      cause: the key was not accepted (ED25519 FOLDER/key-of-w2)
      next:  ssh-copy-id -i FOLDER/key-of-w2.pub -p PORT-OF-w2 root@127.0.0.4   or set ssh.identityFile
    ");
    assert!(cp1.server.commands().is_empty() && w2.server.commands().is_empty());
}

/// As the images of clouds have it, whose forced command names the login that is meant.
#[test]
fn a_host_that_runs_something_else_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let sudo = folder.path().join("sudo");
    let cp1 = FakeHost::cp1().with_a_real_shell(folder.path());
    let operator = Operator::trusting(&[&cp1]).user("ops");
    for (instead, expected) in [
        (
            r#"echo 'Please login as the user "me" rather than the user "ops".'; echo; exit 142"#,
            r#"Please login as the user "me" rather than the user "ops"."#,
        ),
        ("echo This account is currently not available.; exit 1", "This account is currently not available."),
        ("echo fatal: no shell is enabled. >&2; exit 128", "fatal: no shell is enabled."),
        ("exit 1", "it ended with status 1 and printed nothing"),
        ("echo Welcome.", "Welcome."),
    ] {
        fs::write(&sudo, format!("#!/bin/sh\n{instead}\n")).unwrap();
        fs::set_permissions(&sudo, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(
            operator.forge(&["up", "--yes"]).errors(),
            format!(
                "exit 4\nerror: cp1 runs no command for ops: {expected}\n  next:  set ssh.user to a login that may run \
                 commands and become root; on cp1 look for ops's shell, a command= in its authorized_keys, and ForceCommand"
            )
        );
    }
}

#[test]
fn a_sudo_password_that_nobody_gave() {
    let cp1 = FakeHost::cp1().asks_for_a_sudo_password().start();
    let operator = Operator::trusting(&[&cp1]).user("ops");
    assert_snapshot!(operator.forge(&["up", "--yes"]).errors(), @r"
    exit 4
    error: sudo on cp1 asks for a password that nobody gave
      cause: sudo: a password is required
      next:  add --ask-sudo-password, or let sudo trust the login: echo 'USER ALL=(ALL) NOPASSWD: ALL' in /etc/sudoers.d
    ");
    assert!(cp1.requests().is_empty());
}

#[test]
fn a_sudo_password_from_standard_input_reaches_sudo_and_no_command_line() {
    let cp1 = FakeHost::cp1().asks_for_a_sudo_password().start();
    let operator = Operator::trusting(&[&cp1]).user("ops");
    let outcome = operator.forge_fed(&["plan", "--ask-sudo-password"], "swordfish\n");
    assert_eq!(outcome.code, Some(10), "{}", outcome.stderr);
    assert_eq!(cp1.requests().len(), 1);
    let seen = [cp1.server.commands().concat(), outcome.stdout, outcome.stderr, operator.journals()];
    assert!(seen.iter().all(|text| !text.contains("swordfish")));
}

#[test]
fn a_host_whose_sudo_asks_for_nothing_is_not_given_the_password() {
    let cp1 = FakeHost::cp1().asks_for_a_sudo_password().start();
    let w1 = FakeHost::w1().but(|server| server.user("ops")).start();
    let operator = Operator::trusting(&[&cp1, &w1]).user("ops");
    let outcome = operator.forge_fed(&["plan", "--ask-sudo-password"], "swordfish\n");
    assert_eq!(outcome.code, Some(10), "{}", outcome.stderr);
    let got_it = |machine: &Machine| machine.server.input_of("").windows(9).any(|bytes| bytes == b"swordfish");
    assert!(got_it(&cp1) && !got_it(&w1));
}

#[test]
fn a_wrong_sudo_password_is_told() {
    let cp1 = FakeHost::cp1().asks_for_a_sudo_password().start();
    let operator = Operator::trusting(&[&cp1]).user("ops");
    assert_snapshot!(operator.forge_fed(&["up", "--yes", "--ask-sudo-password"], "guess\n").errors(), @r"
    exit 4
    error: sudo on cp1 did not accept the password
      cause: sudo: no password was provided
             sudo: 1 incorrect password attempt
      next:  run the same command again and type the password of the login on that host
    ");
}

#[test]
fn a_sudo_password_that_is_asked_for_and_not_there() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::trusting(&[&cp1]);
    assert_snapshot!(operator.forge(&["up", "--yes", "--ask-sudo-password"]).errors(), @r"
    exit 2
    error: there is no terminal to ask for sudo's password on, and standard input is empty
      next:  write it to standard input, or let sudo trust the login without one
    ");
    assert_eq!(cp1.server.connections(), 0);
}

/// Found out afterwards, the certificates would be new and the kubeconfig as old as before.
#[test]
fn a_kubeconfig_to_refresh_that_is_not_there_is_told_of_before_anybody_is_asked() {
    let cp1 = FakeHost::cp1().start();
    let operator = Operator::trusting(&[&cp1]);
    let file = operator.path("no-kubeconfig");
    for command in ["certs renew", "certs rotate-ca"] {
        let outcome = operator.forge(&[command, "--yes", "--kubeconfig", file.to_str().unwrap()]);
        insta::allow_duplicates!(assert_snapshot!(outcome.errors(), @r"
        exit 2
        error: FOLDER/no-kubeconfig cannot be read
          cause: No such file or directory (os error 2)
          next:  name a kubeconfig that exists, or make it: forge kubeconfig INVENTORY --output FOLDER/no-kubeconfig
        "));
    }
    assert!(cp1.server.commands().is_empty());
}
