//! Whether a rotation may begin or go on, and if not, all the reasons.

use std::collections::BTreeMap;

use super::super::control_planes::{self, fatal};
use super::seen::Server;
use crate::inventory::NodeName;
use crate::kube::paths;
use crate::kube::service_account_key::PublicKeys;
use crate::kube::service_account_key::rotation::{Journal, Stage, begun, left};
use crate::phases::preflight::Finding;
use crate::secret::Secret;

/// How the control planes stand.
pub type Standing = control_planes::Standing<Journal, Stage>;

/// Looks at every control plane of the inventory.
///
/// # Errors
/// Everything for which no key may be touched now.
pub fn judge(servers: &BTreeMap<NodeName, Server>) -> Result<Standing, Vec<Finding>> {
    control_planes::ready_for_a_key(servers, |server| &server.control_plane, files)?;
    let journals: Vec<Journal> = servers.values().filter_map(|server| server.journal.clone()).collect();
    let public: Vec<String> = servers.values().map(|server| Secret::new(&*server.public).sha256()).collect();
    let sums: Vec<(&str, &str)> =
        public.iter().zip(servers.values()).map(|(public, server)| (public.as_str(), server.key.as_str())).collect();
    if let Some((journal, stages)) = begun(&journals, &sums)
        && left(&stages).is_some()
    {
        return Ok(Standing::Begun(Box::new(journal.clone()), servers.keys().cloned().zip(stages).collect()));
    }
    let mut findings: Vec<Finding> = unlike(servers).into_iter().collect();
    if findings.is_empty() {
        findings.extend(servers.iter().filter_map(|(name, server)| unread(name, server)));
    }
    if findings.is_empty() { Ok(Standing::Still) } else { Err(findings) }
}

fn files(name: &NodeName, server: &Server) -> Option<Finding> {
    if let Some(finding) = control_planes::not_ours(name, server.stranger.as_deref()) {
        return Some(finding);
    }
    let (key, public) = (paths::SA_KEY, paths::SA_PUB);
    if server.key.is_empty() {
        let next = "put it back from a backup, or from another control plane";
        return Some(fatal(name, format!("{name} has no signing key"), format!("{key} is not there"), next));
    }
    if server.mode != "600 root:root" {
        let next = format!("find out who could read it, then: chown root:root {key} && chmod 600 {key}");
        let what = format!("others than root can reach the signing key on {name}");
        return Some(fatal(name, what, format!("{key}: {}", server.mode), next));
    }
    PublicKeys::parse(&server.public).err().map(|why| {
        let next = "it should hold the public half of sa.key as kubeadm writes it";
        fatal(name, format!("the public signing keys of {name} cannot be used"), format!("{public}: {why}"), next)
    })
}

fn unlike(servers: &BTreeMap<NodeName, Server>) -> Option<Finding> {
    let (first, one) = servers.iter().next()?;
    let (name, other) = servers.iter().find(|(_, other)| (&other.key, &other.public) != (&one.key, &one.public))?;
    let file = if other.key == one.key { paths::SA_PUB } else { paths::SA_KEY };
    Some(fatal(
        name,
        format!("{first} and {name} have different signing keys, and no rotation of forge's leaves them so"),
        format!("sha256sum {file} differs, and no journal explains it"),
        "copy sa.key and sa.pub of the one whose tokens the other's API server refuses, and restart that API server",
    ))
}

