//! `sa.pub`: the public keys that an API server verifies tokens with, told apart by the id that tokens name.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// Public keys in the order of their file. All of them verify. The one that belongs to `sa.key` comes first, because kubeadm
/// takes the first one for its other half when a control plane joins (`TryLoadPrivatePublicKeyFromDisk` in
/// `cmd/kubeadm/app/util/pkiutil`), and stops where their kinds differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct PublicKey {
    id: String,
    pem: String,
}

/// Why a text is no file of public keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(&'static str);

impl PublicKeys {
    /// Reads a file as kubeadm writes it: `PUBLIC KEY` blocks.
    ///
    /// # Errors
    /// Anything else is in it, or nothing.
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        let mut keys = Vec::new();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        while let Some(line) = lines.next() {
            if line != BEGIN {
                return Err(Unusable("there is something else than public keys in it"));
            }
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != END).collect();
            let der = STANDARD.decode(body.concat()).ok().filter(|der| !der.is_empty());
            let der = der.ok_or(Unusable("a public key in it is damaged"))?;
            let pem = format!("{BEGIN}\n{}\n{END}\n", body.join("\n"));
            keys.push(PublicKey { id: id(&der), pem });
        }
        if keys.is_empty() { Err(Unusable("there is no public key in it")) } else { Ok(Self(keys)) }
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        self.0.iter().map(|key| key.pem.as_str()).collect()
    }

    /// The ids, in order.
    pub fn ids(&self) -> Vec<String> {
        self.0.iter().map(|key| key.id.clone()).collect()
    }

    /// With these behind its own.
    #[must_use]
    pub fn and(&self, more: &Self) -> Self {
        let new = more.0.iter().filter(|key| !self.0.contains(key));
        Self(self.0.iter().chain(new).cloned().collect())
    }

    /// Only the key with this id; `None` when it is not there.
    pub fn only(&self, id: &str) -> Option<Self> {
        self.0.iter().find(|key| key.id == id).map(|key| Self(vec![key.clone()]))
    }
}

/// A key's id in tokens and in what an API server publishes: SHA-256 of its DER (`keyIDFromPublicKey` in
/// `pkg/serviceaccount/jwt.go`).
fn id(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(der))
}

/// The ids of the keys that an API server verifies with, sorted, from its own `/openid/v1/jwks`. It read them when it started.
pub fn published(jwks: &str) -> Vec<String> {
    let keys: Value = serde_json::from_str(jwks).unwrap_or_default();
    let ids = keys["keys"].as_array().into_iter().flatten().filter_map(|key| key["kid"].as_str());
    let mut ids: Vec<String> = ids.map(str::to_owned).collect();
    ids.sort_unstable();
    ids
}

/// The id of the key that signed a token, from the token's first part, which is no secret; empty when it names none.
pub fn signed_by(header: &str) -> String {
    let json = URL_SAFE_NO_PAD.decode(header.trim()).unwrap_or_default();
    let header: Value = serde_json::from_slice(&json).unwrap_or_default();
    header["kid"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cluster's, with what its API server said of it.
    const OLD: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/HGwVQTY+waVpVEbhbaCKV0RKW9V\n\
        owhiXIT68PvU+TTjrMt3A8a66kt6+rB65OmDMK0zKpESqCCa1UV3wIdzvg==\n-----END PUBLIC KEY-----\n";
    const ID: &str = "glHHgKOKWw8p_DV4C9LhXoNrXGLKvlgH5VPtm9XoLxI";
    const JWKS: &str = r#"{"keys":[{"use":"sig","kty":"EC","kid":"glHHgKOKWw8p_DV4C9LhXoNrXGLKvlgH5VPtm9XoLxI","crv":"P-256","alg":"ES256"}]}"#;
    const HEADER: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImdsSEhnS09LV3c4cF9EVjRDOUxoWG9OclhHTEt2bGdINVZQdG05WG9MeEkifQ\n";

    fn new() -> PublicKeys {
        PublicKeys::parse(&format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode("another key"))).unwrap()
    }

    #[test]
    fn a_key_has_the_id_that_the_api_server_gives_it() {
        let keys = PublicKeys::parse(OLD).unwrap();
        assert_eq!(keys.ids(), [ID]);
        assert_eq!(keys.text(), OLD);
        assert_eq!(published(JWKS), [ID]);
        assert_eq!(signed_by(HEADER), ID);
    }

    #[test]
    fn keys_are_added_in_order_and_taken_out_by_id() {
        let (old, new) = (PublicKeys::parse(OLD).unwrap(), new());
        let both = old.and(&new);
        assert_eq!(PublicKeys::parse(&both.text()).unwrap().ids(), [ID.to_owned(), new.ids().remove(0)]);
        assert_eq!(new.and(&both).ids(), [new.ids().remove(0), ID.to_owned()]);
        assert_eq!(both.only(ID), Some(old));
        assert_eq!(new.only(ID), None);
    }

    #[test]
    fn what_is_no_file_of_public_keys_is_refused() {
        let why = |text: &str| PublicKeys::parse(text).unwrap_err().to_string();
        assert_eq!(why(""), "there is no public key in it");
        assert_eq!(why(&format!("{BEGIN}\n!\n{END}\n")), "a public key in it is damaged");
        assert_eq!(why(&OLD.replace("PUBLIC", "EC PRIVATE")), "there is something else than public keys in it");
        assert_eq!(published("not json"), Vec::<String>::new());
        assert_eq!(signed_by("e30"), "");
    }
}
