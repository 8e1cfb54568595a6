//! Hardening of the machines themselves, as wanted. Part of [`Security`](super::cluster::Security).

use std::collections::BTreeMap;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is hardened on every host.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostSecurity {
    /// Who may reach SSH and the API server; empty: everybody.
    #[serde(rename = "trustedCIDRs")]
    pub trusted_cidrs: Vec<IpNet>,
    /// What may come in.
    pub firewall: Firewall,
    /// The SSH server.
    pub sshd: Sshd,
    /// Security upgrades of the operating system by itself.
    pub auto_updates: bool,
    /// The audit daemon and its rules, where a host can run it.
    pub auditd: bool,
    /// Whether programs that crash may leave their memory on the disk.
    pub core_dumps: bool,
    /// Kernel modules that are never loaded.
    pub blocked_modules: Vec<String>,
    /// systemd units that are masked where they are installed.
    pub masked_units: Vec<String>,
}

/// The hosts' own packet filter.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Firewall {
    /// Whether forge has a table of its own on the hosts.
    pub enabled: bool,
    /// What may come in besides.
    pub allow: Vec<Allow>,
}

/// Something else that listens on hosts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Allow {
    /// Where it listens.
    pub port: u16,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Who may; empty: everybody.
    pub from: Vec<IpNet>,
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// The hosts' SSH server.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sshd {
    /// Whether forge has a drop-in of its own.
    pub enabled: bool,
    /// Keyword → value of sshd_config(5), added to or overriding ours; `None` drops one.
    pub settings: BTreeMap<String, Option<String>>,
}

/// File systems and protocols that no node needs, with a history of holes. `usb-storage` is left out because machines boot
/// from it, `squashfs`, `udf` and `vfat` because snap, cloud-init and EFI need them.
const BLOCKED_MODULES: &[&str] = &["cramfs", "dccp", "freevxfs", "hfs", "hfsplus", "jffs2", "rds", "tipc"];

/// Services for desks and for trusting networks. What storage drivers may need (`iscsid`, `multipathd`, `rpcbind`) and what
/// keeps time and names stays.
const MASKED_UNITS: &[&str] = &[
    "apport.service",
    "avahi-daemon.service",
    "avahi-daemon.socket",
    "bluetooth.service",
    "cups-browsed.service",
    "cups.path",
    "cups.service",
    "cups.socket",
    "inetd.service",
    "ModemManager.service",
    "telnet.socket",
    "tftpd-hpa.service",
    "vsftpd.service",
    "whoopsie.service",
    "xinetd.service",
];

impl Default for HostSecurity {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            trusted_cidrs: Vec::new(),
            firewall: Firewall { enabled: true, allow: Vec::new() },
            sshd: Sshd { enabled: true, settings: BTreeMap::new() },
            auto_updates: true,
            auditd: true,
            core_dumps: false,
            blocked_modules: owned(BLOCKED_MODULES),
            masked_units: owned(MASKED_UNITS),
        }
    }
}
