//! What a host's network lets in.

use super::host_kernel::SILENT;
use crate::audit::control::{Check, Control, Verdict, nsa};
use crate::audit::seen::Node;
use crate::audit::seen::system::Chain;

fn drops(node: &Node<'_>) -> Verdict {
    if node.system.facts.is_empty() {
        return Verdict::NotChecked(SILENT.to_owned());
    }
    let Some(chains) = &node.system.input_chains else {
        return Verdict::Fail("there is no nft on the host, and so no packet filter that forge can read".to_owned());
    };
    let dropping: Vec<&str> = chains.iter().filter(|chain| chain.drops).map(|chain| chain.name.as_str()).collect();
    let evidence = match dropping.as_slice() {
        [] => "no loaded input chain drops what no rule accepts".to_owned(),
        names => format!("{} drops what no rule accepts", names.join(", ")),
    };
    Verdict::of(!dropping.is_empty(), evidence)
}

/// Ports that nobody but nodes and control planes has business with.
const INSIDE: [u16; 5] = [2379, 2380, 10250, 10257, 10259];

fn inside(node: &Node<'_>) -> Verdict {
    let Some(chain) = node.system.input_chains.as_ref().and_then(|chains| chains.iter().find(|chain| chain.drops))
    else {
        return Verdict::NotApplicable("no loaded input chain drops anything: see FORGE-FIREWALL".to_owned());
    };
    let open: Vec<String> =
        INSIDE.iter().filter_map(|port| Some(format!("{port} by: {}", opener(chain, *port)?))).collect();
    Verdict::unless(&open, format!("{}: none of {INSIDE:?} is open to everybody", chain.name))
}

/// The rule that lets everybody in to a port.
fn opener(chain: &Chain, port: u16) -> Option<&str> {
    let limited = ["saddr", "iifname \"lo\"", "iif \"lo\"", "ct state", "icmp", "udp", "sport"];
    let opens = |rule: &&String| {
        let words: Vec<&str> = rule.split(" comment ").next().unwrap_or_default().split_whitespace().collect();
        let accepts = words.contains(&"accept");
        let named = match words.iter().position(|word| *word == "dport") {
            None => true,
            Some(at) => covers(&words[at + 1..], port),
        };
        accepts && named && !limited.iter().any(|word| rule.contains(word))
    };
    chain.rules.iter().find(opens).map(String::as_str)
}

/// Whether `22`, `{ 22, 6443 }` or `30000-32767` has the port.
fn covers(words: &[&str], port: u16) -> bool {
    let range = |word: &str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        Some((first.parse::<u16>().ok()?, last.parse::<u16>().ok()?))
    };
    let ports = words
        .iter()
        .map(|word| word.trim_matches(['{', '}', ',']))
        .take_while(|word| word.is_empty() || range(word).is_some());
    ports.filter_map(range).any(|(first, last)| (first..=last).contains(&port))
}

pub(super) const CONTROLS: &[Control] = &[
    Control::new("FORGE-FIREWALL", "The loaded packet filter drops what no rule accepts", Check::Node(drops))
        .high()
        .how("nft list chains: the base chains of hook input that the kernel has")
        .remedy("forge up INVENTORY (security.firewall)")
        .also(&[nsa::NETWORK]),
    Control::new(
        "FORGE-FIREWALL-INSIDE",
        "Ports of etcd, kubelet and control plane are not open to everybody",
        Check::Node(inside),
    )
    .high()
    .how("the rules of the input chain that the kernel has")
    .remedy("forge up INVENTORY (security.firewall)")
    .also(&[nsa::NETWORK]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_open_to_everybody_by_a_rule_without_a_source() {
        for (rule, port, open) in [
            ("ip saddr @nodes tcp dport 10250 accept comment \"kubelet\"", 10250, false),
            ("tcp dport 10250 accept", 10250, true),
            ("tcp dport { 22, 10250 } accept", 10250, true),
            ("tcp dport { 22, 6443 } accept comment \"10250\"", 10250, false),
            ("tcp dport 10000-11000 accept", 10250, true),
            ("iifname \"lo\" accept", 10250, false),
            ("ct state established,related accept", 10250, false),
            ("accept", 2379, true),
            ("limit rate 5/minute log prefix \"drop: \"", 2379, false),
        ] {
            let chain = Chain { name: "inet x input".into(), drops: true, rules: vec![rule.to_owned()] };
            assert_eq!(opener(&chain, port).is_some(), open, "{rule}");
        }
    }
}
