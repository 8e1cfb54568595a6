//! The endpoint's name: resolved by DNS, or by the entries that forge writes into `/etc/hosts`.

use super::finding::Finding;
use super::seen::{JOINED, Seen};
use crate::host::facts::{Observed, Probe};
use crate::host::resource::HostsBlock;
use crate::host::script::quote;
use crate::inventory::Cluster;

const KEY: &str = "preflight endpoint";

/// Where our own entries name the endpoint, DNS is not asked: systemd-resolved would answer from them, and a converged
/// host would wait for a name server that does not know the name.
///
/// The name is asked with a final dot. Without it the resolver appends the domains of `search`, and where one of them has
/// a wildcard every name in the world is known. Prints `dns ADDRESS own`, or what is found on the endpoint's port:
/// `silent WORDS`; `open` when the connection is accepted and no TLS server answers, as a load balancer does that has none
/// behind it yet; `tls NAMES` with the names in the server's certificate.
pub(super) fn probe(cluster: &Cluster) -> Probe {
    let name = quote(&cluster.endpoint.host);
    let absolute = match cluster.endpoint.host.parse::<std::net::IpAddr>() {
        Ok(_) => name.clone(),
        Err(_) => quote(&format!("{}.", cluster.endpoint.host)),
    };
    let port = cluster.endpoint.port;
    let block = HostsBlock::print();
    let ours: Vec<String> = cluster.control_planes().map(|host| host.address.to_string()).collect();
    let ours = quote(&format!(" {} ", ours.join(" ")));
    Probe::slow(
        KEY,
        format!(
            r#"{block} |
  awk -v name={name} '{{for (i = 2; i <= NF; i++) if ($i == name) found = 1}} END {{exit !found}}' && exit 0
ours={ours}
try() {{
  case "$ours" in *" $1 "*) echo "dns $1 own"; return ;; esac
  if {JOINED}; then echo "dns $1 open"; return; fi
  if ! said=$(timeout 2 bash -c ": </dev/tcp/$1/{port}" 2>&1); then
    said=${{said##*: }}
    echo "dns $1 silent ${{said:-no answer within 2 seconds}}"
    return
  fi
  case $1 in *:*) at="[$1]" ;; *) at=$1 ;; esac
  names=$(timeout 3 openssl s_client -connect "$at:{port}" -servername {name} 2>/dev/null |
    openssl x509 -noout -ext subjectAltName 2>/dev/null | grep -o 'DNS:[^, ]*' | head -n 20 | tr '\n' ' ')
  if [ -n "$names" ]; then echo "dns $1 tls $names"; else echo "dns $1 open"; fi
}}
for address in $(timeout 2 getent -s dns ahosts {absolute} | awk '{{print $1}}' | sort -u | head -n 8); do
  try "$address" &
done
wait"#
        ),
    )
}

/// What DNS says, and what answers there.
struct Answer<'a> {
    address: &'a str,
    found: Found<'a>,
}

enum Found<'a> {
    ControlPlane,
    Silent(&'a str),
    Open,
    Server(&'a str),
}

impl Answer<'_> {
    fn all(observed: &Observed) -> Vec<Answer<'_>> {
        observed.get(KEY).lines().filter_map(answer).collect()
    }

    /// A control plane, or a load balancer before them: one without a server yet, or, of a `living` cluster, with one that
    /// calls itself `kubernetes`, as every API server does.
    fn leads_to(&self, living: bool) -> bool {
        match self.found {
            Found::ControlPlane | Found::Open => true,
            Found::Silent(_) => false,
            Found::Server(names) => living && names.split(' ').any(|name| name == "DNS:kubernetes"),
        }
    }

    fn words(&self) -> String {
        match self.found {
            Found::Silent(words) => format!("{}: {words}", self.address),
            Found::Server(names) => format!("{}: a server for {}", self.address, names.trim().replace("DNS:", "")),
            Found::ControlPlane | Found::Open => self.address.to_owned(),
        }
    }
}

fn answer(line: &str) -> Option<Answer<'_>> {
    let (address, rest) = line.strip_prefix("dns ")?.split_once(' ')?;
    let (word, words) = rest.split_once(' ').unwrap_or((rest, ""));
    let found = match word {
        "own" => Found::ControlPlane,
        "open" => Found::Open,
        "silent" => Found::Silent(words),
        "tls" => Found::Server(words),
        _ => return None,
    };
    Some(Answer { address, found })
}

/// Whether DNS knows the endpoint's name on this host and leads to the cluster, so that `/etc/hosts` needs no entry for it.
/// `living` is a cluster one of whose control planes has joined.
pub fn endpoint_in_dns(observed: &Observed, living: bool) -> bool {
    Answer::all(observed).iter().any(|answer| answer.leads_to(living))
}

/// A warning only: the hosts reach the control planes by their own entries, and a load balancer may be set up later.
pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Option<Finding> {
    let endpoint = &cluster.endpoint;
    let living = hosts.iter().any(|seen| seen.host.is_control_plane() && seen.membership.joined);
    hosts.iter().find_map(|seen| {
        let answers = Answer::all(seen.observed);
        if answers.is_empty() || answers.iter().any(|answer| answer.leads_to(living)) {
            return None;
        }
        let addresses: Vec<&str> = answers.iter().map(|answer| answer.address).collect();
        let words: Vec<String> = answers.iter().map(Answer::words).collect();
        let warning = Finding::warning(
            seen.host,
            format!(
                "DNS says that {} is {}: no control plane, and no load balancer that answers on port {}; hosts will use \
                 entries of their own in /etc/hosts",
                endpoint.host,
                addresses.join(", "),
                endpoint.port
            ),
            format!(
                "let {} point to a control plane or a load balancer before them, or remove it from DNS",
                endpoint.host
            ),
        );
        Some(warning.cause(format!("{}: {}", seen.host.name, words.join("; "))).of_all())
    })
}
