//! How old the key is that signs service accounts' tokens.

use super::{Clock, Row};
use crate::host::facts::Probe;
use crate::inventory::Cluster;
use crate::kube::paths;
use crate::kube::staged::Staged as _;
use crate::phases::{Facts, rotate_sa_key};

const KEY: &str = "status signing key";

/// When the file was written: a control plane that joined later has a younger copy.
pub(super) fn probe() -> Probe {
    Probe::quick(KEY, format!("stat -c %Y {}", paths::SA_KEY))
}

pub(super) fn row(cluster: &Cluster, facts: &Facts, clock: Clock) -> Option<Row> {
    let row = |fine, found| Some(Row { host: None, what: "signing key", fine, found });
    let journal = cluster.control_planes().find_map(|host| facts.sa_rotation(&host.name));
    if let Some(rotate_sa_key::Journal { to, stage, .. }) = journal {
        let words = stage.words();
        return row(false, format!("a rotation to {to} is not finished ({words}): forge rotate sa-key INVENTORY"));
    }
    let written = cluster.control_planes().filter_map(|host| facts.hosts.get(&host.name)?.get(KEY).parse().ok());
    let written: i64 = written.min()?;
    row(
        true,
        format!("service accounts' tokens are signed with a key that is {} old", Clock::words(clock.now - written)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Observed;

    fn found(answers: [&[(&str, &str)]; 2]) -> Option<Row> {
        let text = "cluster: {endpoint: \"api.example:6443\"}\nhosts:\n  cp1: {address: 192.0.2.11, roles: [control-plane]}\n  \
            cp2: {address: 192.0.2.12, roles: [control-plane]}\n  cp3: {address: 192.0.2.13, roles: [control-plane]}\n";
        let cluster: Cluster =
            crate::inventory::parse("inventory.yaml", text, std::path::Path::new("/nowhere")).unwrap();
        let seen = |answers: &[(&str, &str)]| {
            let answers = answers.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
            Observed { answers, ..Observed::default() }
        };
        let names = cluster.hosts.iter().map(|host| host.name.clone());
        let facts = Facts { hosts: names.zip(answers.map(seen)).collect(), ..Facts::default() };
        row(&cluster, &facts, Clock { now: 1_000_000 })
    }

    #[test]
    fn the_key_is_as_old_as_its_oldest_copy() {
        let row = found([&[(KEY, "900000")], &[(KEY, "100000")]]).unwrap();
        assert!(row.fine);
        assert_eq!(row.found, "service accounts' tokens are signed with a key that is 10 days old");
        assert_eq!(found([&[], &[]]), None);
    }

    #[test]
    fn a_rotation_that_is_not_finished_wants_somebody() {
        let journal = r#"{"format":1,"forge":"0.1.0","stage":"signs","begun":"","signs":null,"to":"new","from":["old"],
            "files":{"oldKey":"","newKey":"","start":"","verifies":"","signs":"","alone":""}}"#;
        let row = found([&[(KEY, "900000")], &[("sa-key rotation", journal)]]).unwrap();
        assert_eq!(
            (row.fine, &*row.found),
            (false, "a rotation to new is not finished (the new key signs): forge rotate sa-key INVENTORY")
        );
    }
}
