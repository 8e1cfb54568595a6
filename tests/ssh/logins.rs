//! Logins with key files.

use crate::*;

#[tokio::test]
async fn a_wrong_key_is_tried_once() {
    let host = SshServer::new().refuses_keys().start();
    let operator = Operator::trusting([&host]);
    let target = target(&host);
    let expected = Reason::LoginRefused {
        offered: vec![format!("ED25519 {}", target.identity_file.as_ref().unwrap().display())],
        accepts: vec!["publickey".to_owned()],
        half: false,
        said: String::new(),
    };
    assert_eq!(operator.refused(&target).await, expected);
    assert_eq!(host.logins().len(), 1);
}

#[tokio::test]
async fn a_wrong_user_is_refused() {
    let host = SshServer::new().start();
    let operator = Operator::trusting([&host]);
    let reason = operator.refused(&Target { user: "root".to_owned(), ..target(&host) }).await;
    assert!(matches!(reason, Reason::LoginRefused { .. }));
}

#[tokio::test]
async fn a_host_that_wants_more_than_a_key_says_so() {
    let host = SshServer::new().wants_more().accepts([MethodKind::Password]).start();
    let operator = Operator::trusting([&host]);
    let reason = operator.refused(&target(&host)).await;
    assert!(matches!(reason, Reason::LoginRefused { accepts, half: true, .. } if accepts == ["password"]));
}

#[tokio::test]
async fn rsa_keys_log_in() {
    let host = SshServer::new().user_key(new_key_of(Algorithm::Rsa { hash: None })).start();
    assert!(Operator::trusting([&host]).open(&host).await.is_ok());
}

#[tokio::test]
async fn an_encrypted_key_is_decrypted_once_for_all_hosts() {
    let key = new_key();
    let hosts = [0; 3].map(|_| SshServer::new().user_key(key.clone()).start());
    let mut operator = Operator::trusting(&hosts);
    operator.passphrase = Some("swordfish");
    let path = operator.folder.path().join("encrypted");
    key.encrypt(&mut rand::rng(), "swordfish").unwrap().write_openssh_file(&path, LineEnding::LF).unwrap();
    let client = operator.client();
    let targets = hosts.each_ref().map(|host| Target { identity_file: Some(path.clone()), ..target(host) });
    let (one, two, three) = tokio::join!(client.open(&targets[0]), client.open(&targets[1]), client.open(&targets[2]));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(operator.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_passphrase_that_nobody_gives_or_knows_stops_before_the_host_is_touched() {
    let host = SshServer::new().start();
    let mut operator = Operator::trusting([&host]);
    let path = operator.folder.path().join("encrypted");
    new_key().encrypt(&mut rand::rng(), "swordfish").unwrap().write_openssh_file(&path, LineEnding::LF).unwrap();
    let target = Target { identity_file: Some(path.clone()), ..target(&host) };
    assert_eq!(operator.refused(&target).await, Reason::PassphraseNeeded { path });
    assert_eq!(operator.asked.load(Ordering::SeqCst), 1);

    operator.passphrase = Some("wrong");
    assert!(matches!(operator.refused(&target).await, Reason::KeyUnreadable { .. }));
    assert_eq!(operator.asked.load(Ordering::SeqCst), 4, "three attempts");
    assert_eq!(host.connections(), 0);
}

#[tokio::test]
async fn a_file_that_is_no_key_stops_before_the_host_is_touched() {
    let host = SshServer::new().start();
    let operator = Operator::trusting([&host]);
    let path = operator.folder.path().join("nonsense");
    let target = Target { identity_file: Some(path.clone()), ..target(&host) };
    let missing =
        Reason::KeyUnreadable { path: path.clone(), cause: "No such file or directory (os error 2)".to_owned() };
    assert_eq!(operator.refused(&target).await, missing);
    fs::write(&path, "nonsense").unwrap();
    assert!(matches!(operator.refused(&target).await, Reason::KeyUnreadable { .. }));
    fs::write(&path, new_key().public_key().to_openssh().unwrap()).unwrap();
    let cause = "SSH_AUTH_SOCK is not set: no agent runs".to_owned();
    assert_eq!(operator.refused(&target).await, Reason::NotInAgent { path, cause });
    assert_eq!(host.connections(), 0);
}

#[tokio::test]
async fn without_agent_and_file_there_is_nothing_to_try() {
    let host = SshServer::new().start();
    let operator = Operator::trusting([&host]);
    let target = Target { identity_file: None, ..target(&host) };
    let cause = "SSH_AUTH_SOCK is not set: no agent runs".to_owned();
    assert_eq!(operator.refused(&target).await, Reason::NoKeys { cause });
    assert_eq!(host.connections(), 0);
}
