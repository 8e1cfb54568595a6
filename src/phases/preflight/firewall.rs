//! The way in and through: no other rules filter what comes in or is forwarded, and `trustedCIDRs` do not shut out whoever runs forge.

use std::net::IpAddr;

use super::finding::Finding;
use super::ruleset::{self, Chain};
use super::seen::{JOINED, Seen};
use crate::host::facts::{Observed, Probe};
use crate::inventory::{Cluster, Host};

const KEY: &str = "preflight firewall";

/// What each list of rules is called in the answer, and its end.
const RULES: [&str; 3] = ["nft", "ip", "ip6"];

/// To ask for a legacy table that is not there would make it, hence the look at the kernel's list of names.
///
/// The connection as sshd sees it: sudo takes it out of the environment, but not out of that of the processes before it.
pub(super) fn probe() -> Probe {
    Probe::quick(
        KEY,
        format!(
            r#"pid=$$
while [ "${{pid:-1}}" -gt 1 ]; do
  from=$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^SSH_CONNECTION=//p')
  [ -z "$from" ] || {{ echo "connection $from"; break; }}
  pid=$(awk '$1 == "PPid:" {{print $2}}' "/proc/$pid/status")
done
grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf && echo "other ufw"
systemctl --quiet is-active firewalld && echo "other firewalld"
systemctl --quiet is-active nftables && grep -qs 'flush ruleset' /etc/nftables.conf && echo "other nftables"
nft list table inet forge >/dev/null && echo loaded
{JOINED} && exit 0
systemctl --quiet is-active docker && echo docker
rules() {{
  "$@" | awk '{{print "rule", $0}} NR == 5000 {{exit}}'
}}
echo "rules nft"
rules nft --stateless --terse list ruleset
echo "rules ip"
grep -qx filter /proc/net/ip_tables_names && rules iptables-legacy-save -t filter
echo "rules ip6"
grep -qx filter /proc/net/ip6_tables_names && rules ip6tables-legacy-save -t filter"#
        ),
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
    let enabled = cluster.security.host.firewall.enabled;
    let mut findings = Vec::new();
    for seen in hosts {
        let others = if enabled { others(seen) } else { Vec::new() };
        // Their chains are theirs, and the finding above says more.
        if others.is_empty() && seen.is_bare() && !seen.is_ours() {
            findings.extend(refusing(cluster, seen));
        }
        findings.extend(others);
        findings.extend(shut_out(cluster, seen).filter(|_| enabled));
    }
    findings
}

/// Every chain of the host's that decides on what comes in or passes through, and those that they jump to.
fn chains(observed: &Observed) -> Vec<Chain> {
    let mut lists: [String; 3] = Default::default();
    let mut list = None;
    for line in observed.get(KEY).lines() {
        if let Some(name) = line.strip_prefix("rules ") {
            list = RULES.iter().position(|known| *known == name);
        } else if let (Some(rule), Some(text)) = (line.strip_prefix("rule "), list.and_then(|list| lists.get_mut(list)))
        {
            text.push_str(rule);
            text.push('\n');
        }
    }
    let [nft, ip, ip6] = &lists;
    [ruleset::nft(nft), ruleset::iptables("ip", ip), ruleset::iptables("ip6", ip6)].concat()
}

/// A packet has to be accepted by every base chain of a hook, so that one that refuses what it does not know shuts out
/// nodes and pods whatever forge's own table lets in.
fn refusing(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Finding> {
    let (name, chains) = (&seen.host.name, chains(seen.observed));
    let docker = seen.observed.get(KEY).lines().any(|line| line == "docker");
    let foreign = chains.iter().filter(|chain| chain.table != "inet forge");
    let found = foreign.filter_map(|chain| {
        let (hook, lost) = match chain.hook.as_deref()? {
            "input" => ("what comes in", "what nodes send each other"),
            "forward" => ("what passes through", "what pods send and get"),
            _ => return None,
        };
        let words = chain.refuses(&chains)?;
        let place = format!("chain {} of table {}", chain.name, chain.table);
        let what = format!("{name} filters {hook} with rules that are not forge's: {place} drops {lost}");
        let next = if docker && chain.hook.as_deref() == Some("forward") {
            // dockerd sets the policy only where it turns on forwarding itself; forge's sysctl does that before it at a boot.
            format!("on {name}: sudo iptables -P FORWARD ACCEPT   or remove Docker")
        } else {
            format!(
                "on {name}: sudo nft list ruleset   (or iptables-save) shows them; remove them, also where they are loaded at a \
                 boot (/etc/iptables, /etc/nftables.conf), and name what else must come in under security.firewall.allow"
            )
        };
        let finding = Finding::fatal(seen.host, what, next).cause(words);
        Some(if cluster.security.host.firewall.enabled { finding } else { Finding { fatal: false, ..finding } })
    });
    found.collect()
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
