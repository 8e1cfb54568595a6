//! sshd: keys only, today's algorithms, no tunnels. Every value with its reason is in `docs/hardening.md`.

use std::net::IpAddr;

use super::machine::Machine;
use super::{Resources, Site};
use crate::host::resource::{File, Sshd};
use crate::host::{Guard, Observed};
use crate::inventory::cluster::{Cluster, Host};

/// sshd takes the first value that it reads, and reads drop-ins in the order of their names: cloud-init's is `50-…`.
pub const FILE: &str = "/etc/ssh/sshd_config.d/00-forge.conf";

const SETTINGS: &[(&str, &str)] = &[
    ("PubkeyAuthentication", "yes"),
    ("AuthenticationMethods", "publickey"),
    ("PasswordAuthentication", "no"),
    ("KbdInteractiveAuthentication", "no"),
    ("PermitEmptyPasswords", "no"),
    ("HostbasedAuthentication", "no"),
    ("IgnoreRhosts", "yes"),
    ("PermitUserEnvironment", "no"),
    ("MaxAuthTries", "3"),
    // forge itself uses up to five sessions of one connection.
    ("MaxSessions", "10"),
    ("MaxStartups", "10:30:60"),
    ("LoginGraceTime", "30"),
    // A forge whose machine or network is gone holds the host's lock until its session ends: two minutes.
    ("ClientAliveInterval", "30"),
    ("ClientAliveCountMax", "3"),
    ("TCPKeepAlive", "no"),
    ("X11Forwarding", "no"),
    ("AllowAgentForwarding", "no"),
    ("PermitTunnel", "no"),
    ("GatewayPorts", "no"),
    ("UseDNS", "no"),
    ("Compression", "no"),
    ("LogLevel", "VERBOSE"),
];

