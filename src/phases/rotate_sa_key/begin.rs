//! A rotation as a value: begun with a new key, or taken up again from what the control planes have.

use std::collections::BTreeMap;

use super::super::control_planes::cannot_go_on;
use super::seen::Server;
use crate::error::{Exit, Problem};
use crate::inventory::NodeName;
use crate::kube::paths;
use crate::kube::service_account_key::PublicKeys;
use crate::kube::service_account_key::rotation::{Files, Journal, Stage};
use crate::kube::staged::FORMAT;
use crate::secret::Secret;

/// A rotation that can be carried out.
#[derive(Debug)]
pub struct Rotation {
    /// As it is written to the control planes.
    pub journal: Journal,
    /// The new `sa.key`, where it may still have to be written.
    key: Option<Secret>,
    old: PublicKeys,
    new: PublicKeys,
    at: BTreeMap<NodeName, Stage>,
}

impl Rotation {
    /// Begins one on control planes that all have the files of `server`, with a pair that was made for it; `begun` is the time.
    ///
    /// # Errors
    /// What was made is no key.
    pub fn begin(key: Secret, public: &Secret, server: &Server, begun: String) -> Result<Self, Problem> {
        let parse = |text: &str| {
            PublicKeys::parse(text).map_err(|why| Problem::new(Exit::Failed, "no signing key could be made").cause(why))
        };
        let (old, new) = (parse(&server.public)?, parse(&String::from_utf8_lossy(public.expose()))?);
        let sum = |keys: PublicKeys| Secret::new(keys.text()).sha256();
        let journal = Journal {
            format: FORMAT,
            forge: env!("CARGO_PKG_VERSION").to_owned(),
            stage: Stage::Start,
            begun,
            signs: None,
            to: new.ids().concat(),
            from: old.ids(),
            files: Files {
                old_key: server.key.clone(),
                new_key: key.sha256(),
                start: Secret::new(&*server.public).sha256(),
                verifies: sum(old.and(&new)),
                signs: sum(new.and(&old)),
                alone: sum(new.clone()),
            },
        };
        Ok(Self { journal, key: Some(key), old, new, at: BTreeMap::new() })
    }

    /// Where the new key is, a control plane and a path, for a rotation that still has to write it. A control plane that joined
    /// meanwhile does not have it.
    pub fn key_is_at(
        journal: &Journal,
        at: &BTreeMap<NodeName, Stage>,
        servers: &BTreeMap<NodeName, Server>,
    ) -> Option<(NodeName, &'static str)> {
        servers.iter().filter(|_| still_written(at)).find_map(|(name, server)| {
            let places = [(&server.key, paths::SA_KEY), (&server.next_key, paths::SA_NEXT_KEY)];
            let (_, path) = places.into_iter().find(|(sum, _)| **sum == journal.files.new_key)?;
            Some((name.clone(), path))
        })
    }

    /// Takes one up again, with the key of [`Rotation::key_is_at`].
    ///
    /// # Errors
    /// The files are not what the journal says, or this forge would write the rest differently.
    pub fn go_on(
        key: Option<Secret>,
        journal: Journal,
        at: BTreeMap<NodeName, Stage>,
        servers: &BTreeMap<NodeName, Server>,
    ) -> Result<Self, Problem> {
        let differs = |what: &str| cannot_go_on(&journal.forge, what);
        if still_written(&at) && key.as_ref().is_none_or(|key| key.sha256() != journal.files.new_key) {
            return Err(differs("its new key is on no control plane any more").next(format!(
                "nothing is signed with it: put the sa.pub from before, in /var/backups/forge on each control plane, back to {}, \
                 delete {}, and restart the API servers that were restarted since",
                paths::SA_PUB,
                paths::SA_ROTATION
            )));
        }
        // Both keys are in the file in between only.
        let middle = at.iter().find(|(_, stage)| matches!(stage, Stage::Verifies | Stage::Signs));
        let text = middle.or_else(|| at.iter().next()).and_then(|(name, _)| servers.get(name));
        let public = text.and_then(|server| PublicKeys::parse(&server.public).ok());
        let public = public.ok_or_else(|| differs("the public keys cannot be read"))?;
        let new = public.only(&journal.to).ok_or_else(|| differs("its key is not among the public keys"))?;
        let old = journal.from.iter().filter_map(|id| public.only(id)).reduce(|some, more| some.and(&more));
        let old = old.unwrap_or_else(|| new.clone());
        let rotation = Self { journal, key, old, new, at };
        let first = rotation.at.values().min().copied().unwrap_or(Stage::Start);
        for stage in [Stage::Verifies, Stage::Signs, Stage::Alone].into_iter().filter(|stage| *stage > first) {
            if Secret::new(rotation.public(stage).text()).sha256() != *rotation.sum(stage) {
                let forge = &rotation.journal.forge;
                return Err(cannot_go_on(forge, "this one would write the next file differently")
                    .next(format!("run forge {forge} again: it goes on where it was")));
            }
        }
        Ok(rotation)
    }

    /// Which files a control plane has.
    pub fn stage(&self, host: &NodeName) -> Stage {
        self.at.get(host).copied().unwrap_or(Stage::Start)
    }

    /// Whether the old key is gone from some control plane.
    pub fn removes(&self) -> bool {
        self.at.values().any(|stage| *stage == Stage::Alone)
    }

    /// A stage's public keys, those that are left to write being the ones that count.
    pub(super) fn public(&self, stage: Stage) -> PublicKeys {
        match stage {
            Stage::Start => self.old.clone(),
            Stage::Verifies => self.old.and(&self.new),
            Stage::Signs => self.new.and(&self.old),
            Stage::Alone => self.new.clone(),
        }
    }

