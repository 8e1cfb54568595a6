//! The only user of russh: connections, host keys, logins, and what is counted on the wire.
//!
//! [`Client`] holds what all logins of one run share; [`Client::open`] gives a [`Connection`], [`Connection::start`] a
//! [`Running`] command. A command whose connection dies ends as [`Outcome::Lost`]: whether it ran is then unknown.

mod bastion;
mod client;
mod connection;
mod dial;
mod errors;
mod handshake;
mod host_key;
mod host_pattern;
mod key_file;
mod keyring;
mod known_hosts;
mod leash;
mod link;
mod login;
mod pump;
mod running;
mod target;
mod traffic;
mod tunnel;

pub use client::{Client, Patience};
pub use connection::Connection;
pub use errors::{ChannelError, ConnectError, Reason};
pub use host_key::HostKey;
pub use keyring::Keyring;
pub use known_hosts::{KnownHosts, Verdict};
pub use running::{Chunk, Outcome, Running};
pub use target::Target;
pub use traffic::Traffic;
