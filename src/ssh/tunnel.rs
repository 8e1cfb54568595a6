//! A connection that a bastion forwards, as a stream.
//!
//! What arrives is taken off the bastion's session at once. Were it left there while this stream's owner is busy
//! writing, the bastion's session would wait for the owner, the owner for the session, and every host behind the
//! bastion for both.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

/// The forwarded connection. Dropping it closes the channel.
pub(super) struct Tunnel {
    arrived: mpsc::UnboundedReceiver<Vec<u8>>,
    /// What did not fit into the last read, and how much of it is taken.
    rest: (Vec<u8>, usize),
    writer: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Tunnel {
    pub(super) fn new(channel: Channel<Msg>) -> Self {
        let (mut reader, sender) = channel.split();
        let writer = Box::pin(sender.make_writer());
        let (arriving, arrived) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let message = tokio::select! {
                    message = reader.wait() => message,
                    () = arriving.closed() => break,
                };
                match message {
                    Some(ChannelMsg::Data { data }) => drop(arriving.send(data.into())),
                    Some(ChannelMsg::Eof | ChannelMsg::Close) | None => break,
                    Some(_) => {}
                }
            }
            drop((arriving, reader));
            drop(sender.close().await);
        });
        Self { arrived, rest: (Vec::new(), 0), writer }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.rest.0.len() == self.rest.1 {
            match ready!(self.arrived.poll_recv(cx)) {
                Some(bytes) => self.rest = (bytes, 0),
                None => return Poll::Ready(Ok(())),
            }
        }
        let (bytes, taken) = &mut self.rest;
        let end = bytes.len().min(*taken + into.remaining());
        into.put_slice(&bytes[*taken..end]);
        *taken = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writer.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_shutdown(cx)
    }
}
