//! The task behind a running command: opens its channel, feeds its input, drains its output, closes it in any case.
//!
//! It drains whether anybody listens or not, because one channel that is not read stalls its whole connection; and it
//! opens the channel itself, because one whose opening is abandoned half-way would keep its place on the host for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelOpenFailure, Error, Sig};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use super::errors::ChannelError;
use super::link::{Link, words};
use super::running::{Chunk, Outcome, Running};
use super::traffic::Meter;
use crate::secret::Secret;

/// Output that may wait to be taken.
const WAITING: usize = 64 << 20;
const TOO_MUCH: &str = "more than 64 MiB of output waited to be read";
/// How much input is written before it is counted.
const PIECE: usize = 1 << 16;
/// The first and the longest pause after a refused channel.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// What the task needs from the connection; the connection lives as long as it does.
pub(super) struct Pump {
    pub(super) host: String,
    pub(super) link: Arc<Link>,
    pub(super) meter: Arc<Meter>,
    pub(super) patience: Duration,
    /// Held until the channel is gone.
    pub(super) _slot: OwnedSemaphorePermit,
}

/// The task's ends of what a [`Running`] holds.
struct Ends {
    output: mpsc::UnboundedSender<Chunk>,
    waiting: Arc<AtomicUsize>,
    status: watch::Sender<Option<u32>>,
    started: Option<oneshot::Sender<Result<(), ChannelError>>>,
}

/// Starts a command and waits until the host has agreed to run it.
pub(super) async fn start(pump: Pump, command: String, input: Secret) -> Result<Running, ChannelError> {
    let (output, chunks) = mpsc::unbounded_channel();
    let (started, confirmation) = oneshot::channel();
    let (done, outcome) = oneshot::channel();
    let (open_input, closed) = oneshot::channel();
    let (tell_status, status) = watch::channel(None);
    let waiting = Arc::new(AtomicUsize::new(0));
    let ends = Ends { output, waiting: Arc::clone(&waiting), status: tell_status, started: Some(started) };
    let host = pump.host.clone();
    tokio::spawn(async move {
        // A Running that is gone wants no outcome.
        drop(done.send(pump.run(&command, Input { bytes: input, closed }, ends).await));
    });
    let gone = |_| ChannelError::Lost { host, cause: "its channel was given up".to_owned() };
    confirmation.await.map_err(gone)??;
    Ok(Running { output: chunks, outcome, status, waiting, input: Some(open_input) })
}

