//! The way in: nobody else filters what comes in, and `trustedCIDRs` do not shut out whoever runs forge.

use std::net::IpAddr;

use super::finding::Finding;
use super::seen::Seen;
use crate::host::facts::{Observed, Probe};
use crate::inventory::{Cluster, Host};

const KEY: &str = "preflight firewall";

/// The connection as sshd sees it: sudo takes it out of the environment, but not out of that of the processes before it.
pub(super) fn probe() -> Probe {
    Probe::quick(
        KEY,
        r#"pid=$$
while [ "${pid:-1}" -gt 1 ]; do
  from=$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^SSH_CONNECTION=//p')
  [ -z "$from" ] || { echo "connection $from"; break; }
  pid=$(awk '$1 == "PPid:" {print $2}' "/proc/$pid/status")
done
grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf && echo "other ufw"
systemctl --quiet is-active firewalld && echo "other firewalld"
systemctl --quiet is-active nftables && grep -qs 'flush ruleset' /etc/nftables.conf && echo "other nftables"
nft list table inet forge >/dev/null && echo loaded"#,
    )
}

/// Address and port of the connection's two ends: the operator's, or the bastion's, and the host's.
fn connection(observed: &Observed) -> Option<(IpAddr, u16)> {
    let line = observed.get(KEY).lines().find_map(|line| line.strip_prefix("connection "))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let [from, _, _, port] = words[..] else { return None };
    // A link-local address has a zone behind it.
    let from: IpAddr = from.split('%').next()?.parse().ok()?;
    Some((from.to_canonical(), port.parse().ok()?))
}

/// The port that the host's sshd listens on, which may not be the one that was dialled.
pub fn ssh_port(observed: &Observed) -> Option<u16> {
    connection(observed).map(|(_, port)| port)
}

/// Whether our table is loaded, which lets in the nodes of the last run only.
pub(super) fn is_loaded(observed: &Observed) -> bool {
    observed.get(KEY).lines().any(|line| line == "loaded")
}

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    if !cluster.security.host.firewall.enabled {
        return Vec::new();
    }
    hosts.iter().flat_map(|seen| others(seen).into_iter().chain(shut_out(cluster, seen))).collect()
}

fn others(seen: &Seen<'_>) -> Vec<Finding> {
    let name = &seen.host.name;
    let found = seen.observed.get(KEY).lines().filter_map(|line| line.strip_prefix("other "));
    found
        .map(|other| {
            let (what, stop) = match other {
                "ufw" => ("ufw drops what pods send to each other", "sudo ufw disable"),
                "firewalld" => ("firewalld removes rules of kube-proxy and pod networks", "sudo systemctl disable --now firewalld"),
                _ => ("nftables.service removes all rules, those of others too", "sudo systemctl disable --now nftables"),
            };
            Finding::fatal(
                seen.host,
                format!("{name} has another firewall: {other} is active"),
                format!("on {name}: {stop}   and name what else must come in under security.firewall.allow; or leave the hosts' firewall to it with security.firewall.enabled: false"),
            )
            .cause(what)
        })
        .collect()
}

fn shut_out(cluster: &Cluster, seen: &Seen<'_>) -> Option<Finding> {
    let trusted = &cluster.security.host.trusted_cidrs;
    let (from, _) = connection(seen.observed)?;
    let is_bastion = seen.host.ssh.bastion.is_some() && cluster.hosts.iter().any(|host: &Host| host.address == from);
    if trusted.is_empty() || is_bastion || trusted.iter().any(|net| net.contains(&from)) {
        return None;
    }
    let name = &seen.host.name;
    let whose = if seen.host.ssh.bastion.is_some() { "the bastion's" } else { "yours" };
    Some(
        Finding::fatal(
            seen.host,
            format!("security.trustedCIDRs would shut you out of {name}"),
            format!("add {from} to security.trustedCIDRs"),
        )
        .cause(format!("sshd on {name} sees this login come from {from}, {whose}")),
    )
}
