//! The key pair that signs service accounts' tokens: its public keys, how it is replaced, and how long an old one is needed.

mod life;
mod public_keys;
pub mod rotation;

pub use life::{LEEWAY, Life, Pod, life};
pub use public_keys::{PublicKeys, Unusable, published, signed_by};
