//! Logging in on one connection: the first key that is accepted ends it.

use russh::MethodSet;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg};
use tokio::net::UnixStream;

use super::errors::Reason;
use super::handshake::Gate;
use super::keyring::{Identities, Identity};
use super::link::{Link, words};

/// What came of the keys so far, on one connection after the other.
pub(super) struct Tried {
    offered: Vec<String>,
    accepts: MethodSet,
    said: String,
}

impl Tried {
    pub(super) fn nothing() -> Self {
        Self { offered: Vec::new(), accepts: MethodSet::empty(), said: String::new() }
    }

    /// The refusal that this amounts to.
    pub(super) fn refusal(self, half: bool) -> Reason {
        Reason::LoginRefused { offered: self.offered, accepts: names(&self.accepts), half, said: self.said }
    }
}

/// How a connection's attempts ended.
pub(super) enum Ended {
    /// This key let us in.
    In(Identity),
    /// The host hung up: after as many keys as it allows on one connection, or because it does not want this login.
    HungUp,
    /// Every key was refused; `half` when one was accepted and is not enough.
    Refused { half: bool },
}

/// Tries the keys in order and takes away those that were tried. The session is of no use unless one let us in.
pub(super) async fn login(
    link: &mut Link,
    user: &str,
    identities: &mut Identities,
    tried: &mut Tried,
) -> Result<Ended, Reason> {
    while let Some(identity) = identities.keys.pop_front() {
        tried.offered.push(identity.to_string());
        let outcome = match attempt(&mut link.handle, user, &identity, identities.agent.as_mut()).await {
            // It may hang up between two keys.
            Err(_) if link.is_dead() => hung_up(),
            outcome => outcome?,
        };
        match outcome {
            AuthResult::Success => {
                link.login_key = identity.key_type();
                return Ok(Ended::In(identity));
            }
            AuthResult::Failure { remaining_methods, partial_success } => {
                tried.accepts = remaining_methods;
                if partial_success {
                    return Ok(Ended::Refused { half: true });
                }
                if tried.accepts.is_empty() {
                    // A host that has seen enough keys says so; what it showed before is then its greeting.
                    if !link.death().await.contains(TOO_MANY) {
                        tried.said = link.banner();
                    }
                    return Ok(Ended::HungUp);
                }
                // A host that takes no keys at all is not shown the others.
                if !tried.accepts.contains(&russh::MethodKind::PublicKey) {
                    break;
                }
            }
        }
    }
    Ok(Ended::Refused { half: false })
}

/// OpenSSH's words.
const TOO_MANY: &str = "Too many authentication failures";

/// As russh has it for a session that ended during an attempt.
fn hung_up() -> AuthResult {
    AuthResult::Failure { remaining_methods: MethodSet::empty(), partial_success: false }
}

async fn attempt(
    handle: &mut Handle<Gate>,
    user: &str,
    identity: &Identity,
    agent: Option<&mut AgentClient<UnixStream>>,
) -> Result<AuthResult, Reason> {
    let handshake = |error: russh::Error| Reason::Handshake { cause: words(&error) };
    let agents = |error: russh::AgentAuthError| Reason::Agent { cause: error.to_string() };
    let (identity, agent) = match (identity, agent) {
        (Identity::File { key, .. }, _) => {
            let hash = hash(handle, &key.algorithm()).await.map_err(handshake)?;
            let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
            return handle.authenticate_publickey(user, key).await.map_err(handshake);
        }
        (Identity::Agent(_), None) => return Err(Reason::Agent { cause: "it is gone".to_owned() }),
        (Identity::Agent(identity), Some(agent)) => (identity, agent),
    };
    let hash = hash(handle, &identity.public_key().algorithm()).await.map_err(handshake)?;
    match identity.as_ref() {
        AgentIdentity::PublicKey { key, .. } => {
            handle.authenticate_publickey_with(user, key.clone(), hash, agent).await.map_err(agents)
        }
        AgentIdentity::Certificate { certificate, .. } => {
            handle.authenticate_certificate_with(user, certificate.clone(), hash, agent).await.map_err(agents)
        }
    }
}

/// RSA keys sign with SHA-2, never with SHA-1; other keys leave no choice.
async fn hash(handle: &Handle<Gate>, algorithm: &Algorithm) -> Result<Option<HashAlg>, russh::Error> {
    if !matches!(algorithm, Algorithm::Rsa { .. }) {
        return Ok(None);
    }
    Ok(handle.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha512)))
}

fn names(methods: &MethodSet) -> Vec<String> {
    methods.iter().map(|method| <&str>::from(method).to_owned()).collect()
}
