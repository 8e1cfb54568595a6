//! Whether a rotation may begin or go on, and if not, all the reasons.

use std::collections::BTreeMap;

use super::super::control_planes::{self, fatal};
use super::seen::Server;
use crate::inventory::NodeName;
use crate::kube::encryption::rotation::{Journal, Stage, begun, moves};
use crate::kube::paths;
use crate::phases::preflight::Finding;

/// How the control planes stand.
pub type Standing = control_planes::Standing<Journal, Stage>;

/// Looks at every control plane of the inventory.
///
/// # Errors
/// Everything for which no key may be touched now.
pub fn judge(servers: &BTreeMap<NodeName, Server>) -> Result<Standing, Vec<Finding>> {
    control_planes::ready_for_a_key(servers, |server| &server.control_plane, file)?;
    let journals: Vec<Journal> = servers.values().filter_map(|server| server.journal.clone()).collect();
    let sums: Vec<&str> = servers.values().map(|server| server.sum.as_str()).collect();
    if let Some((journal, stages)) = begun(&journals, &sums)
        && moves(&stages).is_some()
    {
        return Ok(Standing::Begun(Box::new(journal.clone()), servers.keys().cloned().zip(stages).collect()));
    }
    let mut findings: Vec<Finding> = unlike(servers).into_iter().collect();
    findings.extend(servers.iter().filter_map(|(name, server)| unloaded(name, server)));
    if findings.is_empty() { Ok(Standing::Still) } else { Err(findings) }
}

fn file(name: &NodeName, server: &Server) -> Option<Finding> {
    if let Some(finding) = control_planes::not_ours(name, server.stranger.as_deref()) {
        return Some(finding);
    }
    let path = paths::ENCRYPTION;
    if server.sum.is_empty() {
        let next = "put it back from a backup, or from another control plane";
        return Some(fatal(
            name,
            format!("{name} has no encryption configuration"),
            format!("{path} is not there"),
            next,
        ));
    }
    (server.mode != "600 root:root").then(|| {
        let next = format!("find out who could read it, then: chown root:root {path} && chmod 600 {path}");
        fatal(
            name,
            format!("others than root can reach the encryption key on {name}"),
            format!("{path}: {}", server.mode),
            next,
        )
    })
}

fn unlike(servers: &BTreeMap<NodeName, Server>) -> Option<Finding> {
    let (first, one) = servers.iter().next()?;
    let (name, _) = servers.iter().find(|(_, other)| other.sum != one.sum)?;
    Some(fatal(
        name,
        format!(
            "{first} and {name} have different encryption configurations, and no rotation of forge's leaves them so"
        ),
        format!("sha256sum {} differs, and no journal explains it", paths::ENCRYPTION),
        "copy the file of the API server that can read all secrets to the others",
    ))
}

fn unloaded(name: &NodeName, server: &Server) -> Option<Finding> {
    if server.loaded.is_empty() {
        let cause = "its metrics have no apiserver_encryption_config_controller_last_config_info";
        let next = "the API server needs --encryption-provider-config and Kubernetes 1.34 or later";
        let what = format!("the API server of {name} does not say which encryption configuration it has loaded");
        return Some(fatal(name, what, cause, next));
    }
    (server.loaded != server.sum).then(|| {
        let what = format!("the API server of {name} has not loaded its encryption configuration");
        let cause = format!("it runs with sha256:{}, the file is sha256:{}", server.loaded, server.sum);
        let next = "the file was changed within the last minute (run this again), or the API server refuses it (its log says why)";
        fatal(name, what, cause, next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::encryption::rotation::Files;
    use crate::phases::control_planes::tests::well;

    fn server(sum: &str) -> Server {
        Server {
            control_plane: well(),
            mode: "600 root:root".to_owned(),
            sum: sum.to_owned(),
            journal: None,
            stranger: None,
            loaded: sum.to_owned(),
        }
    }

    fn journal() -> Journal {
        let files = ["old", "prepared", "promoted", "pruned"].map(str::to_owned);
        let [start, prepared, promoted, pruned] = files;
        Journal {
            format: 1,
            forge: "0.1.0".to_owned(),
            stage: Stage::Prepared,
            provider: "secretbox".to_owned(),
            to: "key-b".to_owned(),
            from: vec!["key-a".to_owned()],
            files: Files { start, prepared, promoted, pruned },
        }
    }

    fn judged(one: Server, two: Server) -> String {
        let name = |name: &str| NodeName::new(name).unwrap();
        match judge(&[(name("cp1"), one), (name("cp2"), two)].into()) {
            Ok(Standing::Still) => "still".to_owned(),
            Ok(Standing::Begun(journal, stages)) => {
                let stages: Vec<Stage> = stages.into_values().collect();
                format!("{}: {stages:?}", journal.to)
            }
            Err(findings) => findings.into_iter().map(|finding| finding.what).collect::<Vec<_>>().join("; "),
        }
    }

    #[test]
    fn a_rotation_begins_only_where_everything_is_well() {
        let good = || server("old");
        let with = |change: fn(&mut Server)| {
            let mut server = server("old");
            change(&mut server);
            server
        };
        assert_eq!(judged(good(), good()), "still");
        type Break = fn(&mut Server);
        let table: [(Break, &str); _] = [
            (|server| server.control_plane.ready = String::new(), "the API server of cp2 is not ready"),
            (
                |server| server.stranger = Some("9.9.9".to_owned()),
                "cp2 is in the middle of a rotation that this forge cannot follow",
            ),
            (|server| server.sum = String::new(), "cp2 has no encryption configuration"),
            (|server| server.mode = "644 root:root".to_owned(), "others than root can reach the encryption key on cp2"),
            (
                |server| server.loaded = String::new(),
                "the API server of cp2 does not say which encryption configuration it has loaded",
            ),
            (
                |server| server.loaded = "older".to_owned(),
                "the API server of cp2 has not loaded its encryption configuration",
            ),
        ];
        for (change, expected) in table {
            assert_eq!(judged(good(), with(change)), expected);
        }
        assert_eq!(
            judged(good(), server("other")),
            "cp1 and cp2 have different encryption configurations, and no rotation of forge's leaves them so"
        );
    }

    #[test]
    fn a_rotation_that_was_cut_off_goes_on_from_any_journal() {
        let with =
            |sum: &str, loaded: &str| Server { journal: Some(journal()), loaded: loaded.to_owned(), ..server(sum) };
        assert_eq!(judged(with("prepared", "old"), server("old")), "key-b: [Prepared, Start]");
        assert_eq!(judged(server("promoted"), with("prepared", "prepared")), "key-b: [Promoted, Prepared]");
        assert_eq!(judged(with("pruned", "pruned"), with("pruned", "promoted")), "key-b: [Pruned, Pruned]");
        assert_eq!(judged(with("old", "old"), server("old")), "still");
        assert_eq!(
            judged(with("promoted", "promoted"), server("old")),
            "cp1 and cp2 have different encryption configurations, and no rotation of forge's leaves them so"
        );
    }
}
