//! The hosts' own packet filter: one nftables table with a chain for what comes in, and nothing that kube-proxy or a pod
//! network owns.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::super::{preflight, unrendered};
use super::{Resources, Site};
use crate::host::Guard;
use crate::host::resource::{File, Masked, NftTable, OnlyWhere, Service};
use crate::inventory::cluster::{Cluster, Cni, Host};
use crate::inventory::host_security::{Allow, Protocol};
use crate::kube::API_SERVER_PORT;

const FILE: &str = "/etc/forge/firewall.nft";
const UNIT: &str = "/etc/systemd/system/forge-firewall.service";
const WANTED_BY: &str = "/etc/systemd/system/sysinit.target.wants/forge-firewall.service";
const TABLE: &str = "forge";

/// Before there is a network, as systemd.special(7) asks of firewalls.
const UNIT_TEXT: &str = "# Written by forge.\n\
    [Unit]\n\
    Description=Packet filter of this host for what comes in\n\
    DefaultDependencies=no\n\
    Before=network-pre.target shutdown.target\n\
    Wants=network-pre.target\n\
    Conflicts=shutdown.target\n\
    After=local-fs.target\n\n\
    [Service]\n\
    Type=oneshot\n\
    ExecStart=/usr/sbin/nft --file /etc/forge/firewall.nft\n\n\
    [Install]\n\
    WantedBy=sysinit.target\n";

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    if !site.cluster.security.host.firewall.enabled {
        return Ok(vec![
            Box::new(NftTable::absent(TABLE)),
            Box::new(File::absent(WANTED_BY)),
            Box::new(File::absent(UNIT)),
            Box::new(File::absent(FILE)),
        ]);
    }
    let text = site.templates.render("host/firewall.nft.tera", &context(host, site)).map_err(unrendered)?;
    Ok(vec![
        // Debian's own unit begins with `flush ruleset`, which takes away what kube-proxy and the pod network have made.
        Box::new(OnlyWhere::new(
            "grep -qs 'flush ruleset' /etc/nftables.conf",
            Masked::new("nftables.service", &["nftables.service".to_owned()]),
        )),
        Box::new(File::text(FILE, text).mode(0o600)),
        Box::new(File::text(UNIT, UNIT_TEXT)),
        Box::new(NftTable::loaded(TABLE, FILE)),
        Box::new(Service::enabled("forge-firewall")),
    ])
}

fn context(host: &Host, site: Site<'_>) -> Value {
    let cluster = site.cluster;
    let security = &cluster.security.host;
    let (family, kind) = if host.address.is_ipv6() { ("ip6", "ipv6_addr") } else { ("ip", "ipv4_addr") };
    let ssh = site.facts.hosts.get(&host.name).and_then(preflight::ssh_port).unwrap_or(host.ssh.port);
    let mut open = vec![ssh];
    open.extend(host.is_control_plane().then_some(API_SERVER_PORT));
    let trusted = |name: &str, family: &str, kind: &str, v6: bool| {
        let networks: Vec<String> =
            security.trusted_cidrs.iter().filter(|net| net.addr().is_ipv6() == v6).map(ToString::to_string).collect();
        (!networks.is_empty()).then(|| json!({ "name": name, "family": family, "type": kind, "networks": networks }))
    };
    let trusted: Vec<Value> =
        [trusted("trusted", "ip", "ipv4_addr", false), trusted("trusted6", "ip6", "ipv6_addr", true)]
            .into_iter()
            .flatten()
            .collect();
    let Tunnels { udp, ip, tcp } = tunnels(cluster);
    json!({
        "family": family,
        "type": kind,
        "nodes": cluster.hosts.iter().map(|host| host.address).collect::<Vec<_>>(),
        "control_planes": cluster.control_planes().map(|host| host.address).collect::<Vec<_>>(),
        "pods": cluster.pod_subnet,
        "trusted": trusted,
        "bastions": if trusted.is_empty() { Vec::new() } else { bastions(cluster) },
        "ssh": ssh,
        "open": open,
        "control_plane": host.is_control_plane(),
        "tunnels_udp": udp,
        "tunnels_ip": ip,
        "tunnels_tcp": tcp,
        "allow": security.firewall.allow.iter().flat_map(rules).collect::<Vec<_>>(),
    })
}

/// Hosts of the cluster through which others are reached.
fn bastions(cluster: &Cluster) -> Vec<IpAddr> {
    let is_bastion = |address: IpAddr| {
        let mut bastions = cluster.hosts.iter().filter_map(|other| other.ssh.bastion.as_ref());
        bastions.any(|bastion| bastion.address.parse() == Ok(address))
    };
    cluster.hosts.iter().map(|host| host.address).filter(|address| is_bastion(*address)).collect()
}

/// What a pod network says to other nodes' own addresses.
struct Tunnels {
    udp: Vec<u16>,
    ip: Vec<&'static str>,
    tcp: Vec<u16>,
}

/// Calico's are known. Of another network anything usual may be: VXLAN on both of its ports, Geneve, WireGuard, IP in IP, GRE,
/// ESP, BGP and Cilium's health checks.
fn tunnels(cluster: &Cluster) -> Tunnels {
    let Cni::Calico(calico) = &cluster.cni else {
        return Tunnels {
            udp: vec![4789, 6081, 8472, 51820, 51821, 51871],
            ip: vec!["ipip", "gre", "esp"],
            tcp: vec![179, 4240],
        };
    };
    const TYPHA: u16 = 5473;
    let mut tunnels = Tunnels { udp: Vec::new(), ip: Vec::new(), tcp: vec![TYPHA] };
    tunnels.udp.extend(calico.uses_vxlan().then_some(4789));
    tunnels.udp.extend(if calico.wireguard { &[51820, 51821][..] } else { &[] });
    tunnels.ip.extend(calico.uses_ipip().then_some("ipip"));
    tunnels.tcp.extend(calico.learns_routes_by_bgp().then_some(179));
    tunnels
}

