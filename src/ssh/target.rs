//! Where to log in, and as whom.

use std::fmt;
use std::path::PathBuf;

use crate::inventory::cluster::{Bastion, Host};

/// Everything needed to log in to one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What people call it: messages begin with it.
    pub name: String,
    /// Name or address; what `known_hosts` lists it under.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Login name.
    pub user: String,
    /// A private key; `None` leaves it to the agent.
    pub identity_file: Option<PathBuf>,
    /// The machine to go through.
    pub bastion: Option<Bastion>,
}

impl Target {
    /// The address as `known_hosts` writes it: the port only when it is not 22.
    pub fn known_hosts_name(&self) -> String {
        known_hosts_name(&self.address, self.port)
    }
}

/// `user@address`, with the port when it is not 22.
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.user, self.known_hosts_name())
    }
}

impl From<&Host> for Target {
    fn from(host: &Host) -> Self {
        Self {
            name: host.name.to_string(),
            address: host.address.to_string(),
            port: host.ssh.port,
            user: host.ssh.user.clone(),
            identity_file: host.ssh.identity_file.clone(),
            bastion: host.ssh.bastion.clone(),
        }
    }
}

impl From<&Bastion> for Target {
    fn from(bastion: &Bastion) -> Self {
        Self {
            name: format!("bastion {}", bastion.address),
            address: bastion.address.clone(),
            port: bastion.port,
            user: bastion.user.clone(),
            identity_file: bastion.identity_file.clone(),
            bastion: None,
        }
    }
}

pub(super) fn known_hosts_name(address: &str, port: u16) -> String {
    let address = address.to_ascii_lowercase();
    if port == 22 { address } else { format!("[{address}]:{port}") }
}
