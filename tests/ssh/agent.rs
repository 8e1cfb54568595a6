//! Logins with a real ssh-agent.

use crate::*;
use std::process::{Child, Command, Stdio};

/// A real ssh-agent that holds some keys.
pub(crate) struct Agent {
    folder: TempDir,
    process: Child,
}

impl Agent {
    pub(crate) fn holding(keys: &[&PrivateKey]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let mut process = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::piped())
            .spawn()
            .expect("ssh-agent is needed: apt-get install openssh-client");
        // It names its socket once it listens.
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
        assert!(line.contains("SSH_AUTH_SOCK"));
        let agent = Self { folder, process };
        for (index, key) in keys.iter().enumerate() {
            let path = agent.folder.path().join(format!("key{index}"));
            key.write_openssh_file(&path, LineEnding::LF).unwrap();
            let mut add = Command::new("ssh-add");
            let added = add.arg("-q").arg(&path).env("SSH_AUTH_SOCK", agent.socket()).status().unwrap();
            assert!(added.success());
        }
        agent
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("agent")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn named(mut key: PrivateKey, comment: &str) -> PrivateKey {
    key.set_comment(comment);
    key
}

#[tokio::test]
async fn the_first_key_that_is_accepted_ends_the_login() {
    let (wrong, right, never) = (named(new_key(), "old"), named(new_key(), "laptop"), named(new_key(), "spare"));
    let host = SshServer::new().user_key(right.clone()).start();
    let agent = Agent::holding(&[&wrong, &right, &never]);
    let mut operator = Operator::trusting([&host]);
    operator.agent = Some(agent.socket());
    let target = Target { identity_file: None, ..target(&host) };
    assert!(operator.client().open(&target).await.is_ok());
    let expected = [&wrong, &right].map(|key| format!("ops {}", key.fingerprint(HashAlg::Sha256)));
    assert_eq!(host.logins(), expected);
}

#[tokio::test]
async fn every_key_is_tried_and_named() {
    let keys: Vec<PrivateKey> = (1..=6).map(|number| named(new_key(), &format!("key {number}"))).collect();
    let host = SshServer::new().start();
    let agent = Agent::holding(&keys.iter().collect::<Vec<_>>());
    let mut operator = Operator::trusting([&host]);
    operator.agent = Some(agent.socket());
    let reason = operator.refused(&Target { identity_file: None, ..target(&host) }).await;
    let Reason::LoginRefused { offered, .. } = reason else { panic!("{reason:?}") };
    assert_eq!(offered, (1..=6).map(|number| format!("ED25519 key {number} (agent)")).collect::<Vec<_>>());
    assert_eq!(host.logins().len(), 6);
}

#[tokio::test]
async fn the_key_that_was_accepted_comes_first_at_the_next_login() {
    let (wrong, right) = (new_key(), new_key());
    let host = SshServer::new().user_key(right.clone()).start();
    let agent = Agent::holding(&[&wrong, &new_key(), &right]);
    let mut operator = Operator::trusting([&host]);
    operator.agent = Some(agent.socket());
    let (client, target) = (operator.client(), Target { identity_file: None, ..target(&host) });
    assert!(client.open(&target).await.is_ok());
    assert_eq!(host.logins().len(), 3);
    assert!(client.open(&target).await.is_ok());
    assert_eq!(host.logins()[3..], [format!("ops {}", right.fingerprint(HashAlg::Sha256))]);
}

#[tokio::test]
async fn a_public_key_names_the_one_of_the_agent_that_is_meant() {
    let right = new_key();
    let host = SshServer::new().user_key(right.clone()).start();
    let mut operator = Operator::trusting([&host]);
    let path = operator.folder.path().join("laptop.pub");
    fs::write(&path, right.public_key().to_openssh().unwrap()).unwrap();
    let target = Target { identity_file: Some(path.clone()), ..target(&host) };
    let with = Agent::holding(&[&new_key(), &new_key(), &new_key(), &right]);
    operator.agent = Some(with.socket());
    assert!(operator.client().open(&target).await.is_ok());
    assert_eq!(host.logins().len(), 1, "no other key of the agent is shown");

    let without = Agent::holding(&[&new_key()]);
    operator.agent = Some(without.socket());
    let reason = operator.refused(&target).await;
    let problem = Problem::from(ConnectError { target: Box::new(target), reason });
    assert_eq!(problem.what, format!("w1 cannot be logged in to: the agent does not hold the key {}", path.display()));
    assert_eq!(problem.next, format!("ssh-add {}", path.with_extension("").display()));
    assert_eq!(host.logins().len(), 1);
}

#[tokio::test]
async fn rsa_keys_sign() {
    let key = new_key_of(Algorithm::Rsa { hash: None });
    let host = SshServer::new().user_key(key.clone()).start();
    let agent = Agent::holding(&[&key]);
    let mut operator = Operator::trusting([&host]);
    operator.agent = Some(agent.socket());
    assert!(operator.client().open(&Target { identity_file: None, ..target(&host) }).await.is_ok());
}

#[tokio::test]
async fn an_agent_that_holds_the_encrypted_key_spares_the_passphrase() {
    let key = new_key();
    let host = SshServer::new().user_key(key.clone()).start();
    let agent = Agent::holding(&[&new_key(), &key]);
    let mut operator = Operator::trusting([&host]);
    operator.agent = Some(agent.socket());
    let path = operator.folder.path().join("encrypted");
    key.encrypt(&mut rand::rng(), "swordfish").unwrap().write_openssh_file(&path, LineEnding::LF).unwrap();
    assert!(operator.client().open(&Target { identity_file: Some(path), ..target(&host) }).await.is_ok());
    assert_eq!(operator.asked.load(Ordering::SeqCst), 0);
    assert_eq!(host.logins().len(), 1, "no other key of the agent is shown");
}

#[tokio::test]
async fn an_agent_without_keys_and_an_agent_that_is_gone_are_told_apart() {
    let host = SshServer::new().start();
    let agent = Agent::holding(&[]);
    let mut operator = Operator::trusting([&host]);
    operator.agent = Some(agent.socket());
    let target = Target { identity_file: None, ..target(&host) };
    assert_eq!(operator.refused(&target).await, Reason::NoKeys { cause: "the agent holds no key".to_owned() });
    operator.agent = Some("/nowhere/agent".into());
    let reason = operator.refused(&target).await;
    assert!(matches!(reason, Reason::NoKeys { cause } if cause.starts_with("the agent at /nowhere/agent failed")));
}
