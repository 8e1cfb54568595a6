//! `hosts`: names, addresses, roles, labels and taints; and whether together they can be a cluster.

use std::collections::HashMap;
use std::net::IpAddr;

use super::files::Files;
use super::ssh;
use super::syntax::{LABEL_RULE, is_label_key, is_label_value};
use crate::inventory::cluster::{Host, NodeName, Role, Taint};
use crate::inventory::finding::Findings;
use crate::inventory::model::{self, Inventory};

/// The hosts in the order of the file.
pub(super) fn hosts(inventory: &Inventory, files: &Files<'_>, findings: &mut Findings<'_>) -> Option<Vec<Host>> {
    let mut logins = ssh::Logins::new(&inventory.ssh, files, findings);
    let hosts: Vec<_> = inventory.hosts.0.iter().map(|(name, host)| one(name, host, &mut logins, findings)).collect();
    unique_addresses(inventory, findings);
    control_planes(inventory, findings);
    hosts.into_iter().collect()
}

fn one(name: &str, host: &model::Host, logins: &mut ssh::Logins<'_>, findings: &mut Findings<'_>) -> Option<Host> {
    let node_name = NodeName::new(name);
    if node_name.is_none() {
        findings.at_key(&["hosts", name], format!("`{name}` cannot name a host"), "").help(LABEL_RULE);
    }
    let address = address(name, &host.address, findings);
    roles(name, &host.roles, findings);
    labels(name, host, findings);
    let taints = taints(name, &host.taints, findings);
    let ssh = logins.of(name, host, findings);
    Some(Host {
        name: node_name?,
        address: address?,
        roles: host.roles.clone(),
        labels: host.labels.clone(),
        taints,
        ssh: ssh?,
    })
}

fn address(name: &str, text: &str, findings: &mut Findings<'_>) -> Option<IpAddr> {
    let path = ["hosts", name, "address"];
    let Ok(address) = text.parse::<IpAddr>() else {
        findings
            .at(&path, format!("`{text}` is not an IP address"), "")
            .help("etcd and the kubelets are bound to addresses, so a host is given by its address, not by a name");
        return None;
    };
    if address.is_unspecified() || address.is_multicast() {
        findings.at(&path, format!("{address} is not the address of a machine"), "");
        return None;
    }
    Some(address)
}

fn roles(name: &str, roles: &[Role], findings: &mut Findings<'_>) {
    let twice = |role: &Role| roles.iter().filter(|other| *other == role).count() > 1;
    if roles.iter().any(twice) {
        findings.at(&["hosts", name, "roles"], format!("{name} has a role twice"), "");
    }
}

fn labels(name: &str, host: &model::Host, findings: &mut Findings<'_>) {
    for (key, value) in &host.labels {
        let path = ["hosts", name, "labels", key];
        if !is_label_key(key) {
            findings.at_key(&path, format!("`{key}` is not a label key"), "").help(
                "an optional DNS name and a slash, then at most 63 letters, digits, `-`, `_` and `.`, beginning and ending \
                 with a letter or digit",
            );
        }
        if !is_label_value(value) {
            findings.at(&path, format!("`{value}` is not a label value"), "").help(
                "at most 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit; or nothing",
            );
        }
    }
}

fn taints(name: &str, texts: &[String], findings: &mut Findings<'_>) -> Vec<Taint> {
    let mut taints: Vec<Taint> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let path = ["hosts", name, "taints", &index.to_string()];
        let Ok(taint) = text.parse::<Taint>() else {
            findings
                .at(&path, format!("`{text}` is not a taint"), "")
                .help("`key=value:Effect` or `key:Effect`, the effect being NoSchedule, PreferNoSchedule or NoExecute");
            continue;
        };
        if taints.iter().any(|other| taint.replaces(other)) {
            let (key, effect) = (taint.key(), taint.effect());
            findings.at(&path, format!("{name} has two taints with key `{key}` and effect {effect}"), "");
        }
        taints.push(taint);
    }
    taints
}

fn unique_addresses(inventory: &Inventory, findings: &mut Findings<'_>) {
    let mut seen: HashMap<IpAddr, &str> = HashMap::new();
    for (name, host) in &inventory.hosts.0 {
        let Ok(address) = host.address.parse() else { continue };
        let Some(first) = seen.get(&address) else {
            seen.insert(address, name);
            continue;
        };
        let place = findings.source.value(&["hosts", first, "address"]);
        let message = format!("{first} and {name} have the same address {address}");
        if *first != name {
            findings.at(&["hosts", name, "address"], message, "again").label(place, "first here");
        }
    }
}

fn control_planes(inventory: &Inventory, findings: &mut Findings<'_>) {
    let is_control_plane = |host: &model::Host| host.roles.contains(&Role::ControlPlane);
    let names: Vec<&str> =
        inventory.hosts.0.iter().filter(|(_, host)| is_control_plane(host)).map(|(name, _)| name.as_str()).collect();
    let count = names.len();
    if count == 0 {
        let finding = findings.at_key(&["hosts"], "no host has the role `control-plane`", "");
        finding.help("give it to one host, or to three");
    } else if count.is_multiple_of(2) {
        let source = findings.source;
        let finding = findings.add(format!("{count} control planes: the number must be odd"));
        for name in names {
            finding.label(source.value(&["hosts", name, "roles"]), "");
        }
        finding.help(format!(
            "etcd needs more than half of its members: {count} tolerate as few failures as {} ({}), and are one machine \
             more that can fail. Take {} or {}",
            count - 1,
            (count - 1) / 2,
            count - 1,
            count + 1,
        ));
    }
}
