//! The encryption configuration as a value: read from a host, changed by a rotation, written again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::EncryptionKey;
use crate::inventory::cluster::EncryptionProvider;
use crate::render::{RenderError, Templates};
use crate::secret::Secret;

/// What one `EncryptionConfiguration` says. The first provider encrypts what is written, with its first key; all of them
/// decrypt.
#[derive(Clone, Debug)]
pub struct EncryptionFile {
    /// Resources as the API server names them.
    pub resources: Vec<String>,
    /// In the order of the file.
    pub providers: Vec<Provider>,
}

/// One entry of `providers`.
#[derive(Clone, Debug)]
pub enum Provider {
    /// Keys in the file itself.
    Local {
        /// The cipher.
        kind: EncryptionProvider,
        /// At least one, the first one encrypts.
        keys: Vec<EncryptionKey>,
    },
    /// Plaintext.
    Identity,
}

/// Why an existing file cannot be used. Never quotes the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

impl EncryptionFile {
    /// Reads a file back from a host.
    ///
    /// # Errors
    /// When it is not an `EncryptionConfiguration`, or one that forge could not write again: several resource groups, KMS,
    /// a key of the wrong length, a name twice.
    pub fn parse(text: &Secret) -> Result<Self, Unusable> {
        let unusable = |why: &str| Unusable(why.to_owned());
        let text = std::str::from_utf8(text.expose()).map_err(|_| unusable("it is not text"))?;
        // The parser's own words may quote key material.
        let document: Document = crate::yaml::from_str(text)
            .map_err(|_| unusable("it is not an EncryptionConfiguration of local keys as forge writes it"))?;
        if document.api_version != "apiserver.config.k8s.io/v1" || document.kind != "EncryptionConfiguration" {
            return Err(unusable("it is not an EncryptionConfiguration of apiserver.config.k8s.io/v1"));
        }
        let Ok([group]) = <[Group; 1]>::try_from(document.resources) else {
            return Err(unusable("it has not exactly one group of resources"));
        };
        let providers: Result<Vec<_>, _> = group.providers.into_iter().map(Entry::into_provider).collect();
        let file = Self { resources: group.resources, providers: providers? };
        file.check()?;
        Ok(file)
    }

    /// All key names, in the order of the file.
    pub fn key_names(&self) -> Vec<&str> {
        self.keys().map(|key| key.name.as_str()).collect()
    }

    /// The file's text.
    ///
    /// # Errors
    /// When the template is broken or the value is one that the API server would refuse.
    pub fn render(&self, templates: &Templates) -> Result<Secret, RenderError> {
        self.check().map_err(|error| RenderError::Value { what: format!("the encryption configuration: {error}") })?;
        let context =
            Context { resources: &self.resources, providers: self.providers.iter().map(ProviderContext::of).collect() };
        templates.render_secret("apiserver/encryption.yaml.tera", &context)
    }

    fn keys(&self) -> impl Iterator<Item = &EncryptionKey> {
        self.providers.iter().flat_map(|provider| match provider {
            Provider::Local { keys, .. } => keys.as_slice(),
            Provider::Identity => &[],
        })
    }

    /// What would make the API server refuse the file, or objects unreadable.
    fn check(&self) -> Result<(), Unusable> {
        if self.resources.is_empty() || self.providers.is_empty() {
            return Err(Unusable("it names no resources or no providers".to_owned()));
        }
        for provider in &self.providers {
            let Provider::Local { kind, keys } = provider else { continue };
            if keys.is_empty() {
                return Err(Unusable(format!("provider {} has no key", kind.as_str())));
            }
            for key in keys {
                let length = key.secret.expose().len();
                let fits = length == 32 || (*kind != EncryptionProvider::Secretbox && matches!(length, 16 | 24));
                if !fits || key.name.is_empty() {
                    return Err(Unusable(format!("key {:?} has {length} bytes or no name", key.name)));
                }
            }
        }
        let mut names = self.key_names();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Unusable(format!("key name {:?} is there twice", pair[0]))),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: String,
    kind: String,
    resources: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    resources: Vec<String>,
    providers: Vec<Entry>,
}

/// One provider as the file writes it: an object with one key. KMS is an unknown field and thereby refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    secretbox: Option<Keys>,
    aescbc: Option<Keys>,
    aesgcm: Option<Keys>,
    identity: Option<Nothing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    name: String,
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Entry {
    fn into_provider(self) -> Result<Provider, Unusable> {
        let (kind, keys) = match self {
            Self { secretbox: Some(keys), aescbc: None, aesgcm: None, identity: None } => {
                (EncryptionProvider::Secretbox, keys)
            }
            Self { secretbox: None, aescbc: Some(keys), aesgcm: None, identity: None } => {
                (EncryptionProvider::Aescbc, keys)
            }
            Self { secretbox: None, aescbc: None, aesgcm: Some(keys), identity: None } => {
                (EncryptionProvider::Aesgcm, keys)
            }
            Self { secretbox: None, aescbc: None, aesgcm: None, identity: Some(_) } => return Ok(Provider::Identity),
            _ => return Err(Unusable("an entry of providers has not exactly one provider".to_owned())),
        };
        let keys = keys.keys.into_iter().map(|key| {
            let secret = STANDARD.decode(Zeroizing::new(key.secret));
            let secret = secret.map_err(|_| Unusable(format!("key {:?} is not base64", key.name)))?;
            Ok(EncryptionKey { name: key.name, secret: Secret::new(secret) })
        });
        Ok(Provider::Local { kind, keys: keys.collect::<Result<_, _>>()? })
    }
}

#[derive(Serialize)]
struct Context<'a> {
    resources: &'a [String],
    providers: Vec<ProviderContext<'a>>,
}

#[derive(Serialize)]
struct ProviderContext<'a> {
    name: &'static str,
    keys: Vec<KeyContext<'a>>,
}

#[derive(Serialize)]
struct KeyContext<'a> {
    name: &'a str,
    // The template engine copies it anyway, and it lives no longer than the rendering.
    secret: String,
}

impl<'a> ProviderContext<'a> {
    fn of(provider: &'a Provider) -> Self {
        match provider {
            Provider::Identity => Self { name: "identity", keys: Vec::new() },
            Provider::Local { kind, keys } => {
                let keys = keys.iter().map(|key| KeyContext { name: &key.name, secret: key.base64() });
                Self { name: kind.as_str(), keys: keys.collect() }
            }
        }
    }
}
