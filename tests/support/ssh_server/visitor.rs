//! One connection to the server: logins, channels, and where each command's input goes.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use russh::keys::HashAlg;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Disconnect, MethodSet};
use tokio::sync::mpsc;

use super::job::Job;
use super::{Runner, Shared, SshServer};

/// One connection.
pub(super) struct Visitor {
    pub(super) behaviour: SshServer,
    pub(super) shared: Arc<Shared>,
    pub(super) socket: TcpStream,
    pub(super) inputs: HashMap<ChannelId, Input>,
    /// Commands that run.
    pub(super) open: Arc<AtomicUsize>,
}

/// The two ends of what goes to a command's standard input.
pub(super) struct Input {
    sender: Option<mpsc::UnboundedSender<Vec<u8>>>,
    receiver: Option<mpsc::UnboundedReceiver<Vec<u8>>>,
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        let key = offer.public_key;
        let login = format!("{user} {}", key.fingerprint(HashAlg::Sha256));
        self.shared.log.lock().unwrap().logins.push(login);
        if self.behaviour.silent_login {
            std::future::pending::<()>().await;
        }
        let known = key.key_data() == self.behaviour.user_key.public_key().key_data();
        if known && user == self.behaviour.user && !self.behaviour.refuses_key {
            return Ok(Auth::Accept);
        }
        Ok(self.reject(false))
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(if self.behaviour.wants_more { self.reject(true) } else { Auth::Accept })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.is_full() {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        }
        self.open.fetch_add(1, Ordering::SeqCst);
        let (sender, receiver) = mpsc::unbounded_channel();
        self.inputs.insert(channel.id(), Input { sender: Some(sender), receiver: Some(receiver) });
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        address: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if !self.behaviour.forwards {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        }
        self.shared.log.lock().unwrap().forwarded.push(format!("{address}:{port}"));
        let there = (address.to_owned(), u16::try_from(port).unwrap());
        tokio::spawn(async move {
            match tokio::net::TcpStream::connect(there).await {
                Ok(mut stream) => {
                    reply.accept().await;
                    drop(tokio::io::copy_bidirectional(&mut channel.into_stream(), &mut stream).await);
                }
                Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
            }
        });
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        let command = String::from_utf8_lossy(command).into_owned();
        self.shared.log.lock().unwrap().commands.push(command.clone());
        if self.behaviour.refuses_commands {
            return session.channel_failure(id);
        }
        session.channel_success(id)?;
        let matches = |text: &Option<String>| text.as_ref().is_some_and(|text| command.contains(text.as_str()));
        if matches(&self.behaviour.cut_by) {
            drop(self.socket.shutdown(Shutdown::Both));
            return Ok(());
        }
        if matches(&self.behaviour.no_status_for) {
            self.open.fetch_sub(1, Ordering::SeqCst);
            return session.close(id);
        }
        if matches(&self.behaviour.hung_up_by) {
            session.exit_status_request(id, 0)?;
            return session.disconnect(Disconnect::ByApplication, "bye", "");
        }
        let Some(input) = self.inputs.get_mut(&id).and_then(|input| input.receiver.take()) else {
            return Ok(());
        };
        let job = Job { id, handle: session.handle(), open: Arc::clone(&self.open), shared: Arc::clone(&self.shared) };
        match self.behaviour.runner.clone() {
            Runner::Closure(answer) => tokio::spawn(job.answer(command, input, answer)),
            Runner::Dialogue(converse) => tokio::spawn(job.converse(command, input, converse)),
            Runner::Shell { shims, environment } => tokio::spawn(job.shell(command, input, shims, environment)),
        };
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        if let Some(sender) = self.inputs.get(&id).and_then(|input| input.sender.as_ref()) {
            drop(sender.send(data.to_vec()));
        }
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        if let Some(input) = self.inputs.get_mut(&id) {
            input.sender = None;
        }
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.inputs.remove(&id);
        Ok(())
    }
}

impl Visitor {
    /// Whether another channel is refused; one of the refusals asked for is then used up.
    fn is_full(&self) -> bool {
        let mut behaviour = self.shared.behaviour.lock().unwrap();
        let refused = behaviour.refused_channels > 0;
        behaviour.refused_channels = behaviour.refused_channels.saturating_sub(1);
        refused || self.open.load(Ordering::SeqCst) >= behaviour.sessions
    }

    fn reject(&self, partial_success: bool) -> Auth {
        let methods = MethodSet::from(self.behaviour.accepts.as_slice());
        Auth::Reject { proceed_with_methods: Some(methods), partial_success }
    }
}
