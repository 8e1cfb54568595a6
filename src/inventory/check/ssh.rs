//! `ssh`: the file's defaults and each host's own settings, merged into how to log in.

use std::net::IpAddr;
use std::path::PathBuf;

use super::files::Files;
use super::syntax::is_dns_name;
use crate::inventory::cluster::{Bastion, Ssh};
use crate::inventory::finding::Findings;
use crate::inventory::model;

/// How to log in to each host.
pub(super) struct Logins<'a> {
    defaults: &'a model::Ssh,
    files: &'a Files<'a>,
}

impl<'a> Logins<'a> {
    /// Checks the defaults once, however many hosts use them.
    pub(super) fn new(defaults: &'a model::Ssh, files: &'a Files<'a>, findings: &mut Findings<'_>) -> Self {
        user(Some(&defaults.user), &["ssh", "user"], findings);
        identity(defaults.identity_file.as_deref(), &["ssh", "identityFile"], files, findings);
        if let Some(bastion) = &defaults.bastion {
            check_bastion(bastion, &["ssh", "bastion"], files, findings);
        }
        if defaults.known_hosts.is_empty() || files.path(&defaults.known_hosts).is_dir() {
            findings.at(&["ssh", "knownHosts"], "`ssh.knownHosts` must name a file", "");
        }
        Self { defaults, files }
    }

    /// How to log in to one host.
    pub(super) fn of(&mut self, name: &str, host: &model::Host, findings: &mut Findings<'_>) -> Option<Ssh> {
        let (own, defaults) = (&host.ssh, self.defaults);
        let path = |key: &'static str| ["hosts", name, "ssh", key];
        user(own.user.as_ref(), &path("user"), findings);
        identity(own.identity_file.as_deref(), &path("identityFile"), self.files, findings);
        let (bastion, bastion_path) = match &own.bastion {
            Some(own) => (own.as_ref(), &path("bastion")[..]),
            None => (defaults.bastion.as_ref(), &["ssh", "bastion"][..]),
        };
        if let (Some(Some(bastion)), path) = (&own.bastion, bastion_path) {
            check_bastion(bastion, path, self.files, findings);
        }
        let user = own.user.as_ref().unwrap_or(&defaults.user).clone();
        let identity_file = own.identity_file.as_ref().or(defaults.identity_file.as_ref());
        let identity_file = identity_file.map(|path| self.files.path(path));
        if let Some(bastion) = bastion.filter(|bastion| same(&bastion.address, &host.address)) {
            let mut at = bastion_path.to_vec();
            at.push("address");
            let place = findings.source.value(&at);
            let message = format!("{name} is its own bastion {}", bastion.address);
            let finding = findings.at(&["hosts", name, "address"], message, "the host").label(place, "the bastion");
            finding.help(format!("if {name} is reached directly, write `ssh: {{bastion: null}}` there"));
        }
        let bastion = bastion.map(|bastion| self.bastion(bastion, &user, identity_file.as_ref()));
        Some(Ssh { user, port: own.port.unwrap_or(defaults.port), identity_file, bastion })
    }

    fn bastion(&self, bastion: &model::Bastion, user: &str, identity_file: Option<&PathBuf>) -> Bastion {
        let own_identity = bastion.identity_file.as_ref().map(|path| self.files.path(path));
        Bastion {
            address: bastion.address.clone(),
            user: bastion.user.clone().unwrap_or_else(|| user.to_owned()),
            port: bastion.port.unwrap_or(22),
            identity_file: own_identity.or_else(|| identity_file.cloned()),
        }
    }
}

fn same(one: &str, other: &str) -> bool {
    match (one.parse::<IpAddr>(), other.parse::<IpAddr>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

fn check_bastion(bastion: &model::Bastion, path: &[&str], files: &Files<'_>, findings: &mut Findings<'_>) {
    let at = |key| path.iter().copied().chain([key]).collect::<Vec<_>>();
    let address = &bastion.address;
    if address.parse::<IpAddr>().is_err() && !is_dns_name(&address.to_lowercase()) {
        let help = "the user and the port have keys of their own: `{address: jump.example, user: ops, port: 22}`";
        findings.at(&at("address"), format!("`{address}` is neither a DNS name nor an IP address"), "").help(help);
    }
    user(bastion.user.as_ref(), &at("user"), findings);
    identity(bastion.identity_file.as_deref(), &at("identityFile"), files, findings);
}

fn user(user: Option<&String>, path: &[&str], findings: &mut Findings<'_>) {
    let bad = |letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, ':' | '@' | '/');
    if let Some(user) = user.filter(|user| user.is_empty() || user.starts_with('-') || user.contains(bad)) {
        findings.at(path, format!("`{user}` is not a login name"), "");
    }
}

fn identity(file: Option<&str>, path: &[&str], files: &Files<'_>, findings: &mut Findings<'_>) {
    // A public key names which one of the agent's is meant.
    if let Some(file) = file {
        _ = files.readable(file, path, findings);
    }
}
