//! What people are told, and what they are not.

use crate::*;

fn said(target: &Target, reason: Reason) -> String {
    let problem = Problem::from(ConnectError { target: Box::new(target.clone()), reason });
    assert_eq!(problem.exit, Exit::Connection);
    problem.to_string()
}

#[test]
fn a_refused_login_names_the_keys_and_the_way_out() {
    let target = Target {
        name: "cp2".to_owned(),
        address: "192.0.2.12".to_owned(),
        port: 22,
        user: "ops".to_owned(),
        identity_file: None,
        bastion: None,
    };
    let offered = vec!["ED25519 laptop (agent)".to_owned(), "RSA old (agent)".to_owned()];
    let reason =
        Reason::LoginRefused { offered, accepts: vec!["publickey".to_owned()], half: false, said: String::new() };
    let expected = "cp2 refused the login of ops\n  \
        cause: no key was accepted (2 offered: ED25519 laptop (agent), RSA old (agent))\n  \
        next:  ssh-copy-id -i ~/.ssh/id_ed25519.pub ops@192.0.2.12   or set ssh.identityFile";
    assert_eq!(said(&target, reason), expected);
}

#[test]
fn a_host_that_hangs_up_is_quoted() {
    let target = Target {
        name: "cp2".to_owned(),
        address: "192.0.2.12".to_owned(),
        port: 22,
        user: "ops".to_owned(),
        identity_file: None,
        bastion: None,
    };
    let offered = vec!["ED25519 laptop (agent)".to_owned()];
    let words = "System is going down.\nCome back later.".to_owned();
    let reason = Reason::LoginRefused { offered, accepts: Vec::new(), half: false, said: words };
    let expected = "cp2 refused the login of ops: System is going down.\n  \
        cause: the host hung up during the login (ED25519 laptop (agent))\n         Come back later.\n  \
        next:  do what it says, or set ssh.user to another login; ssh ops@192.0.2.12   shows the same";
    assert_eq!(said(&target, reason), expected);
}

#[tokio::test]
async fn a_changed_key_names_the_line_and_both_commands() {
    let host = SshServer::new().start();
    let operator = Operator::trusting([&host]);
    host.replaces_its_key();
    let (port, file) = (host.port(), operator.known_hosts());
    let (file, print) = (file.display(), host.fingerprint());
    let expected = format!(
        "w1 shows a host key that is not the pinned one\n  \
         cause: ssh-ed25519 {print} is not what line 1 of {file} pins\n  \
         next:  find out why it changed; only if you know: ssh-keygen -R '[127.0.0.1]:{port}' -f {file} && forge \
         trust INVENTORY"
    );
    assert_eq!(said(&target(&host), operator.refused(&target(&host)).await), expected);
}

#[tokio::test]
async fn a_bastion_is_named_before_what_is_wrong_with_it() {
    let bastion = SshServer::new().forwards().start();
    let host = SshServer::new().start();
    let target = behind(&bastion, target(&host));
    let text = said(&target, Operator::new().refused(&target).await);
    let what = "w1 cannot be reached: bastion localhost shows a host key that nobody has trusted yet\n  cause: ";
    assert!(text.starts_with(what), "{text}");
    assert!(text.ends_with("next:  forge trust INVENTORY   shows the fingerprints and asks"), "{text}");
}

#[test]
fn nothing_secret_shows_in_debug_output() {
    let chunk = Chunk::Out(b"swordfish".to_vec());
    assert_eq!(format!("{chunk:?}"), "Out(9 bytes)");
    let keyring = Keyring::new(|_| Some(Secret::new("swordfish"))).with_agent(None);
    assert_eq!(format!("{keyring:?}"), "Keyring { agent: None, .. }");
}
