//! A logged-in session: starts commands, a few at a time, and counts them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::errors::ChannelError;
use super::link::Link;
use super::pump::{Pump, start};
use super::running::Running;
use super::traffic::{Meter, Traffic};
use crate::secret::Secret;

/// Channels in flight. sshd allows 10 sessions, and counts one that has just ended for a moment longer: with 5 it never
/// refused one in 16,000 commands, with 6 it did in 1 of 150.
const CHANNELS: usize = 5;

/// A logged-in connection to one host. It ends when it and all commands started on it are gone.
pub struct Connection {
    host: String,
    link: Arc<Link>,
    slots: Arc<Semaphore>,
    meter: Arc<Meter>,
    patience: Duration,
}

impl Connection {
    pub(super) fn new(host: String, link: Arc<Link>, patience: Duration) -> Self {
        Self { host, link, slots: Arc::new(Semaphore::new(CHANNELS)), meter: Arc::default(), patience }
    }

    /// Starts `command` in the user's login shell and writes `input` to its standard input, which then stays open until
    /// [`Running::close_input`]: a command that waits for its end lives as long as the connection.
    ///
    /// Waits while five commands run. Dropping the future abandons the command, which may have been started by then.
    ///
    /// # Errors
    /// [`ChannelError`], when the connection is dead or the host refuses.
    pub async fn start(&self, command: &str, input: Secret) -> Result<Running, ChannelError> {
        let lost = |cause| ChannelError::Lost { host: self.host.clone(), cause };
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else {
            return Err(lost("it is closed".to_owned()));
        };
        let pump = Pump {
            host: self.host.clone(),
            link: Arc::clone(&self.link),
            meter: Arc::clone(&self.meter),
            patience: self.patience,
            _slot: slot,
        };
        start(pump, command.to_owned(), input).await
    }

    /// The type of the key that was accepted, `ssh-ed25519`.
    pub fn login_key(&self) -> &str {
        &self.link.login_key
    }

    /// Whether the connection has died. One that has not may do so at any moment.
    pub fn is_lost(&self) -> bool {
        self.link.is_dead()
    }

    /// What it has cost so far, the login not counted.
    pub fn traffic(&self) -> Traffic {
        self.meter.read()
    }

    /// Ends the connection and every command on it that still has its input open, as far as the host can tell.
    pub async fn close(self) {
        self.link.close().await;
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").field("host", &self.host).finish_non_exhaustive()
    }
}
