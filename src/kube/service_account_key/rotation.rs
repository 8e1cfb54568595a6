//! The state machine of the signing key's rotation: where each control plane's files are, and what may happen next.
//!
//! The one rule: nobody may sign with a key that some API server does not verify. So each stage is complete on all control
//! planes, and read by every API server, before the next one is begun anywhere.

use serde::{Deserialize, Serialize};

use crate::kube::staged::{self, Staged};

/// Which of a rotation's files a control plane has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// As it was before.
    Start,
    /// The new key verifies, the old one signs.
    Verifies,
    /// The new key signs, the old one verifies.
    Signs,
    /// The old key is gone.
    Alone,
}

impl Staged for Stage {
    const ALL: [Self; 4] = [Self::Start, Self::Verifies, Self::Signs, Self::Alone];

    fn words(self) -> &'static str {
        match self {
            Self::Start => "not begun",
            Self::Verifies => "the new key verifies",
            Self::Signs => "the new key signs",
            Self::Alone => "the old key is gone",
        }
    }
}

/// The stages that are left, from where the control planes are; `None` when no rotation leaves them like that.
///
/// The stage of the one that is furthest behind is among them: its files may be there and not yet read.
pub fn left(stages: &[Stage]) -> Option<Vec<Stage>> {
    let first = staged::behind(stages)?.max(Stage::Verifies);
    Some(Stage::ALL.into_iter().filter(|stage| *stage >= first).collect())
}

/// What a rotation leaves on every control plane while it lasts, so that anybody can go on with it. It holds no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Version of this file's format.
    pub format: u32,
    /// The version of forge that began it.
    pub forge: String,
    /// What this control plane has, for people; the files' own sums are what counts.
    pub stage: Stage,
    /// When it was begun, as Kubernetes writes times.
    pub begun: String,
    /// Since when this control plane signs with the new key, by its own clock.
    pub signs: Option<String>,
    /// The id of the new key.
    pub to: String,
    /// The ids of the keys that go.
    pub from: Vec<String>,
    /// SHA-256 of the files.
    pub files: Files,
}

impl Journal {
    /// Its text for a control plane at a stage.
    pub fn at(&self, stage: Stage, signs: Option<String>) -> String {
        let journal = Self { stage, signs, ..self.clone() };
        serde_json::to_string_pretty(&journal).unwrap_or_default() + "\n"
    }
}

/// SHA-256 of a rotation's files, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Files {
    /// `sa.key` as it was.
    pub old_key: String,
    /// The new `sa.key`.
    pub new_key: String,
    /// `sa.pub` as it was.
    pub start: String,
    /// See [`Stage::Verifies`].
    pub verifies: String,
    /// See [`Stage::Signs`].
    pub signs: String,
    /// See [`Stage::Alone`].
    pub alone: String,
}

impl Files {
    /// The stage whose `sa.pub` and `sa.key` have these sums. The new key is there before `sa.pub` has the order that goes with
    /// it: where a run was cut off between the two, the stage is not reached.
    pub fn stage(&self, public: &str, key: &str) -> Option<Stage> {
        let old = key == self.old_key;
        let new = key == self.new_key;
        match public {
            _ if public == self.start && old => Some(Stage::Start),
            _ if public == self.verifies && (old || new) => Some(Stage::Verifies),
            _ if public == self.signs && new => Some(Stage::Signs),
            _ if public == self.alone && new => Some(Stage::Alone),
            _ => None,
        }
    }
}

