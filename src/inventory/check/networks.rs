//! `cluster.podSubnet` and `cluster.serviceSubnet`: one family, large enough, and apart from everything else.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::inventory::finding::Findings;
use crate::inventory::model::{ClusterSettings, Inventory};

/// A network of the cluster and the words for it.
struct Network {
    net: IpNet,
    key: &'static str,
    what: &'static str,
    /// ` (the default)` when the file does not have it, so that nobody looks for it there.
    default: &'static str,
}

impl Network {
    fn shown(&self) -> String {
        format!("the {} network {}{}", self.what, self.net, self.default)
    }

    fn family(&self) -> &'static str {
        family(self.net.addr())
    }
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

/// The pods' and the services' networks.
pub(super) fn networks(inventory: &Inventory, findings: &mut Findings<'_>) -> Option<(IpNet, IpNet)> {
    let ClusterSettings { pod_subnet, service_subnet, .. } = &inventory.cluster;
    let pods = network(pod_subnet, "podSubnet", "pod", findings);
    let services = network(service_subnet, "serviceSubnet", "service", findings);
    let addresses = addresses(inventory);
    for network in pods.iter().chain(&services) {
        contains_hosts(network, &addresses, findings);
    }
    let (pods, services) = (pods?, services?);
    one_family(&pods, &services, &addresses, findings);
    if overlap(&pods.net, &services.net) {
        let (one, other) = (findings.source.value(&path(&pods)), findings.source.value(&path(&services)));
        let message = format!("{} overlaps {}", pods.shown(), services.shown());
        findings.add(message).label(one, "pods").label(other, "services");
    }
    pod_size(&pods, inventory, findings);
    service_size(&services, findings);
    Some((pods.net, services.net))
}

fn path(network: &Network) -> [&'static str; 2] {
    ["cluster", network.key]
}

fn network(text: &str, key: &'static str, what: &'static str, findings: &mut Findings<'_>) -> Option<Network> {
    let at = ["cluster", key];
    if text.contains(',') {
        let help = "dual stack is not supported by this version";
        findings.at(&at, format!("the {what} network must be one network, IPv4 or IPv6"), "").help(help);
        return None;
    }
    let Ok(net) = text.parse::<IpNet>() else {
        let help = "an address, a slash and the length of the prefix: `10.244.0.0/16`";
        findings.at(&at, format!("`{text}` is not a network"), "").help(help);
        return None;
    };
    if net != net.trunc() {
        findings.at(&at, format!("{net} has bits behind its prefix"), format!("{} is meant?", net.trunc()));
        return None;
    }
    let default = if findings.source.key(&at).is_some() { "" } else { " (the default)" };
    Some(Network { net, key, what, default })
}

/// Hosts and their addresses, as far as these are addresses at all.
fn addresses(inventory: &Inventory) -> Vec<(&str, IpAddr)> {
    let hosts = inventory.hosts.0.iter();
    hosts.filter_map(|(name, host)| Some((name.as_str(), host.address.parse().ok()?))).collect()
}

fn contains_hosts(network: &Network, addresses: &[(&str, IpAddr)], findings: &mut Findings<'_>) {
    let inside: Vec<_> = addresses.iter().filter(|(_, address)| network.net.contains(address)).collect();
    let Some((first, _)) = inside.first() else { return };
    let others = match inside.len() - 1 {
        0 => String::new(),
        1 => " and of one more host".to_owned(),
        more => format!(" and of {more} more hosts"),
    };
    let source = findings.source;
    let finding =
        findings.at(&path(network), format!("{} contains the address of {first}{others}", network.shown()), "");
    finding.label(source.value(&["hosts", first, "address"]), "inside");
    finding.help(format!("choose a `cluster.{}` that nothing else uses", network.key));
}

fn one_family(pods: &Network, services: &Network, addresses: &[(&str, IpAddr)], findings: &mut Findings<'_>) {
    let source = findings.source;
    let help = "pods, services and hosts must all be IPv4 or all be IPv6; dual stack is not supported by this version";
    if pods.family() != services.family() {
        let message = format!("{} is {}, {} is {}", pods.shown(), pods.family(), services.shown(), services.family());
        let finding = findings.at(&path(pods), message, pods.family());
        finding.label(source.value(&path(services)), services.family()).help(help);
    }
    for (name, address) in addresses.iter().filter(|(_, address)| family(*address) != pods.family()) {
        let message = format!("the address of {name} is {}, {} is {}", family(*address), pods.shown(), pods.family());
        let finding = findings.at(&["hosts", name, "address"], message, family(*address));
        finding.label(source.value(&path(pods)), pods.family()).help(help);
    }
}

/// kubeadm's rule: every node gets a /24 (IPv6: a /64) of the pods' network, and the controller manager counts at most
/// 2^16 of them. Who changes the nodes' share has their own arithmetic.
fn pod_size(pods: &Network, inventory: &Inventory, findings: &mut Findings<'_>) {
    let overridden = inventory.kubeadm.cluster_configuration.get("controllerManager");
    if overridden.is_some_and(|manager| manager.to_string().contains("node-cidr-mask-size")) {
        return;
    }
    let share: u8 = if pods.net.addr().is_ipv4() { 24 } else { 64 };
    let (least, length) = (share - 16, pods.net.prefix_len());
    if !(least..=share).contains(&length) {
        let message = format!("{} must have a prefix from /{least} to /{share}", pods.shown());
        findings.at(&path(pods), message, "").help(format!("every node gets a /{share} of it"));
        return;
    }
    let (room, hosts) = (1_usize << (share - length), inventory.hosts.0.len());
    if hosts > room {
        let message = format!("{} is too small for {hosts} hosts", pods.shown());
        findings
            .at(&path(pods), message, "")
            .help(format!("every node gets a /{share} of it: there is room for {room}"));
    }
}

/// kubeadm's rule: at most 2^20 and at least 10 addresses.
fn service_size(services: &Network, findings: &mut Findings<'_>) {
    let (least, most) = if services.net.addr().is_ipv4() { (12, 28) } else { (108, 124) };
    if !(least..=most).contains(&services.net.prefix_len()) {
        let message = format!("{} must have a prefix from /{least} to /{most}", services.shown());
        findings.at(&path(services), message, "");
    }
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use ipnet::Ipv4Net;
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn small_net()(address in 0_u32..64, prefix in 26_u8..=32) -> IpNet {
            Ipv4Net::new(Ipv4Addr::from(address), prefix).unwrap().trunc().into()
        }
    }

    proptest! {
        #[test]
        fn networks_overlap_when_they_share_an_address(one in small_net(), other in small_net()) {
            let shared = (0..64).map(|n| IpAddr::from(Ipv4Addr::from(n))).any(|a| one.contains(&a) && other.contains(&a));
            prop_assert_eq!(overlap(&one, &other), shared);
            prop_assert_eq!(overlap(&other, &one), shared);
        }
    }
}