fn unread(name: &NodeName, server: &Server) -> Option<Finding> {
    if server.verifies.is_empty() || server.signs.is_empty() {
        let what = format!("the API server of {name} does not say which keys it signs and verifies with");
        let cause = "/openid/v1/jwks was not answered, or no token for kube-system/default could be made";
        return Some(fatal(name, what, cause, "ask it: kubectl get --raw /openid/v1/jwks"));
    }
    let mut ids = PublicKeys::parse(&server.public).map(|keys| keys.ids()).unwrap_or_default();
    ids.sort_unstable();
    (server.verifies != ids || !ids.contains(&server.signs)).then(|| {
        let what = format!("the API server of {name} runs with other signing keys than those in its files");
        let cause = format!(
            "it verifies with {} and signs with {}; {} has {}",
            server.verifies.join(", "),
            server.signs,
            paths::SA_PUB,
            ids.join(", ")
        );
        let next = "it was not restarted since they were changed (forge certs renew INVENTORY restarts it), or it reads other files";
        fatal(name, what, cause, next)
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::kube::service_account_key::rotation::Files;
    use crate::phases::control_planes::tests::well;

    fn keys(names: &[&str]) -> PublicKeys {
        let block =
            |name: &&str| format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(name));
        PublicKeys::parse(&names.iter().map(block).collect::<String>()).unwrap()
    }

    fn server(key: &str, public: &[&str]) -> Server {
        let public = keys(public);
        let mut verifies = public.ids();
        verifies.sort_unstable();
        Server {
            control_plane: well(),
            mode: "600 root:root".to_owned(),
            key: key.to_owned(),
            public: public.text(),
            verifies,
            signs: keys(&[key]).ids().remove(0),
            version: "1.36.5".to_owned(),
            ..Server::default()
        }
    }

    fn journal() -> Journal {
        let sum = |names: &[&str]| Secret::new(keys(names).text()).sha256();
        Journal {
            format: 1,
            forge: "0.1.0".to_owned(),
            stage: Stage::Verifies,
            begun: "2026-11-25T00:52:34Z".to_owned(),
            signs: None,
            to: keys(&["new"]).ids().remove(0),
            from: keys(&["old"]).ids(),
            files: Files {
                old_key: "old".to_owned(),
                new_key: "new".to_owned(),
                start: sum(&["old"]),
                verifies: sum(&["old", "new"]),
                signs: sum(&["new", "old"]),
                alone: sum(&["new"]),
            },
        }
    }

    fn judged(one: Server, two: Server) -> String {
        let name = |name: &str| NodeName::new(name).unwrap();
        match judge(&[(name("cp1"), one), (name("cp2"), two)].into()) {
            Ok(Standing::Still) => "still".to_owned(),
            Ok(Standing::Begun(_, stages)) => format!("{:?}", stages.into_values().collect::<Vec<_>>()),
            Err(findings) => findings.into_iter().map(|finding| finding.what).collect::<Vec<_>>().join("; "),
        }
    }

    #[test]
    fn a_rotation_begins_only_where_everything_is_well() {
        let good = || server("old", &["old"]);
        assert_eq!(judged(good(), good()), "still");
        let differ = "cp1 and cp2 have different signing keys, and no rotation of forge's leaves them so";
        assert_eq!(judged(good(), server("old", &["old", "new"])), differ);
        assert_eq!(judged(good(), server("new", &["new"])), differ);
        type Break = fn(&mut Server);
        let table: [(Break, &str); _] = [
            (|server| server.control_plane.ready = String::new(), "the API server of cp2 is not ready"),
            (
                |server| server.stranger = Some("9.9.9".to_owned()),
                "cp2 is in the middle of a rotation that this forge cannot follow",
            ),
            (|server| server.key = String::new(), "cp2 has no signing key"),
            (|server| server.mode = "640 root:root".to_owned(), "others than root can reach the signing key on cp2"),
            (|server| server.public = String::new(), "the public signing keys of cp2 cannot be used"),
            (
                |server| server.verifies.clear(),
                "the API server of cp2 does not say which keys it signs and verifies with",
            ),
            (
                |server| server.verifies.push("another".to_owned()),
                "the API server of cp2 runs with other signing keys than those in its files",
            ),
            (
                |server| server.signs = "another".to_owned(),
                "the API server of cp2 runs with other signing keys than those in its files",
            ),
        ];
        for (change, expected) in table {
            let mut server = good();
            change(&mut server);
            assert_eq!(judged(good(), server), expected);
        }
    }

    #[test]
    fn a_rotation_that_was_cut_off_goes_on_from_any_journal() {
        let with = |key: &str, public: &[&str]| Server { journal: Some(journal()), ..server(key, public) };
        let old = || server("old", &["old"]);
        assert_eq!(judged(with("old", &["old", "new"]), old()), "[Verifies, Start]");
        // Not read yet, or half of a stage: what is left to do tells it.
        let unread = Server { verifies: vec!["old".to_owned()], ..with("old", &["old", "new"]) };
        assert_eq!(judged(unread, with("new", &["old", "new"])), "[Verifies, Verifies]");
        assert_eq!(judged(with("new", &["new", "old"]), with("old", &["old", "new"])), "[Signs, Verifies]");
        assert_eq!(judged(server("new", &["new"]), with("new", &["new", "old"])), "[Alone, Signs]");
        assert_eq!(judged(with("old", &["old"]), old()), "still", "its key was nowhere yet");
        let differ = "cp1 and cp2 have different signing keys, and no rotation of forge's leaves them so";
        assert_eq!(judged(with("new", &["new", "old"]), old()), differ);
    }
}