/// The rotation that left files with these sums (`sa.pub`, `sa.key`); see [`staged::begun`].
pub fn begun<'a>(journals: &'a [Journal], sums: &[(&str, &str)]) -> Option<(&'a Journal, Vec<Stage>)> {
    staged::begun(journals, sums, |journal, (public, key)| journal.files.stage(public, key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn journal(name: &str) -> Journal {
        let sum = |stage: &str| format!("{name}-{stage}");
        Journal {
            format: 1,
            forge: "0.1.0".to_owned(),
            stage: Stage::Start,
            begun: "2026-11-25T00:52:34Z".to_owned(),
            signs: None,
            to: name.to_owned(),
            from: Vec::new(),
            files: Files {
                old_key: "old-key".to_owned(),
                new_key: sum("key"),
                start: "old".to_owned(),
                verifies: sum("verifies"),
                signs: sum("signs"),
                alone: sum("alone"),
            },
        }
    }

    #[test]
    fn what_is_left_follows_from_the_files_alone() {
        use Stage::{Alone, Signs, Start, Verifies};
        let table: &[(&[Stage], Option<&[Stage]>)] = &[
            (&[Start, Start, Start], Some(&[Verifies, Signs, Alone])),
            (&[Verifies, Start, Start], Some(&[Verifies, Signs, Alone])),
            (&[Verifies, Verifies, Verifies], Some(&[Verifies, Signs, Alone])),
            (&[Signs, Verifies, Verifies], Some(&[Verifies, Signs, Alone])),
            (&[Signs, Signs, Signs], Some(&[Signs, Alone])),
            (&[Alone, Signs, Signs], Some(&[Signs, Alone])),
            (&[Alone, Alone, Alone], Some(&[Alone])),
            (&[Start, Signs], None),
            (&[Verifies, Alone], None),
            (&[Start, Verifies, Signs], None),
            (&[], None),
        ];
        for (stages, expected) in table {
            assert_eq!(left(stages).as_deref(), *expected, "{stages:?}");
        }
    }

    #[test]
    fn a_stage_is_told_from_both_files() {
        let files = journal("new").files;
        let table = [
            ("old", "old-key", Some(Stage::Start)),
            ("new-verifies", "old-key", Some(Stage::Verifies)),
            ("new-verifies", "new-key", Some(Stage::Verifies)),
            ("new-signs", "new-key", Some(Stage::Signs)),
            ("new-alone", "new-key", Some(Stage::Alone)),
            // Nothing that a rotation does, in whatever order: tokens would be signed that nobody verifies.
            ("old", "new-key", None),
            ("new-signs", "old-key", None),
            ("new-alone", "old-key", None),
            ("new-verifies", "third-key", None),
            ("somebody's own", "old-key", None),
        ];
        for (public, key, expected) in table {
            assert_eq!(files.stage(public, key), expected, "{public} {key}");
        }
    }

    #[test]
    fn a_journal_counts_when_one_of_its_own_files_is_there() {
        let journals = [journal("one"), journal("two")];
        let found =
            |sums: &[(&str, &str)]| begun(&journals, sums).map(|(journal, stages)| (journal.to.clone(), stages));
        let old = ("old", "old-key");
        assert_eq!(found(&[old, old]), None, "cut off before the key was anywhere");
        assert_eq!(
            found(&[("two-verifies", "old-key"), old]),
            Some(("two".to_owned(), vec![Stage::Verifies, Stage::Start])),
            "the other one never began"
        );
        assert_eq!(found(&[("two-verifies", "old-key"), ("one-verifies", "old-key")]), None);
        assert_eq!(found(&[("two-alone", "two-key"), ("somebody's own", "old-key")]), None);
    }

    /// A control plane: its files, and what its API server and its controller manager have read of them.
    #[derive(Clone, Copy)]
    struct Server {
        public: Stage,
        new_key: bool,
        verifies: Stage,
        signs_new: bool,
    }

    struct World(Vec<Server>);

    impl World {
        fn stages(&self) -> Vec<Stage> {
            let files = journal("new").files;
            let sum = |server: &Server| match server.public {
                Stage::Start => &files.start,
                Stage::Verifies => &files.verifies,
                Stage::Signs => &files.signs,
                Stage::Alone => &files.alone,
            };
            let key = |server: &Server| if server.new_key { &files.new_key } else { &files.old_key };
            self.0.iter().map(|server| files.stage(sum(server), key(server)).unwrap()).collect()
        }

        /// Whatever a server signs now, each of them verifies.
        fn assert_verified(&self) {
            let verifies = |server: &Server, new: bool| match server.verifies {
                Stage::Start => !new,
                Stage::Verifies | Stage::Signs => true,
                Stage::Alone => new,
            };
            for signer in &self.0 {
                for server in &self.0 {
                    assert!(verifies(server, signer.signs_new), "a new token is not verified");
                }
            }
        }

        fn restart(&mut self, index: usize) {
            let server = &mut self.0[index];
            (server.verifies, server.signs_new) = (server.public, server.new_key);
        }

        /// One run, killed after so many changes; any server may restart by itself meanwhile. `true` when it came to its end.
        fn run(&mut self, mut changes: usize, until: Stage, chance: &mut impl FnMut() -> usize) -> bool {
            let servers = self.0.len();
            for stage in left(&self.stages()).unwrap().into_iter().filter(|stage| *stage <= until) {
                for index in 0..servers {
                    let at = self.stages()[index];
                    type Change = fn(&mut Server, Stage);
                    let key: Change = |server, stage| server.new_key |= stage == Stage::Signs;
                    let public: Change = |server, stage| server.public = stage;
                    for change in [key, public] {
                        if at < stage {
                            change(&mut self.0[index], stage);
                        }
                        if chance().is_multiple_of(3) {
                            self.restart(chance() % servers);
                        }
                        self.assert_verified();
                        changes = changes.saturating_sub(1);
                        if changes == 0 {
                            return false;
                        }
                    }
                    self.restart(index);
                    self.assert_verified();
                }
            }
            true
        }
    }

    proptest! {
        /// Wherever forge dies and however often, whatever restarts by itself: nobody signs what another does not verify, and
        /// the runs that are not killed end with the new key alone.
        #[test]
        fn killed_anywhere_every_token_is_verified(
            servers in 1_usize..4,
            kills in prop::collection::vec(1_usize..20, 0..6),
            mut chances in prop::collection::vec(any::<usize>(), 1..100),
        ) {
            let server = Server { public: Stage::Start, new_key: false, verifies: Stage::Start, signs_new: false };
            let mut world = World(vec![server; servers]);
            let mut chance = move || {
                chances.rotate_left(1);
                chances[0]
            };
            for kill in &kills {
                world.run(*kill, Stage::Signs, &mut chance);
            }
            prop_assert!(world.run(usize::MAX, Stage::Signs, &mut chance));
            prop_assert!(world.0.iter().all(|server| server.signs_new));
            for kill in kills {
                world.run(kill, Stage::Alone, &mut chance);
            }
            prop_assert!(world.run(usize::MAX, Stage::Alone, &mut chance));
            prop_assert!(world.0.iter().all(|server| server.verifies == Stage::Alone && server.signs_new));
        }
    }
}
