//! What one connection has cost.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counted by us, above SSH: what a command and its input weigh, not the packets they travel in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Channels asked for: one per command, and one for each time the host refused another channel for now.
    pub round_trips: u64,
    /// Commands started.
    pub commands: u64,
    /// Bytes of commands and of what was written to their standard input.
    pub bytes_sent: u64,
    /// Bytes of standard output and standard error.
    pub bytes_received: u64,
}

/// The counters behind [`Traffic`].
#[derive(Debug, Default)]
pub(super) struct Meter {
    round_trips: AtomicU64,
    commands: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Meter {
    pub(super) fn round_trip(&self) {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn command(&self, text: &str) {
        self.commands.fetch_add(1, Ordering::Relaxed);
        self.sent(text.len());
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            round_trips: read(&self.round_trips),
            commands: read(&self.commands),
            bytes_sent: read(&self.sent),
            bytes_received: read(&self.received),
        }
    }
}
