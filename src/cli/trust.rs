//! `forge trust`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use super::common::InventoryFile;
use crate::error::{Exit, Problem};
use crate::report::console;
use crate::ssh::{Client, HostKey, Keyring, KnownHosts, Patience, Target, Verdict};

/// Show the host keys of all machines, ask, and pin them in `known_hosts`
///
/// The one way in: every other command stops when a host key is unknown or has changed. Compare the fingerprints with
/// something that did not travel over the network, such as the console or cloud-init's log.
#[derive(Debug, Args)]
pub(super) struct Trust {
    #[command(flatten)]
    file: InventoryFile,
    /// Accept the host only with this fingerprint, without asking; for machines that nobody sits before
    #[arg(long, value_name = "NAME=SHA256:…")]
    fingerprint: Vec<String>,
}

impl Trust {
    pub(super) async fn run(self) -> Result<Exit, Problem> {
        let cluster = self.file.load()?;
        let expected = expectations(&self.fingerprint)?;
        let unreadable = |error: std::io::Error| {
            Problem::new(Exit::Connection, format!("{} cannot be used", cluster.known_hosts.display())).cause(error)
        };
        let mut known_hosts = KnownHosts::load(&cluster.known_hosts).map_err(unreadable)?;
        let mut seen = BTreeSet::new();
        let bastions = cluster.hosts.iter().filter_map(|host| host.ssh.bastion.as_ref()).map(Target::from);
        // Bastions first: the hosts behind them are only reached through one that is trusted.
        let targets: Vec<Target> = bastions.chain(cluster.hosts.iter().map(Target::from)).collect();
        if let Some(name) = expected.keys().find(|name| !targets.iter().any(|target| target.name == **name)) {
            let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            return Err(Problem::new(
                Exit::Usage,
                format!("--fingerprint names {name}, which is not in the inventory"),
            )
            .cause(format!("there are: {}", names.join(", "))));
        }
        for target in targets {
            if !seen.insert(target.known_hosts_name()) {
                continue;
            }
            let again = KnownHosts::load(&cluster.known_hosts).map_err(unreadable)?;
            let client = Client::new(again, Keyring::new(|_| None), Patience::default());
            let key = client.offered_host_key(&target).await?;
            match known_hosts.check(&target.address, target.port, &key) {
                Verdict::Trusted => {
                    console::say(&format!("{}: {} is pinned already", target.name, key.fingerprint()));
                }
                verdict => {
                    let replace = !matches!(verdict, Verdict::Unknown);
                    agree(&target, &key, expected.get(&target.name).map(String::as_str), replace)?;
                    let pin = if replace { KnownHosts::replace } else { KnownHosts::append };
                    pin(&mut known_hosts, &target.address, target.port, &key).map_err(unreadable)?;
                    console::say(&format!("{}: pinned {}", target.name, key.fingerprint()));
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn expectations(words: &[String]) -> Result<BTreeMap<String, String>, Problem> {
    let split = |word: &String| {
        let (name, fingerprint) = word.split_once('=').filter(|(_, fingerprint)| fingerprint.starts_with("SHA256:"))?;
        Some((name.to_owned(), fingerprint.to_owned()))
    };
    words
        .iter()
        .map(|word| {
            split(word).ok_or_else(|| {
                Problem::new(Exit::Usage, format!("{word:?} is not NAME=SHA256:…"))
                    .next("on the machine: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
            })
        })
        .collect()
}

fn agree(target: &Target, key: &HostKey, expected: Option<&str>, replace: bool) -> Result<(), Problem> {
    let fingerprint = key.fingerprint();
    if let Some(expected) = expected {
        if expected == fingerprint {
            return Ok(());
        }
        return Err(Problem::new(Exit::Connection, format!("{} does not show the key that was expected", target.name))
            .cause(format!("expected {expected}\nshown    {fingerprint} ({})", key.algorithm()))
            .next("find out which machine answers there before anything else"));
    }
    let changed = if replace { ", INSTEAD of the key that is pinned now" } else { "" };
    let question = format!("{} ({target}) shows {} {fingerprint}{changed}. Trust it?", target.name, key.algorithm());
    match console::ask(&question) {
        Some(true) => Ok(()),
        Some(false) => Err(Problem::new(Exit::Connection, format!("{} is not trusted", target.name))),
        None => Err(Problem::new(Exit::Usage, format!("there is no terminal to ask on about {}", target.name))
            .cause(format!("it shows {} {fingerprint}", key.algorithm()))
            .next(format!("after comparing it: add --fingerprint {}={fingerprint}", target.name))),
    }
}
