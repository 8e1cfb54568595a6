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
            let age = clock.since_day(day);
            let limit = cluster.rotation.encryption_key;
            let fine = age <= limit.seconds();
            let next = if fine { "" } else { "; forge rotate encryption-key INVENTORY" };
            row(fine, format!("{provider} with {name}, {} old, at most {limit}{next}", Clock::words(age)))
        }
    })
}
