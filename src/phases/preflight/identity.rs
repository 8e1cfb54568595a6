//! Who a host is on the network: its address, and what must not be the same on two machines.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::seen::Seen;
use crate::host::facts::Probe;
use crate::host::script::quote;
use crate::inventory::{Host, NodeName};

const KEY: &str = "preflight identity";

pub(super) fn probe(host: &Host) -> Probe {
    let address = quote(&host.address.to_string());
    Probe::quick(
        KEY,
        format!(
            r#"command -v ip >/dev/null || exit 0
interface=$(ip -o addr show to {address} | awk '{{print $2; exit}}')
interface=${{interface%%@*}}
if [ -n "$interface" ]; then
  echo "mac $(cat "/sys/class/net/$interface/address")"
else
  echo "addresses$(ip -o addr show scope global | awk '{{printf " %s", $4}}')"
fi"#
        ),
    )
}

pub(super) fn check(hosts: &[Seen<'_>]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = hosts.iter().filter_map(address).collect();
    let ids = hosts.iter().map(|seen| (seen, seen.facts.machine_id.as_str()));
    findings.extend(twins(ids).map(|(seen, first, id)| {
        let name = &seen.host.name;
        Finding::fatal(
            seen.host,
            format!("{name} and {first} have the same machine-id: one is a copy of the other"),
            format!(
                "on {name}: sudo rm -f /etc/machine-id /var/lib/dbus/machine-id && sudo systemd-machine-id-setup && sudo reboot"
            ),
        )
        .cause(id)
    }));
    let macs = hosts.iter().map(|seen| (seen, mac(seen)));
    findings.extend(twins(macs).map(|(seen, first, mac)| {
        let name = &seen.host.name;
        Finding::fatal(
            seen.host,
            format!("{name} and {first} have the same MAC address"),
            format!("give the network interface of {name} a MAC address of its own where the machine is defined"),
        )
        .cause(mac)
    }));
    findings
}

/// Hosts that show a value which a host before them showed, with that host's name.
fn twins<'a>(
    values: impl Iterator<Item = (&'a Seen<'a>, &'a str)>,
) -> impl Iterator<Item = (&'a Seen<'a>, &'a NodeName, &'a str)> {
    let mut first: BTreeMap<&str, &NodeName> = BTreeMap::new();
    values.filter(|(_, value)| !value.is_empty()).filter_map(move |(seen, value)| match first.get(value) {
        Some(name) => Some((seen, *name, value)),
        None => {
            first.insert(value, &seen.host.name);
            None
        }
    })
}

/// Empty when unknown; an interface without a link layer has zeros.
fn mac<'a>(seen: &'a Seen<'_>) -> &'a str {
    let mac = seen.observed.get(KEY).strip_prefix("mac ").unwrap_or_default();
    if mac.chars().all(|c| matches!(c, '0' | ':')) { "" } else { mac }
}

fn address(seen: &Seen<'_>) -> Option<Finding> {
    let there = seen.observed.get(KEY).strip_prefix("addresses")?.trim();
    let (name, address) = (&seen.host.name, seen.host.address);
    let finding = Finding::fatal(
        seen.host,
        format!("{name} does not have the address {address} that the inventory gives it"),
        format!("put an address of {name} into the inventory that the other hosts reach; behind NAT, the inner one"),
    );
    Some(finding.cause(format!("{name} has {}", if there.is_empty() { "none" } else { there })))
}
