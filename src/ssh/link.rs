//! One SSH session: the handle that everybody on it shares, and the news of its death.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{DisconnectReason, Handle};
use russh::{Disconnect, Error};
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use super::handshake::{Banner, Gate};

/// How long a peer may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// A session. Dropping the last reference to it ends it.
pub(super) struct Link {
    pub(super) handle: Handle<Gate>,
    /// The type of the key that was accepted; empty before the login.
    pub(super) login_key: String,
    death: watch::Receiver<Option<String>>,
    banner: Banner,
    /// Cuts the stream.
    _leash: DropGuard,
    /// The session that this one is tunnelled through.
    _through: Option<Arc<Link>>,
}

impl Link {
    pub(super) fn new(
        handle: Handle<Gate>,
        (death, banner): (watch::Receiver<Option<String>>, Banner),
        leash: DropGuard,
        through: Option<Arc<Self>>,
    ) -> Self {
        Self { handle, login_key: String::new(), death, banner, _leash: leash, _through: through }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.handle.is_closed()
    }

    /// What the host showed before the login.
    pub(super) fn banner(&self) -> String {
        self.banner.lock().map_or_else(|_| String::new(), |banner| banner.trim().to_owned())
    }

    /// Waits until the session is dead, and tells why.
    pub(super) async fn death(&self) -> String {
        let mut death = self.death.clone();
        // An error means that the session ended without a word.
        let cause = death.wait_for(Option::is_some).await.ok().and_then(|cause| cause.clone());
        cause.unwrap_or_else(|| "the connection was closed".to_owned())
    }

    /// Says goodbye, as OpenSSH does, and waits a moment for the peer to hang up.
    pub(super) async fn close(&self) {
        // A peer that is dead, or does not hang up in time, is left to the leash.
        let goodbye = async {
            if self.handle.disconnect(Disconnect::ByApplication, "disconnected by user", "").await.is_ok() {
                self.death().await;
            }
        };
        drop(tokio::time::timeout(FAREWELL, goodbye).await);
    }
}

/// Why a session died, in words.
pub(super) fn cause_of_death(reason: DisconnectReason<Error>) -> String {
    match reason {
        DisconnectReason::ReceivedDisconnect(said) => format!("the host hung up: {}", said.message),
        DisconnectReason::Error(error) => words(&error),
    }
}

/// An error of the library in words that say who did what.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::Disconnect | Error::HUP | Error::SendError | Error::RecvError => {
            "the host closed the connection".to_owned()
        }
        Error::IO(error)
            if matches!(
                error.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            ) =>
        {
            "the host closed the connection".to_owned()
        }
        Error::KeepaliveTimeout => "the host stopped answering".to_owned(),
        Error::NoCommonAlgo { kind, theirs, .. } => {
            format!("no common {kind:?} algorithm; the host offers {}", theirs.join(", "))
        }
        Error::Version => "what answers does not speak SSH 2".to_owned(),
        other => other.to_string(),
    }
}
