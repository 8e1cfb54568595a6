//! One stage on one control plane: its files laid down, read by its API server, and the proof of it in the API server's words.

use super::begin::Rotation;
use super::seen::{READ_KEYS, Server, read_keys};
use crate::error::{Exit, Problem};
use crate::host::resource::{Content, File};
use crate::host::{Difference, Resource as _, Script, quote};
use crate::inventory::cluster::Host;
use crate::kube::pki::Component;
use crate::kube::service_account_key::rotation::{Journal, Stage};
use crate::kube::{ETCDCTL, STATIC_PODS, others_answer, paths};
use crate::phases::control_planes::own_server;
use crate::phases::{certificates, id};
use crate::plan::{Heard, Step, StepId, Talk, Turn, Work};
use crate::secret::Secret;

/// The step; `None` on a control plane that is further already, or where nothing is left to do.
pub(super) fn step(
    host: &Host,
    hosts: &[&Host],
    rotation: &Rotation,
    server: &Server,
    stage: Stage,
    before: &[StepId],
) -> Option<Step> {
    let at = rotation.stage(&host.name);
    let to = &rotation.journal.to;
    let (name, title, change) = match stage {
        Stage::Start => return None,
        Stage::Verifies => ("sa-key-verify", "new signing key verifies", format!("{to} verifies")),
        Stage::Signs => ("sa-key-sign", "new signing key signs", format!("{to} signs")),
        Stage::Alone => {
            ("sa-key-remove", "old signing key removed", format!("{} removed", rotation.journal.from.join(", ")))
        }
    };
    let restarts = restarts(rotation, server, stage, at < stage);
    if at > stage || (restarts.is_empty() && is_noted(server, stage)) {
        return None;
    }
    let mut changes = vec![Difference::new(format!("service accounts' signing key: {change}"))];
    if !restarts.is_empty() {
        let names: Vec<&str> = restarts.iter().map(|component| component.name()).collect();
        changes.push(Difference::new(format!("restart: {}", names.join(" "))));
    }
    let work = Installing {
        what: format!("{}: {title}", host.name),
        ids: rotation.ids(stage),
        signs: if stage >= Stage::Signs { vec![to.clone()] } else { rotation.journal.from.clone() },
        install: Some(install(host, hosts, rotation, server, stage, &restarts)),
        note: (stage != Stage::Verifies).then(|| (stage, rotation.journal.clone())),
    };
    Some(Step {
        id: id(host, name),
        title: title.to_owned(),
        runs_on: host.name.clone(),
        needs: before.to_vec(),
        after: Vec::new(),
        changes,
        work: Work::Talk(Box::new(work)),
    })
}

/// What has to read its files anew: whom they are changed for, and who was not seen to have read them.
fn restarts(rotation: &Rotation, server: &Server, stage: Stage, changes: bool) -> Vec<Component> {
    let signs = stage < Stage::Signs || server.signs == rotation.journal.to;
    let mut all = Vec::new();
    if changes || server.verifies != rotation.ids(stage) || !signs {
        all.push(Component::ApiServer);
    }
    if stage >= Stage::Signs && (server.stale_manager || (changes && stage == Stage::Signs)) {
        all.push(Component::ControllerManager);
    }
    all
}

/// Whether the journal says that the stage was seen to its end.
fn is_noted(server: &Server, stage: Stage) -> bool {
    match stage {
        Stage::Start | Stage::Verifies => true,
        Stage::Signs => server.journal.as_ref().is_some_and(|journal| journal.signs.is_some()),
        Stage::Alone => server.journal.is_none(),
    }
}

/// The stage's files, a restart of those who have to read them, and what the API server then runs with.
fn install(
    host: &Host,
    hosts: &[&Host],
    rotation: &Rotation,
    server: &Server,
    stage: Stage,
    restarts: &[Component],
) -> Script {
    let mut script = Script::default();
    if !restarts.is_empty() {
        let others: Vec<_> = hosts.iter().filter(|other| other.name != host.name).collect();
        let others: Vec<_> = others.iter().map(|other| (other.name.as_str(), other.address)).collect();
        script = script.line(ETCDCTL).line(STATIC_PODS).line(others_answer(host.address, &others, false));
    }
    if rotation.stage(&host.name) < stage {
        // The journal first: files that nothing explains would be somebody's mistake.
        // A removal that is cut off before it has removed anything still knows since when the new key signs.
        let signs = server.journal.as_ref().and_then(|journal| journal.signs.clone());
        let journal = rotation.journal.at(stage, signs.filter(|_| stage == Stage::Alone));
        script = script.then(File::text(paths::SA_ROTATION, journal).mode(0o600).apply());
        // The key before the public keys: whatever starts in between finds files that go together.
        let path = if stage == Stage::Verifies { paths::SA_NEXT_KEY } else { paths::SA_KEY };
        if let Some(key) = rotation.key().filter(|_| stage != Stage::Alone) {
            script = script.then(File::secret(path, Content::Secret(key.clone())).apply());
        }
        // Not secret, and yet on the disk before its name: no token is good without it.
        let public = Content::Secret(Secret::new(rotation.public(stage).text()));
        script = script.then(File::secret(paths::SA_PUB, public).apply());
        if stage == Stage::Signs {
            script = script.line(format!("rm -f {}", paths::SA_NEXT_KEY));
        }
        // A key that is used has to survive the loss of power.
        script = script.line(format!("sync -f {}\nsync -f {}", paths::SA_ROTATION, paths::PKI));
    }
    if !restarts.is_empty() {
        script = script.then(certificates::restart(host, restarts));
    }
    let server = quote(&own_server(host));
    script.line(format!("{READ_KEYS}\nread_keys {server} | emit keys\ndate -u +%Y-%m-%dT%H:%M:%SZ | emit now"))
}

