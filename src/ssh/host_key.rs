//! A machine's public key, as it is shown, compared and written down.

use std::fmt;

use russh::keys::{Algorithm, HashAlg, PublicKey};

use super::target::known_hosts_name;

/// A host's public key.
#[derive(Clone, PartialEq, Eq)]
pub struct HostKey(Box<PublicKey>);

impl HostKey {
    /// Takes the key without its comment, so that equal keys are equal.
    pub(super) fn new(key: &PublicKey) -> Self {
        Self(Box::new(PublicKey::new(key.key_data().clone(), "")))
    }

    /// The key of `ssh-ed25519 AAAA…`; `None` when it is none, or of a type that cannot be a host's key here.
    pub(super) fn parse(kind: &str, base64: &str) -> Option<Self> {
        let key = PublicKey::from_openssh(&format!("{kind} {base64}")).ok()?;
        let usable = matches!(key.algorithm(), Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. });
        usable.then(|| Self::new(&key))
    }

    pub(super) fn kind(&self) -> Algorithm {
        self.0.algorithm()
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`, …
    pub fn algorithm(&self) -> String {
        self.0.algorithm().to_string()
    }

    /// The line that pins this key in a `known_hosts` file, without a line end.
    pub fn line(&self, address: &str, port: u16) -> String {
        // Encoding a key that was decoded cannot fail; a line without a key would match nothing.
        let key = self.0.to_openssh().unwrap_or_default();
        format!("{} {key}", known_hosts_name(address, port))
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.algorithm(), self.fingerprint())
    }
}
