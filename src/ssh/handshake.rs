//! The SSH handshake: algorithms, limits, and the host key's check.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use russh::client::{Config, DisconnectReason, Handler, Session, connect_stream};
use russh::keys::{Algorithm, HashAlg, PublicKeyOrCertificate};
use russh::{Preferred, SshId, cipher};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::errors::Reason;
use super::host_key::HostKey;
use super::known_hosts::{KnownHosts, Verdict};
use super::leash::{Leash, Stream};
use super::link::{Link, cause_of_death, words};
use super::target::Target;

/// What the host showed.
pub(super) enum Shown {
    Key(HostKey),
    Certificate,
}

/// The last text that a host showed before the login, which may be why it then hung up.
pub(super) type Banner = Arc<Mutex<String>>;

/// Of which no more than this is kept, in letters.
const BANNER: usize = 1000;

/// Why a host is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To go on when its key is pinned.
    LogIn,
    /// To see its key, and to hang up.
    Look,
}

/// Lets a host in when its key is pinned, and keeps what it showed.
pub(super) struct Gate {
    known_hosts: Arc<KnownHosts>,
    address: String,
    port: u16,
    purpose: Purpose,
    shown: Arc<OnceLock<Shown>>,
    banner: Banner,
    death: watch::Sender<Option<String>>,
}

impl Handler for Gate {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let (shown, trusted) = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                let key = HostKey::new(key);
                let trusted = self.known_hosts.check(&self.address, self.port, &key) == Verdict::Trusted;
                (Shown::Key(key), trusted)
            }
            // russh checks neither a certificate's authority nor its dates: never let one in.
            PublicKeyOrCertificate::Certificate(_) => (Shown::Certificate, false),
        };
        Ok(self.shown.set(shown).is_ok() && trusted && self.purpose == Purpose::LogIn)
    }

    async fn auth_banner(&mut self, text: &str, _: &mut Session) -> Result<(), Self::Error> {
        if let Ok(mut banner) = self.banner.lock() {
            *banner = text.chars().take(BANNER).collect();
        }
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        self.death.send_replace(Some(cause_of_death(reason)));
        Ok(())
    }
}

/// A handshake that did not end in a session.
pub(super) struct Refused {
    pub(super) shown: Option<Shown>,
    pub(super) cause: String,
}

/// Runs the handshake. A host whose key is not pinned is refused before anything else is sent.
pub(super) async fn handshake(
    target: &Target,
    stream: Box<dyn Stream>,
    through: Option<Arc<Link>>,
    known_hosts: &Arc<KnownHosts>,
    purpose: Purpose,
) -> Result<Link, Refused> {
    let shown = Arc::new(OnceLock::new());
    let (death, deaths) = watch::channel(None);
    let banner = Banner::default();
    let gate = Gate {
        known_hosts: Arc::clone(known_hosts),
        address: target.address.clone(),
        port: target.port,
        purpose,
        shown: Arc::clone(&shown),
        banner: Arc::clone(&banner),
        death,
    };
    let cut = CancellationToken::new();
    let leash = cut.clone().drop_guard();
    let config = Arc::new(config(known_hosts.kinds(&target.address, target.port)));
    match connect_stream(config, Leash::new(stream, cut), gate).await {
        Ok(handle) => Ok(Link::new(handle, (deaths, banner), leash, through)),
        Err(error) => {
            let shown = Arc::into_inner(shown).and_then(OnceLock::into_inner);
            Err(Refused { shown, cause: words(&error) })
        }
    }
}

/// Why a host that showed this was not let in.
pub(super) fn refusal(target: &Target, refused: Refused, known_hosts: &KnownHosts) -> Reason {
    let key = match refused.shown {
        None => return Reason::Handshake { cause: refused.cause },
        Some(Shown::Certificate) => return Reason::HostCertificate,
        Some(Shown::Key(key)) => key,
    };
    let path = known_hosts.path().to_owned();
    match known_hosts.check(&target.address, target.port, &key) {
        Verdict::Trusted => Reason::Handshake { cause: refused.cause },
        Verdict::Unknown => Reason::HostKeyUnknown { key, known_hosts: path },
        Verdict::Changed { line } => Reason::HostKeyChanged { key, known_hosts: path, line },
        Verdict::Revoked { line } => Reason::HostKeyRevoked { key, known_hosts: path, line },
    }
}

fn config(pinned: Vec<Algorithm>) -> Config {
    Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-forge_", env!("CARGO_PKG_VERSION")))),
        // A download is bound by window / round-trip time.
        window_size: 16 << 20,
        // A machine that reboots or loses its cable is noticed after about 40 s; silence alone is no reason to hang up.
        keepalive_interval: Some(Duration::from_secs(10)),
        keepalive_max: 3,
        inactivity_timeout: None,
        preferred: Preferred {
            key: Cow::Owned(host_key_algorithms(pinned)),
            // First the one that processors have instructions for.
            cipher: Cow::Borrowed(&[
                cipher::AES_256_GCM,
                cipher::CHACHA20_POLY1305,
                cipher::AES_256_CTR,
                cipher::AES_192_CTR,
                cipher::AES_128_CTR,
            ]),
            ..Preferred::DEFAULT
        },
        ..Config::default()
    }
}

/// All that are safe; first the pinned ones, because a host asked for a type that is not pinned looks like a stranger.
fn host_key_algorithms(pinned: Vec<Algorithm>) -> Vec<Algorithm> {
    let sha1 = Algorithm::Rsa { hash: None };
    let mut algorithms: Vec<Algorithm> = Preferred::DEFAULT.key.iter().filter(|kind| **kind != sha1).cloned().collect();
    let is_pinned = |kind: &Algorithm| match kind {
        Algorithm::Rsa { hash: Some(HashAlg::Sha256 | HashAlg::Sha512) } => pinned.contains(&sha1),
        other => pinned.contains(other),
    };
    algorithms.sort_by_key(|kind| !is_pinned(kind));
    algorithms
}
