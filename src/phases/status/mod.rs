//! How the hosts and the cluster are: rows that say what was looked at and what was found. Nothing is changed.
//!
//! Each file here looks at one thing: its probe is the shell that a host runs, its rows are what the answer means.

mod certificates;
mod encryption;
mod nodes;
mod reboot;
mod signing_key;
mod tokens;

use std::collections::BTreeMap;

use super::Facts;
use super::facts;
use crate::host::Observed;
use crate::host::facts::Probe;
use crate::inventory::{Cluster, Host, NodeName};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The host it is about; `None` when it is about the cluster.
    pub host: Option<NodeName>,
    /// What was looked at: `reboot`.
    pub what: &'static str,
    /// Whether nobody has to do anything about it.
    pub fine: bool,
    /// What was found.
    pub found: String,
}

/// What a host is asked.
pub fn probes(host: &Host) -> Vec<Probe> {
    let mut probes = facts::probes(host);
    probes.push(reboot::probe());
    probes.extend(certificates::probes());
    if host.is_control_plane() {
        probes.extend(encryption::probes());
        probes.push(signing_key::probe());
    }
    probes.extend(crate::phases::tokens::probes(host));
    probes
}

/// The operator's clock, by which ages are told.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Seconds since 1970.
    pub now: i64,
}

impl Clock {
    /// Days since a day, `20261124`, in UTC: 0 on the same day. A clock that is behind counts as the same day.
    fn days_since(self, day: &str) -> i64 {
        let number = |range: std::ops::Range<usize>| day.get(range)?.parse::<u16>().ok();
        let date = || {
            let month = time::Month::try_from(u8::try_from(number(4..6)?).ok()?).ok()?;
            time::Date::from_calendar_date(i32::from(number(0..4)?), month, u8::try_from(number(6..8)?).ok()?).ok()
        };
        let passed = |date: time::Date| (self.now - date.midnight().assume_utc().unix_timestamp()).div_euclid(86_400);
        date().map_or(i64::MAX, |date| passed(date).max(0))
    }

    /// Of something of which only the day is known: `made today`, `1 day old`.
    fn words_of_days(days: i64) -> String {
        match days {
            0 => "made today".to_owned(),
            1 => "1 day old".to_owned(),
            _ => format!("{days} days old"),
        }
    }

    /// `5 days`, `3 hours`.
    fn words(seconds: i64) -> String {
        let (number, noun) = if seconds >= 2 * 86_400 { (seconds / 86_400, "day") } else { (seconds / 3600, "hour") };
        format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
    }
}

/// What the answers mean: host by host in the order of the inventory, then the cluster.
pub fn rows(cluster: &Cluster, hosts: BTreeMap<NodeName, Observed>, clock: Clock) -> Vec<Row> {
    let mut facts = Facts { hosts, ..Facts::default() };
    facts.look_at_the_cluster(cluster);
    let of = |host: &Host| {
        let seen = facts.hosts.get(&host.name)?;
        let mut rows = vec![nodes::row(host, &facts), reboot::row(host, seen)];
        rows.extend(encryption::row(host, seen, cluster, clock));
        rows.extend(certificates::row(host, seen, cluster, clock));
        Some(rows)
    };
    let mut rows: Vec<Row> = cluster.hosts.iter().filter_map(of).flatten().collect();
    rows.extend(signing_key::row(cluster, &facts, clock));
    rows.extend(tokens::rows(cluster, &facts.hosts, clock));
    rows
}
