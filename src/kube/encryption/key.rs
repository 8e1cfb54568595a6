//! One key of an encryption configuration.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;

/// Bytes of a key: what secretbox demands, and AES-256 for the others.
const LENGTH: usize = 32;

/// A named key. The name is written in front of every object that it encrypts, so it never stands for other bytes.
#[derive(Clone, Debug)]
pub struct EncryptionKey {
    /// For instance `key-20261123a`.
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

/// A name for a key made on `date` (`20261123`), later than all of the same day in `taken`: `key-20261123a`, then `b`, …, `z`,
/// `za`. A name that was used and is gone from the file stays behind in backups of etcd, so gaps are not filled.
pub fn key_name(date: &str, taken: &[&str]) -> String {
    let start = format!("key-{date}");
    let last = taken.iter().filter_map(|name| name.strip_prefix(&start)).max();
    let mut suffix = String::new();
    loop {
        for letter in 'a'..='z' {
            let candidate = format!("{suffix}{letter}");
            if last.is_none_or(|last| candidate.as_str() > last) {
                return format!("{start}{candidate}");
            }
        }
        suffix.push('z');
    }
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
        assert_eq!(key_name("20261123", &[]), "key-20261123a");
        assert_eq!(key_name("20261123", &["key-20261123b"]), "key-20261123c");
        assert_eq!(key_name("20261124", &["key-20261123b", "somebody's"]), "key-20261124a");
        assert_eq!(key_day("key-20261123za"), Some("20261123"));
        assert_eq!((key_day("key-1"), key_day("key1")), (None, None));
        let mut taken: Vec<String> = Vec::new();
        for _ in 0..60 {
            let name = key_name("20261123", &taken.iter().map(String::as_str).collect::<Vec<_>>());
            assert!(!taken.contains(&name));
            taken.push(name);
        }
        assert_eq!(taken[26], "key-20261123za");
    }
}
