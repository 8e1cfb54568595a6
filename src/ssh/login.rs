//! Logging in: as few keys as possible, and the first that is accepted ends it.

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

/// Tries the keys in order. The session is of no use after an error.
pub(super) async fn login(link: &mut Link, user: &str, identities: Identities) -> Result<(), Reason> {
    let Identities { keys, mut agent } = identities;
    let mut offered = Vec::new();
    let mut accepts = MethodSet::empty();
    for identity in &keys {
        offered.push(identity.to_string());
        match attempt(&mut link.handle, user, identity, agent.as_mut()).await? {
            AuthResult::Success => {
                link.login_key = identity.key_type();
                return Ok(());
            }
            AuthResult::Failure { remaining_methods, partial_success } => {
                accepts = remaining_methods;
                if partial_success {
                    return Err(Reason::LoginRefused { offered, accepts: names(&accepts), half: true });
                }
                // A host that hung up, or takes no keys at all, is not shown the others.
                if !accepts.contains(&russh::MethodKind::PublicKey) {
                    break;
                }
            }
        }
    }
    Err(Reason::LoginRefused { offered, accepts: names(&accepts), half: false })
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
