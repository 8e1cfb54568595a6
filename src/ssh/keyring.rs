//! What there is to log in with: private keys, each read and decrypted once, and the agent.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use super::errors::Reason;
use super::key_file::{KeyFile, decrypt};
use super::target::Target;
use crate::secret::Secret;

/// How many of the agent's keys a host is shown, on as many connections as it takes: every one it does not know counts against
/// the user.
const AGENT_KEYS: usize = 20;
/// How often a person may mistype a passphrase.
const ATTEMPTS: usize = 3;

type Ask = dyn Fn(&Path) -> Option<Secret> + Send + Sync;

/// Private keys and the agent, shared by all logins of one run.
pub struct Keyring {
    agent: Option<PathBuf>,
    ask: Arc<Ask>,
    /// Held while a person types: nobody is asked two things at once, nor one thing twice.
    files: Mutex<HashMap<PathBuf, Result<FileKey, Reason>>>,
    /// The key that let us in, by target: later logins begin with it.
    accepted: std::sync::Mutex<HashMap<Login, KeyData>>,
}

/// A login as far as keys are concerned: address, port, user.
type Login = (String, u16, String);

/// What came of a key file.
#[derive(Clone)]
enum FileKey {
    Ours(Arc<PrivateKey>),
    Agents(PublicKey),
}

/// One key to try.
pub(super) enum Identity {
    File { key: Arc<PrivateKey>, path: PathBuf },
    Agent(Box<AgentIdentity>),
}

/// The keys that are still to be tried at one login, in order, and the agent that signs for some of them.
pub(super) struct Identities {
    pub(super) keys: VecDeque<Identity>,
    pub(super) agent: Option<AgentClient<UnixStream>>,
}

