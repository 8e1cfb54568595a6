//! Hosts that are to join reach the ports they will need. Nobody listens there yet: a refusal is as good as an answer.

use std::net::SocketAddr;

use super::finding::Finding;
use super::firewall;
use super::seen::{JOINED, Seen};
use crate::host::facts::Probe;
use crate::host::script::quote;
use crate::inventory::{Cluster, Host, NodeName};

const KEY: &str = "preflight reach";

/// A shell function that reads addresses and ports, one pair per line, and prints `ADDRESS PORT WORDS` for those that do
/// not answer. A connection that is refused was answered.
pub(super) const UNANSWERED: &str = r#"try() {
  said=$(timeout 2 bash -c ": </dev/tcp/$1/$2" 2>&1)
  case "$? $said" in
    0* | *"Connection refused"*) ;;
    124*) echo "$1 $2 no answer within 2 seconds" ;;
    *) echo "$1 $2 ${said##*: }" ;;
  esac
}
unanswered() {
  count=0
  while read -r address port; do
    try "$address" "$port" &
    count=$((count + 1))
    [ $((count % 64)) -eq 0 ] && wait
  done
  wait
}"#;

/// Where `host` must get through: every host to the API servers, control planes to each other's etcd and to all kubelets.
fn needed(cluster: &Cluster, host: &Host) -> Vec<SocketAddr> {
    let mut needed = Vec::new();
    for other in cluster.hosts.iter().filter(|other| other.name != host.name) {
        let ports: &[u16] = match (host.is_control_plane(), other.is_control_plane()) {
            (true, true) => &[6443, 2379, 2380, 10250],
            (true, false) => &[10250],
            (false, true) => &[6443],
            (false, false) => &[],
        };
        needed.extend(ports.iter().map(|port| SocketAddr::new(other.address, *port)));
    }
    needed
}

pub(super) fn probe(cluster: &Cluster, host: &Host) -> Option<Probe> {
    let pairs: Vec<String> =
        needed(cluster, host).iter().map(|to| quote(&format!("{} {}", to.ip(), to.port()))).collect();
    let shell = format!("{JOINED} && exit 0\n{UNANSWERED}\nprintf '%s\\n' {} | unanswered", pairs.join(" "));
    (!pairs.is_empty()).then(|| Probe::slow(KEY, shell))
}

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    // A firewall of ours lets new nodes in before they join, and not earlier.
    let closed: Vec<&NodeName> =
        hosts.iter().filter(|seen| firewall::is_loaded(seen.observed)).map(|seen| &seen.host.name).collect();
    hosts.iter().flat_map(|seen| unreached(cluster, seen, &closed)).collect()
}

/// One finding per host that is not reached, with all its ports: a firewall closes them together.
fn unreached(cluster: &Cluster, seen: &Seen<'_>, closed: &[&NodeName]) -> Vec<Finding> {
    let lines: Vec<(&str, &str, &str)> = seen.observed.get(KEY).lines().filter_map(unanswered).collect();
    let others = cluster.hosts.iter().filter(|other| !closed.contains(&&other.name)).map(|other| {
        let address = other.address.to_string();
        let mut closed: Vec<_> = lines.iter().filter(|(to, ..)| *to == address).collect();
        closed.sort_by_key(|(_, port, _)| port.parse::<u16>().unwrap_or_default());
        (other, closed)
    });
    others
        .filter(|(_, closed)| !closed.is_empty())
        .map(|(other, closed)| {
            let (from, to) = (&seen.host.name, &other.name);
            let ports: Vec<&str> = closed.iter().map(|(_, port, _)| *port).collect();
            let ports = ports.join(", ");
            let words = closed.first().map_or("", |(.., words)| words);
            Finding::fatal(
                seen.host,
                format!("{from} does not reach {to} on TCP port {ports}"),
                format!("let {from} through to {to} ({}) on TCP port {ports} in every firewall between", other.address),
            )
            .cause(words)
        })
        .collect()
}

/// `ADDRESS PORT WORDS`.
pub(super) fn unanswered(line: &str) -> Option<(&str, &str, &str)> {
    let (address, rest) = line.split_once(' ')?;
    let (port, words) = rest.split_once(' ')?;
    Some((address, port, words))
}