impl Pump {
    async fn run(self, command: &str, input: Input, mut ends: Ends) -> Outcome {
        let (mut reader, writer) = match self.open(command).await {
            Ok(channel) => channel.split(),
            Err(error) => {
                let outcome = Outcome::Lost { cause: error.to_string() };
                ends.confirm(Err(error));
                return outcome;
            }
        };
        let feeding = input.feed(writer.make_writer(), &self.meter);
        tokio::pin!(feeding);
        let mut fed = false;
        let (mut outcome, mut complete) = (None, false);
        // Output may follow the status: only the channel's end is the end.
        let given_up = loop {
            let message = tokio::select! {
                message = reader.wait() => message,
                () = &mut feeding, if !fed => {
                    fed = true;
                    continue;
                }
                () = ends.output.closed() => break Some("nobody waits for it"),
            };
            match message {
                None => break None,
                Some(ChannelMsg::Failure) => {
                    ends.confirm(Err(ChannelError::NoCommands { host: self.host.clone() }));
                    continue;
                }
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    outcome = Some(Outcome::Exited(exit_status));
                    ends.status.send_replace(Some(exit_status));
                }
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                    outcome = Some(Outcome::Signalled(signal(signal_name)));
                }
                Some(ChannelMsg::Data { data }) => {
                    if !self.keep(Chunk::Out(data.into()), &ends) {
                        break Some(TOO_MUCH);
                    }
                }
                Some(ChannelMsg::ExtendedData { data, ext: 1 }) => {
                    if !self.keep(Chunk::Err(data.into()), &ends) {
                        break Some(TOO_MUCH);
                    }
                }
                Some(ChannelMsg::Eof | ChannelMsg::Close) => complete = true,
                Some(ChannelMsg::Success) => {}
                Some(_) => continue,
            }
            ends.confirm(Ok(()));
        };
        let cause = match given_up {
            Some(cause) => {
                // The session must not wait for us to read while we wait for it to take our word.
                drop(reader);
                drop(writer.close().await);
                cause.to_owned()
            }
            None if self.link.is_dead() => self.link.death().await,
            None => "the host closed the channel without an exit status".to_owned(),
        };
        ends.confirm(Err(ChannelError::Lost { host: self.host.clone(), cause: cause.clone() }));
        // A status whose output was cut off proves nothing to whoever reads the output.
        outcome.filter(|_| complete && given_up.is_none()).unwrap_or(Outcome::Lost { cause })
    }

    /// Counts a piece of output and hands it over; `false` when too much waits already.
    fn keep(&self, chunk: Chunk, ends: &Ends) -> bool {
        let bytes = chunk.len();
        self.meter.received(bytes);
        let waiting = ends.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        waiting <= WAITING && ends.output.send(chunk).is_ok()
    }

    /// Asks for a channel until there is one, and for the command to be run in it.
    async fn open(&self, command: &str) -> Result<Channel<Msg>, ChannelError> {
        let lost = |cause| ChannelError::Lost { host: self.host.clone(), cause };
        let deadline = Instant::now() + self.patience;
        let (mut pause, longest) = PAUSES;
        let channel = loop {
            self.meter.round_trip();
            let opened = tokio::select! {
                opened = self.link.handle.channel_open_session() => opened,
                cause = self.link.death() => return Err(lost(cause)),
            };
            match opened {
                Ok(channel) => break channel,
                Err(Error::ChannelOpenFailure(reason)) => {
                    if !may_pass(&reason) || Instant::now() + pause > deadline {
                        let cause = format!("{reason:?}");
                        return Err(ChannelError::NoChannel { host: self.host.clone(), cause });
                    }
                    sleep(pause).await;
                    pause = longest.min(pause * 2);
                }
                Err(_) if self.link.is_dead() => return Err(lost(self.link.death().await)),
                Err(error) => return Err(lost(words(&error))),
            }
        };
        channel.exec(true, command).await.map_err(|error| lost(words(&error)))?;
        self.meter.command(command);
        Ok(channel)
    }
}

impl Ends {
    /// Tells once whether the command was started.
    fn confirm(&mut self, started: Result<(), ChannelError>) {
        if let Some(waiter) = self.started.take() {
            drop(waiter.send(started));
        }
    }
}

/// What goes to a command's standard input, and the word that ends it.
struct Input {
    bytes: Secret,
    closed: oneshot::Receiver<()>,
}

impl Input {
    /// Writes the bytes, waits for the word, and ends the input. A command that does not read ends it too.
    async fn feed(self, mut writer: impl AsyncWrite + Unpin, meter: &Meter) {
        for piece in self.bytes.expose().chunks(PIECE) {
            if writer.write_all(piece).await.is_err() {
                return;
            }
            meter.sent(piece.len());
        }
        drop(self.bytes);
        // Sent or dropped, it means the same.
        drop(self.closed.await);
        drop(writer.shutdown().await);
    }
}

/// Whether a refused channel may be had a moment later: sshd refuses so when its MaxSessions are taken.
fn may_pass(reason: &ChannelOpenFailure) -> bool {
    matches!(reason, ChannelOpenFailure::ConnectFailed | ChannelOpenFailure::ResourceShortage)
}

fn signal(signal: Sig) -> String {
    match signal {
        Sig::Custom(name) => name,
        known => format!("{known:?}"),
    }
}
