//! Logins and commands against a server in this process that misbehaves on purpose.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod agent;
mod bastion;
mod commands;
mod host_keys;
mod logins;
mod loss;
mod reach;
mod sshd;
#[path = "../support/mod.rs"]
mod support;
mod words;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use forge::error::{Exit, Problem};
use forge::inventory::cluster::Bastion;
use forge::secret::Secret;
use forge::ssh::{
    ChannelError, Chunk, Client, ConnectError, Connection, Keyring, KnownHosts, Outcome, Patience, Reason, Running,
    Target, Traffic,
};
use russh::MethodKind;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use support::ssh_server::{ECDSA, Reply, RunningServer, SshServer, new_key, new_key_of};
use tempfile::TempDir;

/// A folder with a `known_hosts`, and what is needed to log in.
struct Operator {
    folder: TempDir,
    asked: Arc<AtomicUsize>,
    passphrase: Option<&'static str>,
    agent: Option<PathBuf>,
    patience: Patience,
}

impl Operator {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, asked: Arc::default(), passphrase: None, agent: None, patience: Patience::default() }
    }

    fn trusting<'a>(hosts: impl IntoIterator<Item = &'a RunningServer>) -> Self {
        let operator = Self::new();
        let lines: String = hosts.into_iter().map(RunningServer::known_hosts_line).collect();
        fs::write(operator.known_hosts(), lines).unwrap();
        operator
    }

    fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    fn client(&self) -> Client {
        let (asked, passphrase) = (Arc::clone(&self.asked), self.passphrase);
        let ask = move |_: &std::path::Path| {
            asked.fetch_add(1, Ordering::SeqCst);
            passphrase.map(Secret::new)
        };
        let keyring = Keyring::new(ask).with_agent(self.agent.clone());
        Client::new(KnownHosts::load(&self.known_hosts()).unwrap(), keyring, self.patience)
    }

    async fn open(&self, host: &RunningServer) -> Result<Connection, ConnectError> {
        self.client().open(&target(host)).await
    }

    async fn refused(&self, target: &Target) -> Reason {
        self.client().open(target).await.unwrap_err().reason
    }
}

fn target(host: &RunningServer) -> Target {
    Target {
        name: "w1".to_owned(),
        address: "127.0.0.1".to_owned(),
        port: host.port(),
        user: "ops".to_owned(),
        identity_file: Some(host.identity_file().to_owned()),
        bastion: None,
    }
}

fn behind(bastion: &RunningServer, target: Target) -> Target {
    let bastion = Bastion {
        address: "localhost".to_owned(),
        user: "ops".to_owned(),
        port: bastion.port(),
        identity_file: Some(bastion.identity_file().to_owned()),
    };
    Target { bastion: Some(bastion), ..target }
}

fn nothing() -> Secret {
    Secret::new([])
}

/// Everything a command printed, and how it ended.
async fn finish(mut running: Running) -> (Vec<u8>, Vec<u8>, Outcome) {
    running.close_input();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some(chunk) = running.next().await {
        match chunk {
            Chunk::Out(bytes) => out.extend(bytes),
            Chunk::Err(bytes) => err.extend(bytes),
        }
    }
    (out, err, running.wait().await)
}