/// One rule per network.
fn rules(allow: &Allow) -> Vec<String> {
    let protocol = match allow.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let port = format!("{protocol} dport {}", allow.port);
    if allow.from.is_empty() {
        return vec![port];
    }
    let family = |v6: bool| if v6 { "ip6" } else { "ip" };
    allow.from.iter().map(|net| format!("{} saddr {net} {port}", family(net.addr().is_ipv6()))).collect()
}

pub(super) fn guard() -> Guard {
    Guard {
        name: "firewall",
        files: [FILE, UNIT, WANTED_BY].map(str::to_owned).to_vec(),
        note: "nft --stateless list table inet forge >\"$undo/table\" 2>/dev/null || :",
        restore: "{ printf 'table inet forge\\ndelete table inet forge\\n'; cat \"$undo/table\"; } >\"$undo/ruleset\"\n\
                  nft --file \"$undo/ruleset\"\nsystemctl daemon-reload",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cluster, cluster_behind, file_of, seen};
    use super::*;

    fn rules_of(inventory: &str, host: &str) -> String {
        file_of(host, FILE, &cluster(inventory), &seen(&[]), resources)
    }

    /// Whether nft itself takes it, where there is one and the right to ask.
    fn assert_nft_takes(text: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules");
        std::fs::write(&path, text).unwrap();
        let nft = std::process::Command::new("unshare")
            .args(["--net", "--map-root-user", "nft", "--check", "--file"])
            .arg(path)
            .output();
        if let Ok(output) = nft {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let unable = said.contains("unshare") || said.contains("Operation not permitted");
            assert!(output.status.success() || unable, "{said}\n{text}");
        }
    }

    #[test]
    fn without_trusted_networks_ssh_and_the_api_are_open_and_nothing_else() {
        let text = rules_of("", "cp1");
        assert!(text.contains("tcp dport { 22, 6443 } accept comment \"no trustedCIDRs"), "{text}");
        assert!(text.contains("ip saddr @control_planes tcp dport { 2379, 2380 } accept"), "{text}");
        assert!(text.contains("elements = { 192.0.2.11, 192.0.2.21 }"), "{text}");
        assert!(text.contains("policy drop;") && !text.contains("flush"));
        let worker = rules_of("", "w1");
        assert!(
            worker.contains("tcp dport { 22 } accept") && !worker.contains("6443") && !worker.contains("2379"),
            "{worker}"
        );
        [text, worker].iter().for_each(|text| assert_nft_takes(text));
    }

    #[test]
    fn with_trusted_networks_only_they_come_in() {
        let inventory = "security: {trustedCIDRs: [198.51.100.0/24, \"2001:db8::/64\"]}\n";
        let text = file_of("w1", FILE, &cluster_behind("{address: 192.0.2.11}", inventory), &seen(&[]), resources);
        assert!(text.contains("ip saddr @trusted tcp dport { 22 } accept"), "{text}");
        assert!(text.contains("ip saddr 192.0.2.11 tcp dport 22 accept comment \"bastion\""), "{text}");
        let text = rules_of(inventory, "cp1");
        assert!(text.contains("ip saddr @trusted tcp dport { 22, 6443 } accept"), "{text}");
        assert!(text.contains("ip6 saddr @trusted6 tcp dport { 22, 6443 } accept"), "{text}");
        assert!(!text.contains("\n        tcp dport"), "{text}");
        assert_nft_takes(&text);
    }

    #[test]
    fn what_the_inventory_allows_and_the_pod_network_needs_comes_in() {
        let text = rules_of(
            "security: {firewall: {allow: [{port: 9100, from: [198.51.100.7, \"2001:db8::1\"]}, {port: 53, protocol: udp}]}}\n\
             cni: {provider: calico, wireguard: true}\n",
            "w1",
        );
        for rule in [
            "ip saddr 198.51.100.7/32 tcp dport 9100 accept",
            "ip6 saddr 2001:db8::1/128 tcp dport 9100 accept",
            "\n        udp dport 53 accept",
        ] {
            assert!(text.contains(rule), "{rule}: {text}");
        }
        assert!(text.contains("ip saddr @nodes udp dport { 4789, 51820, 51821 } accept"), "{text}");
        assert!(text.contains("ip saddr @nodes tcp dport { 5473 } accept"), "{text}");
        assert_nft_takes(&text);
        assert!(rules_of("cni: {provider: none}\n", "w1").contains("meta l4proto { ipip, gre, esp } accept"));
    }

    /// The other half of this agreement is the template of Calico's `Installation`.
    #[test]
    fn bgp_comes_in_exactly_where_calico_uses_it() {
        for encapsulation in ["VXLAN", "VXLANCrossSubnet", "IPIP", "IPIPCrossSubnet", "None"] {
            let inventory = format!("cni: {{encapsulation: {encapsulation}}}\n");
            let text = rules_of(&inventory, "w1");
            let wanted = cluster(&inventory);
            let Cni::Calico(calico) = &wanted.cni else { panic!("not Calico") };
            let templates = crate::render::Templates::load(None).unwrap();
            let installation = crate::kube::calico_installation(&templates, &wanted, calico).unwrap();
            assert_eq!(text.contains("179"), installation.contains("bgp: Enabled"), "{encapsulation}: {text}");
        }
    }
}
