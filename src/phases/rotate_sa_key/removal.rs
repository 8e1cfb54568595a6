//! Whether the old key may go: nobody may have a token any more that it signed.

use std::collections::BTreeMap;

use super::super::tokens::seconds;
use super::seen::{Server, Users};
use crate::inventory::NodeName;
use crate::kube::service_account_key::life;
use crate::kube::service_account_key::rotation::Journal;
use crate::phases::preflight::Finding;

/// Why the old key may not go yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotYet {
    /// Only time is missing.
    Wait(Finding),
    /// Somebody has to do something about these.
    Held(Vec<Finding>),
}

/// Decides at `now`, in seconds since 1970; `None` when it may go. `users` are those that an API server told of.
pub fn removal(
    servers: &BTreeMap<NodeName, Server>,
    journal: &Journal,
    users: Option<&Users>,
    now: i64,
) -> Option<NotYet> {
    let Some(users) = users else {
        return Some(NotYet::Held(vec![held(
            "no API server told who has tokens".to_owned(),
            "the pods or the secrets of some namespace could not be listed".to_owned(),
            "see why on a control plane: kubectl get pods -A".to_owned(),
        )]));
    };
    let lasting = users.lasting.iter().filter(|(_, key)| *key != journal.to);
    let lasting: Vec<Finding> = lasting
        .map(|(name, _)| {
            let (namespace, secret) = name.split_once('/').unwrap_or(("", name));
            held(
                format!("the token in secret {name} was signed by the old key and never ends"),
                "it is a secret of type kubernetes.io/service-account-token".to_owned(),
                format!(
                    "if nothing uses it: forge rotate tokens INVENTORY --delete {name}; otherwise let it be signed anew and give the \
                     new one to who uses it: kubectl -n {namespace} patch secret {secret} -p '{{\"data\":{{\"token\":null}}}}'"
                ),
            )
        })
        .collect();
    if !lasting.is_empty() {
        return Some(NotYet::Held(lasting));
    }
    let since = servers.values().map(|server| seconds(server.journal.as_ref()?.signs.as_ref()?));
    // Where one does not say since when, it is noted by this run.
    let since = since.collect::<Option<Vec<i64>>>().and_then(|times| times.into_iter().max()).unwrap_or(now);
    let extends = servers.values().any(|server| server.extends);
    let life = life(&users.pods, since, extends).filter(|life| life.until > now)?;
    let pods = if life.pods == 1 { "1 pod is".to_owned() } else { format!("{} pods are", life.pods) };
    Some(NotYet::Wait(Finding::told(
        format!("the old signing key still verifies, until {}", moment(life.until)),
        format!("{pods} from before and may have a token that it signed; that of {} ends last", life.last),
        "run the same command after that; restarted pods get new tokens at once, and when all of them are restarted the \
         old key may go",
    )))
}

fn held(what: String, cause: String, next: String) -> Finding {
    Finding { host: None, fatal: true, what, cause, next }
}

/// `2026-11-25 03:12 UTC`, the minute after.
fn moment(seconds: i64) -> String {
    let up = time::OffsetDateTime::from_unix_timestamp(seconds + 59).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let date = up.date();
    format!("{date} {:02}:{:02} UTC", up.hour(), up.minute())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::service_account_key::Pod;

    fn journal(signs: Option<&str>) -> Journal {
        let journal = r#"{"format":1,"forge":"0.1.0","stage":"signs","begun":"1970-01-01T00:00:00Z","signs":null,"to":"new","from":["old"],
            "files":{"oldKey":"","newKey":"","start":"","verifies":"","signs":"","alone":""}}"#;
        let journal: Journal = serde_json::from_str(journal).unwrap();
        Journal { signs: signs.map(str::to_owned), ..journal }
    }

    fn decide(signs: [Option<&str>; 2], lasting: &[(&str, &str)], now: i64) -> Option<NotYet> {
        let server = |signs| Server { journal: Some(journal(signs)), ..Server::default() };
        let name = |name: &str| NodeName::new(name).unwrap();
        let servers = [(name("cp1"), server(signs[0])), (name("cp2"), server(signs[1]))].into();
        let lasting = lasting.iter().map(|(name, key)| ((*name).to_owned(), (*key).to_owned())).collect();
        let pods = vec![Pod { name: "shop/web".to_owned(), made: 0, lives: vec![3607] }];
        removal(&servers, &journal(None), Some(&Users { pods, lasting }), now)
    }

    #[test]
    fn the_old_key_goes_when_the_last_token_that_it_signed_has_ended() {
        let signs = [Some("1970-01-01T01:00:00Z"), Some("1970-01-01T01:01:40Z")];
        let until = 3700 + 3607 + 120;
        let Some(NotYet::Wait(finding)) = decide(signs, &[], until - 1) else { panic!("it may not go yet") };
        assert_eq!(finding.what, "the old signing key still verifies, until 1970-01-01 02:04 UTC");
        assert_eq!(
            finding.cause,
            "1 pod is from before and may have a token that it signed; that of shop/web ends last"
        );
        assert_eq!(decide(signs, &[("ci/deployer", "new")], until), None);
        let unknown = decide([signs[0], None], &[], until);
        assert!(matches!(unknown, Some(NotYet::Wait(_))), "one does not say since when: {unknown:?}");
    }

    #[test]
    fn tokens_in_secrets_hold_the_old_key_by_name() {
        let signs = [Some("1970-01-01T01:00:00Z"); 2];
        let lasting = [("ci/deployer", "old"), ("ci/new", "new"), ("ci/empty", "")];
        let Some(NotYet::Held(findings)) = decide(signs, &lasting, i64::MAX / 2) else { panic!("nothing holds it") };
        let whats: Vec<&str> = findings.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(
            whats,
            [
                "the token in secret ci/deployer was signed by the old key and never ends",
                "the token in secret ci/empty was signed by the old key and never ends",
            ]
        );
        assert!(findings.iter().all(|finding| finding.fatal));
        assert!(matches!(removal(&BTreeMap::new(), &journal(None), None, 0), Some(NotYet::Held(_))));
    }
}
