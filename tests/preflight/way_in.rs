//! The way in: other firewalls, and trusted networks that would shut out whoever runs forge.

use super::fixture::*;

const CONNECTION: &str = "connection 198.51.100.7 50000 10.0.0.11 22";

fn trusting(networks: &[&str], answer: &str) -> Answers {
    let networks: Vec<ipnet::IpNet> = networks.iter().map(|net| net.parse().unwrap()).collect();
    bare().says("cp1", "firewall", answer).wants(move |cluster| cluster.security.host.trusted_cidrs = networks)
}

#[test]
fn trusted_networks_hold_the_address_that_the_operator_comes_from() {
    trusting(&[], CONNECTION).finds_nothing();
    trusting(&["198.51.100.0/24"], CONNECTION).finds_nothing();
    trusting(&["198.51.100.0/24"], "connection ::ffff:198.51.100.7 50000 ::ffff:10.0.0.11 22").finds_nothing();
    trusting(&["192.0.2.0/24"], "").finds_nothing();
    trusting(&["192.0.2.0/24"], CONNECTION).finds(
        "error: cp1 | security.trustedCIDRs would shut you out of cp1\n  cause: sshd on cp1 sees this login come from \
         198.51.100.7, yours\n  next: add 198.51.100.7 to security.trustedCIDRs",
    );
    trusting(&["192.0.2.0/24"], CONNECTION)
        .wants(|cluster| cluster.security.host.firewall.enabled = false)
        .finds_nothing();
}

#[test]
fn another_firewall_is_refused_with_the_way_out() {
    let found = bare().says("w1", "firewall", "other ufw").check();
    assert_eq!(found.len(), 1);
    assert!(found[0].fatal && found[0].what == "w1 has another firewall: ufw is active", "{found:?}");
    assert!(found[0].next.starts_with("on w1: sudo ufw disable   and name"), "{found:?}");
    bare()
        .says("w1", "firewall", "other ufw")
        .wants(|cluster| cluster.security.host.firewall.enabled = false)
        .finds_nothing();
}

#[test]
fn a_host_that_our_own_firewall_closes_is_not_missed() {
    let closed = bare().says("w2", "reach", "192.0.2.11 6443 no answer within 2 seconds");
    assert_eq!(closed.check().len(), 1);
    bare()
        .says("w2", "reach", "192.0.2.11 6443 no answer within 2 seconds")
        .says("cp1", "firewall", "loaded")
        .finds_nothing();
}
