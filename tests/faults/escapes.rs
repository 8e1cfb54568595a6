//! What hosts write is shown as characters and never reaches the terminal as a command to it.

use crate::fake_host::FakeHost;
use crate::operator::Operator;
use crate::second_run::converged_with;

/// Sets the window's title, writes the clipboard, goes up a line, deletes it.
const HOSTILE: &str = "\x1b]0;owned\x07\x1b]52;c;cm0gLXJmIH4K\x07\x1b[1A\x1b[2K\r\u{9b}8mall is well\u{202e}";
const SHOWN: &str = r"\x1b]0;owned\x07\x1b]52;c;cm0gLXJmIH4K\x07\x1b[1A\x1b[2K\x0d\u{9b}8mall is well\u{202e}";

fn assert_harmless(screen: &str) {
    assert!(!screen.chars().any(|char| char != '\n' && char.is_control()), "{screen:?}");
}

#[test]
fn the_last_words_of_a_script() {
    let cp1 = FakeHost::cp1().obedient().fails("kubeadm init", HOSTILE).start();
    let outcome = Operator::trusting(&[&cp1]).forge(&["up", "--yes"]);
    assert_harmless(&outcome.stderr);
    assert!(outcome.stderr.contains(&format!("  cause: {SHOWN}\n")), "{}", outcome.stderr);
}

#[test]
fn a_setting_in_the_plan() {
    let (operator, _cp1, w1) = converged_with(|operator| operator);
    // A sysctl is compared word by word, and a carriage return stands between words.
    let hostile = HOSTILE.replace('\r', "");
    w1.says("sysctl vm.panic_on_oom", &format!("1{hostile}"));
    let plan = operator.forge(&["plan"]);
    assert_harmless(&plan.stderr);
    assert!(
        plan.stderr.contains(&format!("sysctl vm.panic_on_oom: 1{} → 0\n", SHOWN.replace(r"\x0d", ""))),
        "{}",
        plan.stderr
    );
}

#[test]
fn what_a_login_refuses_with() {
    let cp1 = FakeHost::cp1().but(|server| server.user("ops")).with_a_real_shell(&sudo_that_says(HOSTILE));
    let outcome = Operator::trusting(&[&cp1]).user("ops").forge(&["plan"]);
    assert_eq!(outcome.code, Some(4));
    assert_harmless(&outcome.stderr);
    assert!(outcome.stderr.contains(SHOWN), "{}", outcome.stderr);
}

/// A folder of programs in which sudo does nothing but complain.
fn sudo_that_says(text: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap().keep();
    std::fs::write(folder.join("text"), text).unwrap();
    let sudo = folder.join("sudo");
    std::fs::write(&sudo, format!("#!/bin/sh\ncat '{}' >&2\nexit 1\n", folder.join("text").display())).unwrap();
    std::fs::set_permissions(&sudo, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}
