//! `security`'s keys for the machines: networks are networks, and nothing shuts out the inventory's own logins.

use ipnet::IpNet;

use crate::inventory::finding::Findings;
use crate::inventory::host_security::{Allow, Firewall, HostSecurity, Sshd};
use crate::inventory::model::Inventory;

/// What is hardened on every host.
pub(super) fn host_security(inventory: &Inventory, findings: &mut Findings<'_>) -> Option<HostSecurity> {
    let security = &inventory.security;
    let trusted_cidrs = networks(&security.trusted_cidrs, &["security", "trustedCIDRs"], findings);
    let allow = security.firewall.allow.iter().enumerate().map(|(index, allow)| {
        let from = networks(&allow.from, &["security", "firewall", "allow", &index.to_string(), "from"], findings)?;
        Some(Allow { port: allow.port, protocol: allow.protocol, from })
    });
    let allow: Vec<Option<Allow>> = allow.collect();
    sshd(inventory, findings);
    names(inventory, findings);
    Some(HostSecurity {
        trusted_cidrs: trusted_cidrs?,
        firewall: Firewall { enabled: security.firewall.enabled, allow: allow.into_iter().collect::<Option<_>>()? },
        sshd: Sshd { enabled: security.sshd.enabled, settings: security.sshd.settings.clone() },
        auto_updates: security.auto_updates,
        auditd: security.auditd,
        core_dumps: security.core_dumps,
        blocked_modules: security.blocked_modules.clone(),
        masked_units: security.masked_units.clone(),
    })
}

/// An address alone is a network of one.
fn networks(texts: &[String], path: &[&str], findings: &mut Findings<'_>) -> Option<Vec<IpNet>> {
    let mut good = Some(Vec::new());
    for (index, text) in texts.iter().enumerate() {
        let index = index.to_string();
        let at: Vec<&str> = path.iter().copied().chain([index.as_str()]).collect();
        let net = text.parse::<IpNet>().or_else(|_| text.parse().map(|address: std::net::IpAddr| IpNet::from(address)));
        match net {
            Ok(net) if net == net.trunc() => good.iter_mut().for_each(|good| good.push(net)),
            Ok(net) => {
                findings.at(&at, format!("{net} has bits behind its prefix"), format!("{} is meant?", net.trunc()));
                good = None;
            }
            Err(_) => {
                let help = "an address, a slash and the length of the prefix: `192.0.2.0/24`; or one address";
                findings.at(&at, format!("`{text}` is not a network"), "").help(help);
                good = None;
            }
        }
    }
    good
}

fn sshd(inventory: &Inventory, findings: &mut Findings<'_>) {
    for (keyword, value) in &inventory.security.sshd.settings {
        let path = ["security", "sshd", "settings", keyword];
        if keyword.is_empty() || !keyword.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            findings.at_key(&path, format!("`{keyword}` is not a keyword of sshd_config"), "");
            continue;
        }
        let lower = keyword.to_ascii_lowercase();
        if ["match", "include"].contains(&lower.as_str()) {
            let help = "put a file of your own into /etc/ssh/sshd_config.d";
            findings.at_key(&path, format!("`{keyword}` cannot be set here"), "").help(help);
        }
        let Some(value) = value else { continue };
        if value.trim().is_empty() || value.contains(char::is_control) {
            findings.at(&path, format!("the value of `{keyword}` is not one line"), "");
        } else if let Some((message, help)) = shut_out(inventory, &lower, value) {
            findings.at(&path, message, "").help(help);
        }
    }
}

/// Whether a setting keeps forge itself out, as far as words tell; a second login finds the rest.
fn shut_out(inventory: &Inventory, keyword: &str, value: &str) -> Option<(String, &'static str)> {
    let logins = || {
        inventory
            .hosts
            .0
            .iter()
            .map(|(name, host)| (name.as_str(), host.ssh.user.as_deref().unwrap_or(&inventory.ssh.user)))
    };
    let words: Vec<&str> = value.split_whitespace().collect();
    let plain = |word: &str| !word.contains(['*', '?', '!']);
    let named = |user: &str| words.iter().any(|word| !plain(word) || word.split('@').next() == Some(user));
    let off = value.eq_ignore_ascii_case("no");
    match keyword {
        "permitrootlogin" if off => {
            let (host, _) = logins().find(|(_, user)| *user == "root")?;
            Some((
                format!("`PermitRootLogin no` shuts forge out of {host}, where it logs in as root"),
                "use `prohibit-password`, or another `user` with sudo",
            ))
        }
        "pubkeyauthentication" if off => Some((
            "without `PubkeyAuthentication` forge cannot log in anywhere".to_owned(),
            "forge logs in with keys only",
        )),
        "authenticationmethods" if !words.iter().any(|word| ["publickey", "any"].contains(word)) => Some((
            format!("`AuthenticationMethods {value}` asks for more than a key"),
            "one of the alternatives must be `publickey` alone",
        )),
        "allowusers" => {
            let (host, user) = logins().find(|(_, user)| !named(user))?;
            Some((format!("`AllowUsers` leaves out {user}, with whom forge logs in to {host}"), "add that name"))
        }
        "denyusers" => {
            let literal = |user: &str| words.contains(&user);
            let (host, user) = logins().find(|(_, user)| literal(user))?;
            Some((format!("`DenyUsers` names {user}, with whom forge logs in to {host}"), "take that name out"))
        }
        "allowtcpforwarding" if off || value.eq_ignore_ascii_case("remote") => {
            let bastions: Vec<&str> = inventory
                .hosts
                .0
                .iter()
                .filter_map(|(_, host)| host.ssh.bastion.clone().unwrap_or_else(|| inventory.ssh.bastion.clone()))
                .filter_map(|bastion| {
                    inventory
                        .hosts
                        .0
                        .iter()
                        .find(|(_, host)| host.address == bastion.address)
                        .map(|(name, _)| name.as_str())
                })
                .collect();
            let bastion = bastions.first()?;
            Some((
                format!("`AllowTcpForwarding {value}` cuts off the hosts behind {bastion}, which is their bastion"),
                "use `local`",
            ))
        }
        _ => None,
    }
}

fn names(inventory: &Inventory, findings: &mut Findings<'_>) {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@');
    let lists = [
        ("blockedModules", "kernel module", &inventory.security.blocked_modules),
        ("maskedUnits", "systemd unit", &inventory.security.masked_units),
    ];
    for (key, what, list) in lists {
        for (index, name) in list.iter().enumerate() {
            if name.is_empty() || name.starts_with('-') || !name.bytes().all(inside) {
                let path = ["security", key, &index.to_string()];
                findings.at(&path, format!("`{name}` is not the name of a {what}"), "");
            }
        }
    }
}