impl Keyring {
    /// `ask` gives the passphrase of a key file, or `None` when there is nobody to ask. It may block.
    pub fn new(ask: impl Fn(&Path) -> Option<Secret> + Send + Sync + 'static) -> Self {
        let agent = std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from);
        Self { agent, ask: Arc::new(ask), files: Mutex::default(), accepted: std::sync::Mutex::default() }
    }

    /// Uses the agent at this socket, or none, instead of the one that `SSH_AUTH_SOCK` names.
    #[must_use]
    pub fn with_agent(mut self, socket: Option<PathBuf>) -> Self {
        self.agent = socket;
        self
    }

    /// The identity file only, when there is one; otherwise the agent's keys, first the one that the target has accepted before.
    pub(super) async fn identities(&self, target: &Target) -> Result<Identities, Reason> {
        let Some(path) = &target.identity_file else {
            let mut identities = self.agent_identities().await?;
            let accepted = self.accepted.lock().ok().and_then(|accepted| accepted.get(&login(target)).cloned());
            let good = |identity: &Identity| Some(identity.key_data()) == accepted.as_ref();
            identities.keys.make_contiguous().sort_by_key(|identity| !good(identity));
            identities.keys.truncate(AGENT_KEYS);
            return Ok(identities);
        };
        match self.file(path).await? {
            FileKey::Ours(key) => {
                Ok(Identities { keys: [Identity::File { key, path: path.clone() }].into(), agent: None })
            }
            FileKey::Agents(public) => {
                let (held, agent) = self.held(&public).await.ok_or_else(|| self.not_in_agent(path))?;
                Ok(Identities { keys: [Identity::Agent(Box::new(held))].into(), agent: Some(agent) })
            }
        }
    }

    /// Notes which key the target let in.
    pub(super) fn accepted(&self, target: &Target, identity: &Identity) {
        if let Ok(mut accepted) = self.accepted.lock() {
            accepted.insert(login(target), identity.key_data().clone());
        }
    }

    fn not_in_agent(&self, path: &Path) -> Reason {
        let cause = match &self.agent {
            None => "SSH_AUTH_SOCK is not set: no agent runs".to_owned(),
            Some(socket) => {
                format!("{} is a public key, and ssh-add -l does not list it ({})", path.display(), socket.display())
            }
        };
        Reason::NotInAgent { path: path.to_owned(), cause }
    }

    async fn agent_identities(&self) -> Result<Identities, Reason> {
        let no_keys = |cause: String| Reason::NoKeys { cause };
        let socket =
            self.agent.as_ref().ok_or_else(|| no_keys("SSH_AUTH_SOCK is not set: no agent runs".to_owned()))?;
        let failed = |error| no_keys(format!("the agent at {} failed: {error}", socket.display()));
        let mut agent = AgentClient::connect_uds(socket).await.map_err(failed)?;
        let keys: Vec<_> = agent.request_identities().await.map_err(failed)?;
        if keys.is_empty() {
            return Err(no_keys("the agent holds no key".to_owned()));
        }
        let keys = keys.into_iter().map(|key| Identity::Agent(Box::new(key))).collect();
        Ok(Identities { keys, agent: Some(agent) })
    }

    /// The agent's own identity with this public half.
    async fn held(&self, public: &PublicKey) -> Option<(AgentIdentity, AgentClient<UnixStream>)> {
        let mut agent = AgentClient::connect_uds(self.agent.as_ref()?).await.ok()?;
        let mut identities = agent.request_identities().await.ok()?.into_iter();
        let held = identities.find(
            |identity| matches!(identity, AgentIdentity::PublicKey { key, .. } if key.key_data() == public.key_data()),
        )?;
        Some((held, agent))
    }

    async fn file(&self, path: &Path) -> Result<FileKey, Reason> {
        let mut files = self.files.lock().await;
        if let Some(known) = files.get(path) {
            return known.clone();
        }
        let outcome = self.read(path).await;
        files.insert(path.to_owned(), outcome.clone());
        outcome
    }

    async fn read(&self, path: &Path) -> Result<FileKey, Reason> {
        let unreadable = |cause| Reason::KeyUnreadable { path: path.to_owned(), cause };
        let (public, text) = match KeyFile::read(path).map_err(unreadable)? {
            KeyFile::Private(key) => return Ok(FileKey::Ours(Arc::from(key))),
            KeyFile::Public(public) if self.held(&public).await.is_some() => return Ok(FileKey::Agents(public)),
            KeyFile::Public(_) => return Err(self.not_in_agent(path)),
            KeyFile::Encrypted { public, text } => (public, text),
        };
        // As ssh does: an agent that holds the key spares the person the passphrase.
        if let Some(public) = public
            && self.held(&public).await.is_some()
        {
            return Ok(FileKey::Agents(public));
        }
        let (ask, asked) = (Arc::clone(&self.ask), path.to_owned());
        // A person types slowly, and the key derivation is slow on purpose.
        let unlocking = tokio::task::spawn_blocking(move || {
            let mut failure = Reason::PassphraseNeeded { path: asked.clone() };
            for _ in 0..ATTEMPTS {
                let Some(passphrase) = ask(&asked) else { break };
                match decrypt(&text, &passphrase) {
                    Ok(key) => return Ok(FileKey::Ours(Arc::new(key))),
                    Err(cause) => {
                        let cause = format!("the passphrase does not open it: {cause}");
                        failure = Reason::KeyUnreadable { path: asked.clone(), cause };
                    }
                }
            }
            Err(failure)
        });
        unlocking.await.map_err(|error| unreadable(error.to_string()))?
    }
}

fn login(target: &Target) -> Login {
    (target.address.clone(), target.port, target.user.clone())
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keyring").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl Identity {
    fn key_data(&self) -> &KeyData {
        match self {
            Self::File { key, .. } => key.public_key().key_data(),
            Self::Agent(identity) => match identity.as_ref() {
                AgentIdentity::PublicKey { key, .. } => key.key_data(),
                AgentIdentity::Certificate { certificate, .. } => certificate.public_key(),
            },
        }
    }

    /// `ssh-ed25519`.
    pub(super) fn key_type(&self) -> String {
        match self {
            Self::File { key, .. } => key.algorithm().to_string(),
            Self::Agent(identity) => identity.public_key().algorithm().to_string(),
        }
    }
}

/// `ED25519 laptop (agent)`, `RSA /home/ops/.ssh/id_rsa`.
impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { key, path } => write!(formatter, "{} {}", kind(&key.algorithm()), path.display()),
            Self::Agent(identity) => {
                write!(formatter, "{} {} (agent)", kind(&identity.public_key().algorithm()), identity.comment())
            }
        }
    }
}

fn kind(algorithm: &Algorithm) -> &str {
    match algorithm {
        Algorithm::Ed25519 => "ED25519",
        Algorithm::Ecdsa { .. } => "ECDSA",
        Algorithm::Rsa { .. } => "RSA",
        Algorithm::SkEd25519 => "ED25519-SK",
        Algorithm::SkEcdsaSha2NistP256 => "ECDSA-SK",
        other => other.as_str(),
    }
}
