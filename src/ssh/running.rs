//! A command that runs: its output, its input's end, its outcome.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot, watch};

/// A piece of output, in the order in which it arrived.
#[derive(Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Standard output.
    Out(Vec<u8>),
    /// Standard error.
    Err(Vec<u8>),
}

impl Chunk {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Out(bytes) | Self::Err(bytes) => bytes.len(),
        }
    }
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By itself, with this status.
    Exited(u32),
    /// By a signal: `TERM`, `KILL`, …
    Signalled(String),
    /// Nobody knows: the connection or the channel died first. It may have run, wholly or in part, or still run.
    Lost {
        /// What died, and why.
        cause: String,
    },
}

/// A started command. Dropping it closes its input and its channel; what it does then is the host's affair.
pub struct Running {
    pub(super) output: mpsc::UnboundedReceiver<Chunk>,
    pub(super) outcome: oneshot::Receiver<Outcome>,
    /// The exit status, as soon as the host has sent it.
    pub(super) status: watch::Receiver<Option<u32>>,
    /// Bytes that arrived and were not taken yet.
    pub(super) waiting: Arc<AtomicUsize>,
    /// Input ends when this is sent or dropped.
    pub(super) input: Option<oneshot::Sender<()>>,
}

impl Running {
    /// The next piece of output; `None` when there will be none. Output that nobody takes does not hold up other
    /// commands, but a command with more than 64 MiB of it is given up as lost.
    pub async fn next(&mut self) -> Option<Chunk> {
        let chunk = self.output.recv().await?;
        self.waiting.fetch_sub(chunk.len(), Ordering::Relaxed);
        Some(chunk)
    }

    /// Ends the command's input, after what [`start`](super::Connection::start) was given has been written.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Ends the input and tells the exit status as soon as there is one, whatever still holds the channel open: something that a
    /// login's start-up file left running may do so for ever. `None` when it ended without one.
    pub async fn exit_status(&mut self) -> Option<u32> {
        self.close_input();
        self.status.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// Ends the input, throws away the rest of the output, and tells how the command ended.
    pub async fn wait(mut self) -> Outcome {
        self.close_input();
        while self.next().await.is_some() {}
        self.outcome.await.unwrap_or_else(|_| Outcome::Lost { cause: "its channel was given up".to_owned() })
    }
}

/// Output may hold secrets: only its length is shown.
impl fmt::Debug for Chunk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if matches!(self, Self::Out(_)) { "Out" } else { "Err" };
        write!(formatter, "{name}({} bytes)", self.len())
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Running").finish_non_exhaustive()
    }
}