/// Keyword, what `ssh -Q` calls it, and what is good in the order of preference.
const ALGORITHMS: &[(&str, &str, &[&str])] = &[
    (
        "KexAlgorithms",
        "kex",
        &[
            "mlkem768x25519-sha256",
            "sntrup761x25519-sha512",
            "sntrup761x25519-sha512@openssh.com",
            "curve25519-sha256",
            "curve25519-sha256@libssh.org",
        ],
    ),
    (
        "Ciphers",
        "cipher",
        &[
            "chacha20-poly1305@openssh.com",
            "aes256-gcm@openssh.com",
            "aes128-gcm@openssh.com",
            "aes256-ctr",
            "aes192-ctr",
            "aes128-ctr",
        ],
    ),
    ("MACs", "mac", &["hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "umac-128-etm@openssh.com"]),
];

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    let security = &site.cluster.security.host.sshd;
    if !security.enabled {
        let sshd = Sshd { user: host.ssh.user.clone(), file: FILE, settings: Vec::new() };
        return Ok(vec![Box::new(File::absent(FILE)), Box::new(sshd)]);
    }
    let unseen = Observed::default();
    let ours = settings(host, site.cluster, site.facts.hosts.get(&host.name).unwrap_or(&unseen));
    let set = security.settings.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
    let lines: String = set.chain(ours.clone()).map(|(keyword, value)| format!("{keyword} {value}\n")).collect();
    let text = format!("# Written by forge. Change it in the inventory, under security.sshd.settings.\n{lines}");
    Ok(vec![
        Box::new(File::text(FILE, text).mode(0o600)),
        Box::new(Sshd { user: host.ssh.user.clone(), file: FILE, settings: ours }),
    ])
}

/// What sshd has to say for itself, keyword and value. What the inventory sets is not among it: that is written as it stands, and
/// not compared, because sshd prints many values in its own words.
pub fn settings(host: &Host, cluster: &Cluster, seen: &Observed) -> Vec<(String, String)> {
    let theirs =
        |keyword: &str| cluster.security.host.sshd.settings.keys().any(|key| key.eq_ignore_ascii_case(keyword));
    ours(host, cluster, seen).into_iter().filter(|(keyword, _)| !theirs(keyword)).collect()
}

fn ours(host: &Host, cluster: &Cluster, seen: &Observed) -> Vec<(String, String)> {
    let owned = |(keyword, value): &(&str, &str)| ((*keyword).to_owned(), (*value).to_owned());
    let root = if host.ssh.user == "root" { "prohibit-password" } else { "no" };
    let forwarding = if may_be_bastion(host, cluster) { "local" } else { "no" };
    let mut all: Vec<(String, String)> =
        [("PermitRootLogin", root), ("AllowTcpForwarding", forwarding)].iter().map(owned).collect();
    all.extend(SETTINGS.iter().map(owned));
    let machine = Machine::of(Some(seen));
    let algorithms = ALGORITHMS
        .iter()
        .filter_map(|(keyword, kind, wanted)| Some(((*keyword).to_owned(), machine.knows(kind, wanted)?)));
    all.extend(algorithms);
    all
}

/// Whether other hosts are reached through this one. A bastion that is given by name may be any host.
fn may_be_bastion(host: &Host, cluster: &Cluster) -> bool {
    let mut bastions = cluster.hosts.iter().filter_map(|other| other.ssh.bastion.as_ref());
    bastions.any(|bastion| bastion.address.parse::<IpAddr>().map_or(true, |address| address == host.address))
}

pub(super) fn guard() -> Guard {
    Guard { name: "sshd", files: vec![FILE.to_owned()], note: ":", restore: "sshd -t && systemctl try-restart ssh" }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cluster, cluster_behind, file, seen};
    use super::*;

    #[test]
    fn only_algorithms_that_the_host_knows_are_named() {
        let cluster = cluster("");
        let known =
            "cipher aes128-ctr\ncipher aes256-gcm@openssh.com\nkex curve25519-sha256\nkex diffie-hellman-group1-sha1";
        let facts = seen(&[("cp1", "machine", known)]);
        let text = file(FILE, &cluster, &facts, resources);
        assert!(
            text.contains("\nCiphers aes256-gcm@openssh.com,aes128-ctr\nKexAlgorithms")
                || text.contains("\nKexAlgorithms curve25519-sha256\nCiphers aes256-gcm@openssh.com,aes128-ctr\n"),
            "{text}"
        );
        assert!(!text.contains("MACs"), "it told of none: {text}");
    }

    #[test]
    fn the_inventorys_own_login_and_bastion_are_not_shut_out() {
        let text = |inventory: &str| file(FILE, &cluster(inventory), &seen(&[]), resources);
        assert!(text("ssh: {user: ops}\n").contains("\nPermitRootLogin no\n"));
        assert!(text("").contains("\nPermitRootLogin prohibit-password\n"), "forge logs in as root");
        assert!(text("").contains("\nAllowTcpForwarding no\n"));
        let behind = |bastion: &str| file(FILE, &cluster_behind(bastion, ""), &seen(&[]), resources);
        assert!(behind("{address: 192.0.2.11}").contains("\nAllowTcpForwarding local\n"));
        assert!(behind("{address: jump.example}").contains("\nAllowTcpForwarding local\n"));
        assert!(behind("{address: 192.0.2.99}").contains("\nAllowTcpForwarding no\n"));
    }

    #[test]
    fn the_inventorys_settings_come_instead_of_ours() {
        let settings = "security: {sshd: {settings: {loglevel: INFO, MaxAuthTries: 6, UseDNS: null}}}\n";
        let text = file(FILE, &cluster(settings), &seen(&[]), resources);
        assert!(text.contains("\nloglevel INFO\n") && text.contains("\nMaxAuthTries 6\n"), "{text}");
        assert!(!text.contains("VERBOSE") && !text.contains("UseDNS") && !text.contains("MaxAuthTries 3"), "{text}");
    }
}
