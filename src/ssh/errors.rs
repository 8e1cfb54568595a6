//! What can go wrong with a login or a channel, and the words for it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::host_key::HostKey;
use super::target::Target;
use crate::error::{Exit, Problem};

/// A login that did not happen. Nothing was sent to the host but the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    /// Where to.
    pub target: Box<Target>,
    /// Why not.
    pub reason: Reason,
}

/// Why a login did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No TCP connection.
    Unreachable {
        /// The operating system's words.
        cause: String,
    },
    /// The machine is there, and nothing listens on the port.
    PortRefused,
    /// No answer in time.
    TimedOut {
        /// What was waited for: `a connection`, `the SSH handshake`, `the login`.
        awaited: &'static str,
        /// How long.
        after: Duration,
    },
    /// The peer does not speak SSH, or nothing that we accept, or hung up.
    Handshake {
        /// The library's words.
        cause: String,
    },
    /// No key is pinned for the host.
    HostKeyUnknown {
        /// The key it shows.
        key: HostKey,
        /// Where it would be pinned.
        known_hosts: PathBuf,
    },
    /// Another key is pinned for the host.
    HostKeyChanged {
        /// The key it shows.
        key: HostKey,
        /// Where another one is pinned.
        known_hosts: PathBuf,
        /// The first line there; lines count from 1.
        line: usize,
    },
    /// The host shows a key that is marked as revoked.
    HostKeyRevoked {
        /// The key it shows.
        key: HostKey,
        /// Where it is revoked.
        known_hosts: PathBuf,
        /// The line there.
        line: usize,
    },
    /// The host shows a certificate instead of a key; no authority is trusted.
    HostCertificate,
    /// No key was good enough.
    LoginRefused {
        /// The keys tried, as `ED25519 laptop (agent)`.
        offered: Vec<String>,
        /// What the host still accepts: `publickey`, `password`, …
        accepts: Vec<String>,
        /// A key was accepted and is not enough.
        half: bool,
        /// What the host showed before it hung up; empty when it did not.
        said: String,
    },
    /// There is nothing to log in with.
    NoKeys {
        /// What is wrong with the agent.
        cause: String,
    },
    /// The agent failed in the middle.
    Agent {
        /// Its words.
        cause: String,
    },
    /// The identity file is no usable private key.
    KeyUnreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The identity file is a public key, and the agent does not hold its private half.
    NotInAgent {
        /// The file.
        path: PathBuf,
        /// What is wrong with the agent.
        cause: String,
    },
    /// The identity file is encrypted, nobody gave its passphrase, and the agent does not hold the key.
    PassphraseNeeded {
        /// The file.
        path: PathBuf,
    },
    /// The login to the bastion failed.
    BastionFailed(Box<ConnectError>),
    /// The bastion did not forward the connection.
    BastionRefused {
        /// The bastion's address.
        bastion: String,
        /// In which way.
        cause: String,
    },
}

impl Reason {
    pub(super) fn at(self, target: &Target) -> ConnectError {
        ConnectError { target: Box::new(target.clone()), reason: self }
    }
}

impl std::error::Error for ConnectError {}

