//! The endpoint's name: resolved by DNS, or by the entries that forge writes into `/etc/hosts`.

use super::finding::Finding;
use super::reach::{UNANSWERED, unanswered};
use super::seen::{JOINED, Seen};
use crate::host::facts::{Observed, Probe};
use crate::host::resource::HostsBlock;
use crate::host::script::quote;
use crate::inventory::Cluster;

const KEY: &str = "preflight endpoint";

/// Where our own entries name the endpoint, DNS is not asked: systemd-resolved would answer from them, and a converged
/// host would wait for a name server that does not know the name.
pub(super) fn probe(cluster: &Cluster) -> Probe {
    let name = quote(&cluster.endpoint.host);
    let port = cluster.endpoint.port;
    let block = HostsBlock::print();
    let ours: Vec<String> = cluster.control_planes().map(|host| host.address.to_string()).collect();
    let ours = quote(&format!(" {} ", ours.join(" ")));
    Probe::slow(
        KEY,
        format!(
            r#"{block} |
  awk -v name={name} '{{for (i = 2; i <= NF; i++) if ($i == name) found = 1}} END {{exit !found}}' && exit 0
answers=$(timeout 2 getent -s dns ahosts {name} | awk '{{print $1}}' | sort -u)
for address in $answers; do
  echo "dns $address"
done
{JOINED} && exit 0
{UNANSWERED}
ours={ours}
for address in $answers; do
  case "$ours" in *" $address "*) ;; *) echo "$address {port}" ;; esac
done | unanswered"#
        ),
    )
}

/// Whether DNS knows the endpoint's name on this host, so that `/etc/hosts` needs no entry for it.
pub fn endpoint_in_dns(observed: &Observed) -> bool {
    observed.get(KEY).lines().any(|line| line.starts_with("dns "))
}

/// A warning only: a load balancer may well be set up after the control planes.
pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Option<Finding> {
    let endpoint = &cluster.endpoint;
    hosts.iter().find_map(|seen| {
        let lines = || seen.observed.get(KEY).lines();
        let addresses: Vec<&str> = lines().filter_map(|line| line.strip_prefix("dns ")).collect();
        let silent: Vec<_> = lines().filter(|line| !line.starts_with("dns ")).filter_map(unanswered).collect();
        let (_, _, words) = silent.first().filter(|_| silent.len() == addresses.len())?;
        let warning = Finding::warning(
            seen.host,
            format!(
                "DNS says that {} is {}: no control plane, and nothing that answers on port {}",
                endpoint.host,
                addresses.join(", "),
                endpoint.port
            ),
            format!(
                "let {} point to a control plane or a load balancer before them, or remove it from DNS",
                endpoint.host
            ),
        );
        Some(warning.cause(format!("{}: {words}", seen.host.name)).of_all())
    })
}