    /// The ids of a stage's public keys, sorted.
    pub(super) fn ids(&self, stage: Stage) -> Vec<String> {
        let (from, to) = (self.journal.from.iter(), [&self.journal.to]);
        let mut ids: Vec<String> = match stage {
            Stage::Start => from.cloned().collect(),
            Stage::Verifies | Stage::Signs => from.chain(to).cloned().collect(),
            Stage::Alone => to.map(Clone::clone).into(),
        };
        ids.sort_unstable();
        ids
    }

    /// The new key, where it may still have to be written.
    pub(super) fn key(&self) -> Option<&Secret> {
        self.key.as_ref()
    }

    fn sum(&self, stage: Stage) -> &String {
        let files = &self.journal.files;
        match stage {
            Stage::Start => &files.start,
            Stage::Verifies => &files.verifies,
            Stage::Signs => &files.signs,
            Stage::Alone => &files.alone,
        }
    }
}

/// Whether the new key has to be written yet to one of them.
fn still_written(at: &BTreeMap<NodeName, Stage>) -> bool {
    at.values().any(|stage| *stage < Stage::Signs)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn block(name: &str) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(name))
    }

    fn begun() -> Rotation {
        // Two from before: somebody's own rotation ended half-way.
        let server = Server { key: "sum".to_owned(), public: block("old") + &block("older"), ..Server::default() };
        let public = Secret::new(block("new"));
        Rotation::begin(Secret::new("private"), &public, &server, "2026-11-25T00:52:34Z".to_owned()).unwrap()
    }

    #[test]
    fn the_journal_names_keys_and_holds_none() {
        let journal = begun().journal.at(Stage::Signs, Some("2026-11-25T01:00:00Z".to_owned()));
        assert!(!journal.contains("private") && !journal.contains(&STANDARD.encode("new")), "{journal}");
        let journal: Journal = serde_json::from_str(&journal).unwrap();
        assert_eq!((journal.stage, journal.from.len(), journal.signs.is_some()), (Stage::Signs, 2, true));
    }

    #[test]
    fn who_signs_comes_first_and_all_verify() {
        let rotation = begun();
        let names = |stage| {
            let text = rotation.public(stage).text();
            let mut found: Vec<(usize, &str)> = ["old", "older", "new"]
                .into_iter()
                .filter_map(|name| Some((text.find(&format!("\n{}\n", STANDARD.encode(name)))?, name)))
                .collect();
            found.sort_unstable();
            found.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(Stage::Verifies), "old older new");
        assert_eq!(names(Stage::Signs), "new old older");
        assert_eq!(names(Stage::Alone), "new");
        for stage in [Stage::Verifies, Stage::Signs, Stage::Alone] {
            let mut ids = rotation.public(stage).ids();
            ids.sort_unstable();
            assert_eq!(rotation.ids(stage), ids, "{stage:?}");
        }
    }

    #[test]
    fn a_run_that_goes_on_writes_the_same_files_from_any_of_them_and_makes_no_new_key() {
        let first = begun();
        let (cp1, cp2) = (NodeName::new("cp1").unwrap(), NodeName::new("cp2").unwrap());
        use Stage::{Alone, Signs, Start, Verifies};
        for (one, two) in
            [(Verifies, Start), (Verifies, Verifies), (Signs, Verifies), (Signs, Signs), (Alone, Signs), (Alone, Alone)]
        {
            let server = |stage| {
                let sum = |is_new: bool| if is_new { first.journal.files.new_key.clone() } else { "sum".to_owned() };
                let public = first.public(stage).text();
                Server { key: sum(stage >= Signs), next_key: sum(stage == Verifies), public, ..Server::default() }
            };
            let servers: BTreeMap<_, _> = [(cp1.clone(), server(one)), (cp2.clone(), server(two))].into();
            let at: BTreeMap<_, _> = [(cp1.clone(), one), (cp2.clone(), two)].into();
            let expected = if one >= Signs { paths::SA_KEY } else { paths::SA_NEXT_KEY };
            let from = Rotation::key_is_at(&first.journal, &at, &servers);
            assert_eq!(from, (two < Signs).then(|| (cp1.clone(), expected)), "{one:?} {two:?}");
            let key = from.map(|_| Secret::new("private"));
            let again = Rotation::go_on(key, first.journal.clone(), at, &servers).unwrap();
            for later in [Verifies, Signs, Alone].into_iter().filter(|later| *later > two) {
                assert_eq!(again.public(later), first.public(later));
            }
            for stage in [Verifies, Signs, Alone] {
                assert_eq!(again.ids(stage), first.ids(stage));
            }
        }
    }

    #[test]
    fn another_key_than_the_journals_is_not_written() {
        let first = begun();
        let cp1 = NodeName::new("cp1").unwrap();
        let server = Server { public: first.public(Stage::Verifies).text(), ..Server::default() };
        let servers: BTreeMap<_, _> = [(cp1.clone(), server)].into();
        for key in [None, Some(Secret::new("other"))] {
            let at = [(cp1.clone(), Stage::Verifies)].into();
            assert_eq!(Rotation::key_is_at(&first.journal, &at, &servers), None);
            let problem = Rotation::go_on(key, first.journal.clone(), at, &servers).unwrap_err();
            assert!(problem.cause.ends_with("its new key is on no control plane any more"), "{problem}");
        }
    }
}