impl fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { name, address, port, user, .. } = &*self.target;
        match &self.reason {
            Reason::Unreachable { .. } => write!(formatter, "{name} cannot be reached at {address} port {port}"),
            Reason::PortRefused => write!(formatter, "{name} refuses connections at {address} port {port}"),
            Reason::TimedOut { awaited, after } => {
                write!(formatter, "{name} did not answer: waited {} s for {awaited}", after.as_secs_f32())
            }
            Reason::Handshake { .. } => write!(formatter, "{name} does not complete an SSH handshake on port {port}"),
            Reason::HostKeyUnknown { .. } => write!(formatter, "{name} shows a host key that nobody has trusted yet"),
            Reason::HostKeyChanged { .. } => write!(formatter, "{name} shows a host key that is not the pinned one"),
            Reason::HostKeyRevoked { .. } => write!(formatter, "{name} shows a host key that is revoked"),
            Reason::HostCertificate => write!(formatter, "{name} shows a host certificate instead of a host key"),
            Reason::LoginRefused { said, .. } => match said.lines().next() {
                None => write!(formatter, "{name} refused the login of {user}"),
                Some(first) => write!(formatter, "{name} refused the login of {user}: {}", first.trim()),
            },
            Reason::NoKeys { .. } => write!(formatter, "there is no key to log in to {name} with"),
            Reason::Agent { .. } => write!(formatter, "the SSH agent failed during the login to {name}"),
            Reason::KeyUnreadable { path, .. } => {
                write!(formatter, "{name} cannot be logged in to: {} is no usable private key", path.display())
            }
            Reason::NotInAgent { path, .. } => {
                write!(formatter, "{name} cannot be logged in to: the agent does not hold the key {}", path.display())
            }
            Reason::PassphraseNeeded { path } => {
                write!(formatter, "{name} cannot be logged in to: {} needs a passphrase", path.display())
            }
            Reason::BastionFailed(inner) => write!(formatter, "{name} cannot be reached: {inner}"),
            Reason::BastionRefused { bastion, .. } => {
                write!(formatter, "{name} cannot be reached through the bastion {bastion}")
            }
        }
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        let problem = Self::new(Exit::Connection, error.to_string());
        let target = &error.target;
        match error.reason {
            Reason::Unreachable { cause } => {
                problem.cause(cause).next("check the address in the inventory, and that the machine is on")
            }
            Reason::PortRefused => problem
                .cause(format!("nothing listens on port {}", target.port))
                .next("check that sshd runs there, or set ssh.port"),
            Reason::TimedOut { .. } => {
                problem.next(format!("ssh {}   shows whether anything answers", ssh_arguments(target)))
            }
            Reason::Handshake { cause } => problem.cause(cause),
            Reason::HostKeyUnknown { key, known_hosts } => problem
                .cause(format!("{key:?} is not in {}", known_hosts.display()))
                .next("forge trust INVENTORY   shows the fingerprints and asks"),
            Reason::HostKeyChanged { key, known_hosts, line } => {
                let name = target.known_hosts_name();
                let file = known_hosts.display();
                problem.cause(format!("{key:?} is not what line {line} of {file} pins")).next(format!(
                    "find out why it changed; only if you know: ssh-keygen -R '{name}' -f {file} && forge trust INVENTORY"
                ))
            }
            Reason::HostKeyRevoked { key, known_hosts, line } => problem
                .cause(format!("line {line} of {} revokes {key:?}", known_hosts.display()))
                .next("give the machine new host keys: ssh-keygen -A"),
            Reason::HostCertificate => problem.cause("forge trusts host keys, not certificate authorities"),
            Reason::LoginRefused { offered, accepts, half, said } => {
                let problem = problem.cause(refusal(&offered, &accepts, half, &said));
                let arguments = ssh_arguments(target);
                problem.next(if said.is_empty() {
                    format!("ssh-copy-id -i {} {arguments}   or set ssh.identityFile", identity(target))
                } else {
                    format!("do what it says, or set ssh.user to another login; ssh {arguments}   shows the same")
                })
            }
            Reason::NoKeys { cause } => problem.cause(cause).next("ssh-add   or set ssh.identityFile"),
            Reason::Agent { cause } => problem.cause(cause).next("ssh-add -l   shows whether it answers"),
            Reason::KeyUnreadable { path, cause } => {
                problem.cause(cause).next(format!("ssh-keygen -y -f {}   reads a good one", path.display()))
            }
            Reason::NotInAgent { path, cause } => {
                problem.cause(cause).next(format!("ssh-add {}", path.with_extension("").display()))
            }
            Reason::PassphraseNeeded { path } => {
                problem.cause("nobody gave one").next(format!("ssh-add {}", path.display()))
            }
            Reason::BastionFailed(inner) => {
                let inner = Self::from(*inner);
                Self { what: problem.what, ..inner }
            }
            Reason::BastionRefused { cause, .. } => problem.cause(cause),
        }
    }
}

fn refusal(offered: &[String], accepts: &[String], half: bool, said: &str) -> String {
    if half {
        return format!("the key was accepted, and the host wants more: {}", accepts.join(", "));
    }
    if !said.is_empty() {
        let more = said.split_once('\n').map_or("", |(_, more)| more.trim_end());
        let line = if more.is_empty() { "" } else { "\n" };
        return format!("the host hung up during the login ({}){line}{more}", offered.join(", "));
    }
    let tried = match offered {
        [one] => format!("the key was not accepted ({one})"),
        many => format!("no key was accepted ({} offered: {})", many.len(), many.join(", ")),
    };
    match accepts {
        [] => format!("{tried}; the host hung up"),
        methods if methods.iter().any(|method| method == "publickey") => tried,
        methods => format!("{tried}; the host only accepts {}", methods.join(", ")),
    }
}

/// The public half to copy to the host.
fn identity(target: &Target) -> String {
    match &target.identity_file {
        None => "~/.ssh/id_ed25519.pub".to_owned(),
        Some(path) if path.extension().is_some_and(|extension| extension == "pub") => path.display().to_string(),
        Some(path) => format!("{}.pub", path.display()),
    }
}

/// What to type after `ssh` to get to the target.
fn ssh_arguments(target: &Target) -> String {
    let port = if target.port == 22 { String::new() } else { format!("-p {} ", target.port) };
    let jump = target.bastion.as_ref().map_or_else(String::new, |bastion| {
        format!("-o ProxyJump={}@{}:{} ", bastion.user, bastion.address, bastion.port)
    });
    format!("{port}{jump}{}@{}", target.user, target.address)
}

/// A command that was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelError {
    /// The connection is dead. When it died between the request and its confirmation, the command may have been started.
    Lost {
        /// Which host.
        host: String,
        /// Why.
        cause: String,
    },
    /// The host keeps refusing another channel.
    NoChannel {
        /// Which host.
        host: String,
        /// Its reason.
        cause: String,
    },
    /// The host does not run commands for this user.
    NoCommands {
        /// Which host.
        host: String,
    },
}

impl std::error::Error for ChannelError {}

impl fmt::Display for ChannelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { host, .. } => write!(formatter, "the connection to {host} is lost"),
            Self::NoChannel { host, .. } => write!(formatter, "{host} refuses to run another command"),
            Self::NoCommands { host } => write!(formatter, "{host} does not let this user run commands"),
        }
    }
}

impl From<ChannelError> for Problem {
    fn from(error: ChannelError) -> Self {
        let problem = Self::new(Exit::Connection, error.to_string());
        match error {
            ChannelError::Lost { cause, .. } => {
                problem.cause(cause).next("run the same command again: it goes on where this run was cut off")
            }
            ChannelError::NoChannel { cause, .. } => problem.cause(cause).next("raise MaxSessions in its sshd_config"),
            ChannelError::NoCommands { .. } => {
                problem.next("look for ForceCommand, or a command= in the user's authorized_keys")
            }
        }
    }
}
