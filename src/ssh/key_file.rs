//! Private key files: OpenSSH, PKCS#8, PKCS#1, SEC1 and PuTTY, encrypted or not.

use std::fs;
use std::path::Path;

use russh::keys::{PrivateKey, PublicKey, decode_secret_key};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A key file as far as it can be read without a passphrase.
pub(super) enum KeyFile {
    /// Ready to sign.
    Private(Box<PrivateKey>),
    /// Needs a passphrase; most formats tell the public half anyway.
    Encrypted { public: Option<PublicKey>, text: Zeroizing<String> },
    /// Only a public key: the agent may hold the private half.
    Public(PublicKey),
}

impl KeyFile {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| error.to_string())?);
        if let Ok(public) = PublicKey::from_openssh(text.trim()) {
            return Ok(Self::Public(public));
        }
        if is_encrypted(&text) {
            let public = PrivateKey::from_openssh(text.as_bytes()).ok().map(|key| key.public_key().clone());
            return Ok(Self::Encrypted { public, text });
        }
        decode_secret_key(&text, None).map(|key| Self::Private(Box::new(key))).map_err(|error| error.to_string())
    }
}

/// Decrypts a key. The error says what is wrong, which is the passphrase more often than not.
pub(super) fn decrypt(text: &str, passphrase: &Secret) -> Result<PrivateKey, String> {
    let passphrase = std::str::from_utf8(passphrase.expose()).map_err(|error| error.to_string())?;
    decode_secret_key(text, Some(passphrase)).map_err(|error| error.to_string())
}

fn is_encrypted(text: &str) -> bool {
    let marked = |line: &str| {
        line.starts_with("-----BEGIN ENCRYPTED")
            || (line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED"))
            || line.strip_prefix("Encryption:").is_some_and(|cipher| cipher.trim() != "none")
    };
    text.lines().any(marked) || PrivateKey::from_openssh(text.as_bytes()).is_ok_and(|key| key.is_encrypted())
}
