//! Which key encrypts what is written to etcd, and how old it is.

use super::{Clock, Row};
use crate::host::Observed;
use crate::host::facts::Probe;
use crate::inventory::{Cluster, Host};
use crate::kube::encryption::key_day;
use crate::kube::encryption::rotation::Journal;
use crate::kube::paths;
use crate::kube::staged::Staged as _;

const KEY: &str = "status encryption";
const ROTATION: &str = "status rotation";

/// The names of providers and keys in the order of the file, and nothing else of it.
pub(super) fn probes() -> [Probe; 2] {
    let names = "/^ *- (secretbox|aescbc|aesgcm|kms|identity):/ {print $2} /^ *- name: / {print $3}";
    [
        Probe::quick(KEY, format!("awk '{names}' {}", paths::ENCRYPTION)),
        Probe::quick(ROTATION, format!("cat {}", paths::ROTATION)),
    ]
}

pub(super) fn row(host: &Host, seen: &Observed, cluster: &Cluster, clock: Clock) -> Option<Row> {
    if !host.is_control_plane() {
        return None;
    }
    let row = |fine, found: String| Row { host: Some(host.name.clone()), what: "encryption", fine, found };
    if let Ok(journal) = serde_json::from_str::<Journal>(seen.get(ROTATION)) {
        let found = format!(
            "a rotation to {} is not finished ({}): forge rotate encryption-key INVENTORY",
            journal.to,
            journal.stage.words()
        );
        return Some(row(false, found));
    }
    let mut lines = seen.get(KEY).lines().map(|line| line.trim_matches(['"', ':', '{', '}', ' ']));
    let (provider, name) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    Some(match (provider, key_day(name)) {
        ("", _) => row(false, format!("no {}", paths::ENCRYPTION)),
        ("identity", _) => row(false, "plaintext: forge rotate encryption-key INVENTORY".to_owned()),
        (provider, None) => row(false, format!("{provider} with a key of unknown age, {name}")),
        (provider, Some(day)) => {
            let days = clock.days_since(day);
            let limit = cluster.rotation.encryption_key;
            let fine = days.saturating_mul(86_400) <= limit.seconds();
            let next = if fine { "" } else { "; forge rotate encryption-key INVENTORY" };
            row(fine, format!("{provider} with {name}, {}, at most {limit}{next}", Clock::words_of_days(days)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said at `now` of a key that was made on 2026-11-24.
    fn said(now: i64) -> (bool, String) {
        let text = "hosts:\n  cp1: {address: 192.0.2.11, roles: [control-plane]}\n";
        let cluster: Cluster =
            crate::inventory::parse("inventory.yaml", text, std::path::Path::new("/nowhere")).unwrap();
        let answers = [(KEY.to_owned(), "secretbox\nkey-20261124-5f3a9c".to_owned())].into();
        let seen = Observed { answers, ..Observed::default() };
        let row = row(&cluster.hosts[0], &seen, &cluster, Clock { now }).unwrap();
        (row.fine, row.found)
    }

    #[test]
    fn a_key_whose_day_alone_is_known_is_as_old_as_days_tell() {
        let midnight = 1_795_478_400;
        let line = |age: &str| format!("secretbox with key-20261124-5f3a9c, {age}, at most 90d");
        for (now, age) in [
            (midnight - 60, "made today"),
            (midnight, "made today"),
            (midnight + 86_399, "made today"),
            (midnight + 86_400, "1 day old"),
            (midnight + 3 * 86_400, "3 days old"),
            (midnight + 91 * 86_400 - 1, "90 days old"),
        ] {
            assert_eq!(said(now), (true, line(age)));
        }
        let next = line("91 days old") + "; forge rotate encryption-key INVENTORY";
        assert_eq!(said(midnight + 91 * 86_400), (false, next));
    }
}
