//! `EncryptionConfiguration`: which key encrypts what in etcd, made once, read back and rotated ever after.

mod file;
mod key;
mod order;
pub mod rotation;
pub mod stored;

pub use file::{EncryptionFile, Provider, Unusable};
pub use key::{EncryptionKey, key_day, key_name};
pub use order::Writer;

use crate::inventory::cluster::Encryption;
use crate::render::{RenderError, Templates};
use crate::secret::Secret;

/// The file of a new cluster: `key` writes, and `identity` comes last so that plaintext stays readable.
///
/// # Errors
/// When the template is broken.
pub fn encryption_config(
    templates: &Templates,
    encryption: &Encryption,
    key: &EncryptionKey,
) -> Result<Secret, RenderError> {
    let local = Provider::Local { kind: encryption.provider, keys: vec![key.clone()] };
    EncryptionFile { resources: encryption.resources.clone(), providers: vec![local, Provider::Identity] }
        .render(templates)
}
