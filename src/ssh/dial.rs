//! The stream that SSH runs over: a TCP connection, ours or the bastion's.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use russh::{ChannelOpenFailure, Error};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::errors::Reason;
use super::leash::Stream;
use super::link::{Link, words};
use super::target::Target;
use super::tunnel::Tunnel;

/// Connects to the target, through the bastion's session when there is one.
pub(super) async fn dial(
    target: &Target,
    through: Option<&Arc<Link>>,
    patience: Duration,
) -> Result<Box<dyn Stream>, Reason> {
    let dialling = async {
        match through {
            None => directly(target).await,
            Some(bastion) => tunnel(target, Arc::clone(bastion)).await,
        }
    };
    let too_late = |_| Reason::TimedOut { awaited: "a connection", after: patience };
    timeout(patience, dialling).await.map_err(too_late)?
}

/// An sshd that is being restarted refuses for a moment. A refused connection is no failed login: nobody counts it, so it is
/// asked again, this often and after this pause.
const REFUSALS: usize = 10;
const PAUSE: Duration = Duration::from_millis(200);

async fn directly(target: &Target) -> Result<Box<dyn Stream>, Reason> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::ConnectionRefused => Reason::PortRefused,
        _ => Reason::Unreachable { cause: error.to_string() },
    };
    let mut refusals = 0;
    let stream = loop {
        match TcpStream::connect((target.address.as_str(), target.port)).await {
            Ok(stream) => break stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused && refusals < REFUSALS => refusals += 1,
            Err(error) => return Err(failed(error)),
        }
        tokio::time::sleep(PAUSE).await;
    };
    // Without it every command waits for the delayed acknowledgement of the one before.
    stream.set_nodelay(true).map_err(failed)?;
    Ok(Box::new(stream))
}

async fn tunnel(target: &Target, bastion: Arc<Link>) -> Result<Box<dyn Stream>, Reason> {
    let (done, opened) = oneshot::channel();
    let (address, port) = (target.address.clone(), u32::from(target.port));
    let name = target.bastion.as_ref().map_or_else(String::new, |bastion| bastion.address.clone());
    // A task, because a channel whose opening is abandoned half-way would stay open for ever.
    tokio::spawn(async move {
        let opened = tokio::select! {
            opened = bastion.handle.channel_open_direct_tcpip(address, port, "127.0.0.1", 0) => opened.map_err(|error| match error {
                Error::ChannelOpenFailure(reason) => not_forwarded(&reason),
                other => words(&other),
            }),
            cause = bastion.death() => Err(cause),
        };
        if let Err(Ok(unwanted)) = done.send(opened) {
            drop(unwanted.split().1.close().await);
        }
    });
    match opened.await {
        Ok(Ok(channel)) => Ok(Box::new(Tunnel::new(channel))),
        Ok(Err(cause)) => Err(Reason::BastionRefused { bastion: name, cause }),
        Err(_) => Err(Reason::BastionRefused { bastion: name, cause: "the bastion's session ended".to_owned() }),
    }
}

fn not_forwarded(reason: &ChannelOpenFailure) -> String {
    match reason {
        ChannelOpenFailure::AdministrativelyProhibited => {
            "it forbids forwarding (AllowTcpForwarding, PermitOpen)".to_owned()
        }
        ChannelOpenFailure::ConnectFailed => "it cannot connect to that address and port".to_owned(),
        other => format!("it answered {other:?}"),
    }
}
