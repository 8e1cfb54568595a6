//! One key of an encryption configuration.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::{Secret, hex};

/// Bytes of a key: what secretbox demands, and AES-256 for the others.
const LENGTH: usize = 32;

/// A named key. The name is written in front of every object that it encrypts, so it never stands for other bytes.
#[derive(Clone, Debug)]
pub struct EncryptionKey {
    /// For instance `key-20261123-5f3a9c`.
    pub name: String,
    /// The raw bytes.
    pub secret: Secret,
}

impl EncryptionKey {
    /// A new key of 32 bytes from the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate(name: impl Into<String>) -> std::io::Result<Self> {
        Ok(Self { name: name.into(), secret: Secret::random(LENGTH)? })
    }

    /// Standard base64 with padding, as the API server reads it.
    pub(super) fn base64(&self) -> String {
        STANDARD.encode(self.secret.expose())
    }
}

/// A name for a key made on `date` (`20261123`): `key-20261123-5f3a9c`. The end is random, because a name that was used and is
/// gone from the file stays behind in backups of etcd, where nobody looks before a new one is chosen.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn key_name(date: &str) -> std::io::Result<String> {
    Ok(format!("key-{date}-{}", hex(Secret::random(3)?.expose())))
}

/// The day (`20261123`) in a name that [`key_name`] made.
pub fn key_day(name: &str) -> Option<&str> {
    let day = name.strip_prefix("key-")?.get(..8)?;
    day.bytes().all(|byte| byte.is_ascii_digit()).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_exactly_32_bytes_in_standard_base64() {
        let key = EncryptionKey::generate("key-20261123a").unwrap();
        let text = key.base64();
        assert_eq!((text.len(), text.ends_with('=')), (44, true));
        assert_eq!(STANDARD.decode(text.as_bytes()).unwrap().len(), 32);
    }

    #[test]
    fn names_are_never_used_twice() {
        let name = key_name("20261123").unwrap();
        assert_eq!((key_day(&name), name.len()), (Some("20261123"), "key-20261123-5f3a9c".len()));
        assert_ne!(key_name("20261123").unwrap(), name);
        assert_eq!(key_day("key-20261123a"), Some("20261123"));
        assert_eq!((key_day("key-1"), key_day("key1")), (None, None));
    }
}
