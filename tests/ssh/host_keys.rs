//! Host keys: strangers and changes stop everything before a login is tried.

use crate::*;

#[tokio::test]
async fn an_unknown_key_stops_everything() {
    let host = SshServer::new().start();
    let operator = Operator::new();
    let reason = operator.refused(&target(&host)).await;
    let Reason::HostKeyUnknown { key, known_hosts } = reason else { panic!("{reason:?}") };
    assert_eq!((key.fingerprint(), known_hosts), (host.fingerprint(), operator.known_hosts()));
    assert!(host.logins().is_empty());
}

#[tokio::test]
async fn a_changed_key_stops_everything() {
    let host = SshServer::new().start();
    let operator = Operator::trusting([&host]);
    host.replaces_its_key();
    let reason = operator.refused(&target(&host)).await;
    assert!(matches!(&reason, Reason::HostKeyChanged { key, line: 1, .. } if key.fingerprint() == host.fingerprint()));
    assert!(host.logins().is_empty());
}

#[tokio::test]
async fn a_revoked_key_stops_everything() {
    let host = SshServer::new().start();
    let operator = Operator::trusting([&host]);
    let line = host.known_hosts_line();
    fs::write(operator.known_hosts(), format!("{line}@revoked {line}")).unwrap();
    assert!(matches!(operator.refused(&target(&host)).await, Reason::HostKeyRevoked { line: 2, .. }));
    assert!(host.logins().is_empty());
}

#[tokio::test]
async fn the_pinned_type_is_asked_for() {
    for pinned in [Algorithm::Ed25519, ECDSA, Algorithm::Rsa { hash: None }] {
        let keys = [Algorithm::Ed25519, ECDSA, Algorithm::Rsa { hash: None }].map(new_key_of);
        let key = keys.iter().find(|key| key.algorithm() == pinned).unwrap().public_key().to_openssh().unwrap();
        let host = SshServer::new().host_keys(keys).start();
        let operator = Operator::new();
        fs::write(operator.known_hosts(), format!("[127.0.0.1]:{} {key}", host.port())).unwrap();
        assert!(operator.open(&host).await.is_ok(), "{pinned}");
    }
}

#[tokio::test]
async fn looking_at_a_key_logs_nobody_in() {
    let host = SshServer::new().start();
    let operator = Operator::new();
    let key = operator.client().offered_host_key(&target(&host)).await.unwrap();
    assert_eq!((key.fingerprint(), key.algorithm()), (host.fingerprint(), "ssh-ed25519".to_owned()));
    assert_eq!(format!("{}\n", key.line("127.0.0.1", host.port())), host.known_hosts_line());
    assert!(host.logins().is_empty());

    let mut known_hosts = KnownHosts::load(&operator.known_hosts()).unwrap();
    known_hosts.append("127.0.0.1", host.port(), &key).unwrap();
    assert!(operator.open(&host).await.is_ok());
    // A trusted host is not let in either when only its key is wanted.
    assert_eq!(operator.client().offered_host_key(&target(&host)).await.unwrap(), key);
    assert_eq!(host.logins().len(), 1);
}
