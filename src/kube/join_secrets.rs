//! What a host has to know in order to join: made afresh for every run, held in memory, deleted from the cluster after use.

use crate::secret::{Secret, hex};

/// Letters of a bootstrap token: `[a-z0-9]{6}\.[a-z0-9]{16}`.
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// Length of a token's public half, its id.
const ID: usize = 6;
/// Length of the whole token without the dot.
const TOKEN: usize = ID + 16;

/// A bootstrap token, and the key under which kubeadm stores the control plane's certificates for the other ones.
#[derive(Clone, Debug)]
pub struct JoinSecrets {
    /// `abcdef.0123456789abcdef`.
    pub token: Secret,
    /// 64 hexadecimal digits: 32 bytes, as `kubeadm certs certificate-key` makes them.
    pub certificate_key: Secret,
}

impl JoinSecrets {
    /// New ones from the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate() -> std::io::Result<Self> {
        let certificate_key = Secret::new(hex(Secret::random(32)?.expose()));
        Ok(Self { token: token()?, certificate_key })
    }

    /// The half of the token that is no secret: it names the token when it is deleted.
    pub fn token_id(&self) -> String {
        String::from_utf8_lossy(self.token.expose().get(..ID).unwrap_or_default()).into_owned()
    }
}

fn token() -> std::io::Result<Secret> {
    let mut token = Vec::with_capacity(TOKEN + 1);
    while token.len() <= TOKEN {
        for byte in Secret::random(TOKEN)?.expose() {
            // 252 is the last multiple of 36 in a byte: beyond it some letters would be likelier than others.
            if *byte < 252 && token.len() <= TOKEN {
                if token.len() == ID {
                    token.push(b'.');
                }
                token.push(LETTERS[usize::from(byte % 36)]);
            }
        }
    }
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_the_form_that_kubernetes_wants() {
        for _ in 0..200 {
            let secrets = JoinSecrets::generate().unwrap();
            let token = String::from_utf8(secrets.token.expose().to_vec()).unwrap();
            let (id, secret) = token.split_once('.').unwrap();
            assert_eq!((id.len(), secret.len()), (6, 16), "{token}");
            assert!(token.bytes().all(|byte| byte == b'.' || LETTERS.contains(&byte)), "{token}");
            assert_eq!(id, secrets.token_id());
        }
    }

    #[test]
    fn certificate_keys_are_32_bytes_in_hexadecimal() {
        let key = JoinSecrets::generate().unwrap().certificate_key;
        assert_eq!(key.expose().len(), 64);
        assert!(key.expose().iter().all(u8::is_ascii_hexdigit));
    }
}