struct Installing {
    what: String,
    /// What the API server has to verify with.
    ids: Vec<String>,
    /// One of these has to be what it signs with.
    signs: Vec<String>,
    install: Option<Script>,
    /// What the journal is then told.
    note: Option<(Stage, Journal)>,
}

impl Talk for Installing {
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem> {
        if let Some(install) = self.install.take() {
            return Ok(Turn::Run(install));
        }
        let heard = heard.unwrap_or_default();
        if !heard.well {
            return Err(self.failed(heard.tail()));
        }
        let now = heard.text("now").trim().to_owned();
        if !now.is_empty() {
            let (ids, signs) = read_keys(&heard.text("keys"));
            if ids != self.ids || !self.signs.contains(&signs) {
                let (found, wanted) = (ids.join(", "), self.ids.join(", "));
                return Err(self.failed(format!(
                    "its API server verifies with {found} and signs with {signs}; its files say {wanted} and {}",
                    self.signs.join(" or ")
                )));
            }
        }
        Ok(match self.note.take() {
            Some((stage, journal)) => Turn::Run(note(stage, &journal, now)),
            None => Turn::Done(heard.outcome()),
        })
    }
}

impl Installing {
    fn failed(&self, cause: String) -> Problem {
        Problem::new(Exit::Failed, format!("{}: it did not go well", self.what))
            .cause(cause)
            .next("every token that was good is good; mend the cause and run the same command again")
    }
}

/// Since when the new key signs, by the host's own clock; or that the rotation is over.
fn note(stage: Stage, journal: &Journal, now: String) -> Script {
    let path = paths::SA_ROTATION;
    if stage == Stage::Alone {
        return Script::new(format!("rm -f {path} {}", paths::SA_NEXT_KEY));
    }
    File::text(path, journal.at(stage, Some(now))).mode(0o600).apply().line(format!("sync -f {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(values: &[(&str, &str)]) -> Option<Heard> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        Some(Heard { well: true, values, ..Heard::default() })
    }

    fn installing() -> Installing {
        let journal = r#"{"format":1,"forge":"0.1.0","stage":"verifies","begun":"2026-11-25T00:52:34Z","signs":null,"to":"new","from":["old"],
            "files":{"oldKey":"","newKey":"","start":"","verifies":"","signs":"","alone":""}}"#;
        Installing {
            what: "cp1: new signing key signs".to_owned(),
            ids: vec!["new".to_owned(), "old".to_owned()],
            signs: vec!["new".to_owned()],
            install: Some(Script::new("install")),
            note: Some((Stage::Signs, serde_json::from_str(journal).unwrap())),
        }
    }

    const HEADER_OF_NEW: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im5ldyJ9";

    #[test]
    fn the_time_is_noted_when_the_api_server_signs_with_the_new_key() {
        let mut talk = installing();
        assert!(matches!(talk.next(None), Ok(Turn::Run(script)) if script.text() == "install"));
        let keys = format!("jwks {{\"keys\":[{{\"kid\":\"old\"}},{{\"kid\":\"new\"}}]}}\nheader {HEADER_OF_NEW}");
        let answers = heard(&[("keys", &keys), ("now", "2026-11-25T01:02:03Z\n")]);
        let Ok(Turn::Run(script)) = talk.next(answers) else { panic!("nothing is noted") };
        let journal = String::from_utf8(script.files()[0].1.expose().to_vec()).unwrap();
        assert!(journal.contains(r#""signs": "2026-11-25T01:02:03Z""#), "{journal}");
        assert!(matches!(talk.next(heard(&[])), Ok(Turn::Done(_))));
    }

    #[test]
    fn an_api_server_that_runs_with_other_keys_stops_it() {
        let mut talk = installing();
        let _ = talk.next(None);
        let keys = format!("jwks {{\"keys\":[{{\"kid\":\"old\"}}]}}\nheader {HEADER_OF_NEW}");
        let problem = talk.next(heard(&[("keys", &keys), ("now", "2026-11-25T01:02:03Z")])).err().unwrap();
        assert_eq!(
            problem.to_string(),
            "cp1: new signing key signs: it did not go well\n  cause: its API server verifies with old and signs with new; its \
             files say new, old and new\n  next:  every token that was good is good; mend the cause and run the same command again"
        );
    }
}
