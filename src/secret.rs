//! Bytes that may be sent to a host and hashed, and nothing else.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Key material, tokens, passwords. It has no `Display` and no `Serialize`, its `Debug` says nothing, and the memory is
/// wiped when the last owner drops it. Whoever needs the bytes calls [`Secret::expose`], which is easy to search for.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// `count` bytes from the operating system's random number generator.
    ///
    /// # Errors
    /// The operating system's own error, when it has no randomness to give.
    pub fn random(count: usize) -> std::io::Result<Self> {
        use rand::TryRng;
        let mut bytes = Zeroizing::new(vec![0; count]);
        rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self(bytes))
    }

    /// The bytes themselves: only for what goes to a host on standard input.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Lower-case hexadecimal SHA-256, which may be shown and compared.
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(self.expose()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// Lower-case hexadecimal of any bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_says_nothing() {
        assert_eq!(format!("{:?}", Secret::new("swordfish")), "[redacted]");
    }

    #[test]
    fn random_secrets_differ_and_have_the_length_asked_for() {
        let (one, two) = (Secret::random(32).unwrap(), Secret::random(32).unwrap());
        assert_eq!(one.expose().len(), 32);
        assert_ne!(one.expose(), two.expose());
    }
}
