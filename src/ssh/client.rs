//! What all logins of one run share, and the way from a target to a connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::bastion::Bastions;
use super::connection::Connection;
use super::dial::dial;
use super::errors::{ConnectError, Reason};
use super::handshake::{Purpose, Refused, Shown, handshake, refusal};
use super::host_key::HostKey;
use super::keyring::Keyring;
use super::known_hosts::KnownHosts;
use super::link::Link;
use super::login::{Ended, Tried, login};
use super::target::Target;

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A TCP connection.
    pub connect: Duration,
    /// The handshake, up to the host key's check.
    pub handshake: Duration,
    /// The login: an agent may ask a person to touch a key.
    pub login: Duration,
    /// A channel, from a host that refuses another one for now.
    pub channel: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), handshake: seconds(20), login: seconds(60), channel: seconds(20) }
    }
}

/// Logs in to machines.
pub struct Client {
    known_hosts: Arc<KnownHosts>,
    keyring: Keyring,
    patience: Patience,
    bastions: Bastions,
}

impl Client {
    /// A client that has not connected to anything yet.
    pub fn new(known_hosts: KnownHosts, keyring: Keyring, patience: Patience) -> Self {
        Self { known_hosts: Arc::new(known_hosts), keyring, patience, bastions: Bastions::default() }
    }

    /// Connects, checks the host key and logs in; through the bastion when the target has one.
    ///
    /// # Errors
    /// [`ConnectError`] says which of these failed. There is no second attempt: hosts count failed logins.
    pub async fn open(&self, target: &Target) -> Result<Connection, ConnectError> {
        let through = self.bastion(target).await?;
        let link = self.session(target, through).await?;
        Ok(Connection::new(target.name.clone(), Arc::new(link), self.patience.channel))
    }

    /// The key that a host shows, without logging in to it (to its bastion, if need be). The pinned type is asked for
    /// when there is one, otherwise Ed25519 before ECDSA before RSA.
    ///
    /// # Errors
    /// [`ConnectError`], when the host shows no key, or its bastion cannot be used.
    pub async fn offered_host_key(&self, target: &Target) -> Result<HostKey, ConnectError> {
        let through = self.bastion(target).await?;
        match self.shake(target, through, Purpose::Look).await? {
            // Whoever only looks always hangs up.
            Ok(_) => Err(Reason::Handshake { cause: "the host showed no key".to_owned() }.at(target)),
            Err(Refused { shown: Some(Shown::Key(key)), .. }) => Ok(key),
            Err(refused) => Err(refusal(target, refused, &self.known_hosts).at(target)),
        }
    }

    async fn bastion(&self, target: &Target) -> Result<Option<Arc<Link>>, ConnectError> {
        let Some(bastion) = &target.bastion else {
            return Ok(None);
        };
        let session = self.bastions.session(bastion, async || self.session(&Target::from(bastion), None).await).await;
        session.map(Some).map_err(|error| Reason::BastionFailed(Box::new(error)).at(target))
    }

    async fn session(&self, target: &Target, through: Option<Arc<Link>>) -> Result<Link, ConnectError> {
        // Keys first: a connection without a login is held against us by newer servers.
        let mut keys = self.keyring.identities(target).await.map_err(|reason| reason.at(target))?;
        let mut tried = Tried::nothing();
        loop {
            let shaken = self.shake(target, through.clone(), Purpose::LogIn).await?;
            let mut link = shaken.map_err(|refused| refusal(target, refused, &self.known_hosts).at(target))?;
            let patience = self.patience.login;
            let login = timeout(patience, login(&mut link, &target.user, &mut keys, &mut tried)).await;
            let too_late = |_| Reason::TimedOut { awaited: "the login", after: patience };
            match login.map_err(too_late).flatten().map_err(|reason| reason.at(target))? {
                Ended::In(identity) => {
                    self.keyring.accepted(target, &identity);
                    return Ok(link);
                }
                // sshd hangs up after `MaxAuthTries` keys that it does not know: the others are shown on another connection.
                Ended::HungUp if !keys.keys.is_empty() => {}
                Ended::HungUp => return Err(tried.refusal(false).at(target)),
                Ended::Refused { half } => return Err(tried.refusal(half).at(target)),
            }
        }
    }

    async fn shake(
        &self,
        target: &Target,
        through: Option<Arc<Link>>,
        purpose: Purpose,
    ) -> Result<Result<Link, Refused>, ConnectError> {
        let stream = dial(target, through.as_ref(), self.patience.connect).await.map_err(|reason| reason.at(target))?;
        let after = self.patience.handshake;
        let too_late = |_| Reason::TimedOut { awaited: "the SSH handshake", after }.at(target);
        timeout(after, handshake(target, stream, through, &self.known_hosts, purpose)).await.map_err(too_late)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}
