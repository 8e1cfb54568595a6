//! The state machine of a rotation: where each control plane's file is, and what may happen next.
//!
//! The one rule: no API server may write with a key that another cannot read. So a list is on every control plane, and
//! loaded by every API server, before the next one is written anywhere. Files that are further apart than one list are
//! nobody's rotation.

use serde::{Deserialize, Serialize};

use crate::kube::staged::{self, Staged};

/// Which of a rotation's lists a control plane has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// As it was before.
    Start,
    /// The new key reads.
    Prepared,
    /// The new key writes, the old ones read.
    Promoted,
    /// The old keys are gone.
    Pruned,
}

impl Staged for Stage {
    const ALL: [Self; 4] = [Self::Start, Self::Prepared, Self::Promoted, Self::Pruned];

    fn words(self) -> &'static str {
        match self {
            Self::Start => "not begun",
            Self::Prepared => "the new key reads",
            Self::Promoted => "the new key writes",
            Self::Pruned => "the old key is gone",
        }
    }
}

/// One thing to do, complete on all control planes before the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Lay this list down where it is not yet, and see every API server that has it load it.
    Install(Stage),
    /// Rewrite everything that is encrypted under another key, until etcd's own bytes show none.
    Rewrite,
}

/// What is left to do, from what the control planes' files say; `None` when no rotation leaves them like that.
///
/// What was perhaps not seen to its end is done again: everything here may be repeated.
pub fn moves(files: &[Stage]) -> Option<Vec<Move>> {
    use Stage::{Prepared, Promoted, Pruned, Start};
    let first = staged::behind(files)?;
    let all = [Move::Install(Prepared), Move::Install(Promoted), Move::Rewrite, Move::Install(Pruned)];
    let done = match first {
        Start | Prepared => 0,
        Promoted => 1,
        Pruned => 3,
    };
    Some(all[done..].to_vec())
}

/// What a rotation leaves on every control plane while it lasts, so that anybody can go on with it. It holds no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Version of this file's format.
    pub format: u32,
    /// The version of forge that began it.
    pub forge: String,
    /// What this control plane has, for people; the file's own sum is what counts.
    pub stage: Stage,
    /// The provider that shall write.
    pub provider: String,
    /// The name of its key, or `identity`.
    pub to: String,
    /// Names of the keys that go.
    pub from: Vec<String>,
    /// SHA-256 of the four files, in lower-case hexadecimal.
    pub files: Files,
}

/// SHA-256 of a rotation's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Files {
    /// What was there before.
    pub start: String,
    /// See [`Stage::Prepared`].
    pub prepared: String,
    /// See [`Stage::Promoted`].
    pub promoted: String,
    /// See [`Stage::Pruned`].
    pub pruned: String,
}

impl Files {
    /// The earliest stage whose file has this sum: two of them may be alike, and then the earlier one has more left to do.
    pub fn stage(&self, sum: &str) -> Option<Stage> {
        self.stages(sum).next()
    }

    /// All stages whose file has this sum, the earliest first. Where encryption is turned off, what already reads plaintext
    /// has nothing to prepare: the first two are alike.
    fn stages(&self, sum: &str) -> impl Iterator<Item = Stage> {
        let files = [
            (Stage::Start, &self.start),
            (Stage::Prepared, &self.prepared),
            (Stage::Promoted, &self.promoted),
            (Stage::Pruned, &self.pruned),
        ];
        files.into_iter().filter(move |(_, file)| *file == sum).map(|(stage, _)| stage)
    }
}

/// The rotation that left files with these sums; see [`staged::begun`]. A file that stands for two stages is that of the later
/// one where another control plane has come further.
pub fn begun<'a>(journals: &'a [Journal], sums: &[&str]) -> Option<(&'a Journal, Vec<Stage>)> {
    let (journal, mut stages) = staged::begun(journals, sums, |journal, sum| journal.files.stage(sum))?;
    let furthest = stages.iter().copied().max()?;
    for (stage, sum) in stages.iter_mut().zip(sums) {
        let near = |near: &Stage| staged::behind(&[*near, furthest]).is_some();
        *stage = journal.files.stages(sum).find(near).unwrap_or(*stage);
    }
    Some((journal, stages))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::cluster::EncryptionProvider;
    use crate::kube::encryption::{EncryptionFile, EncryptionKey, Provider, Writer};
    use crate::secret::Secret;

    fn journal(name: &str) -> Journal {
        let sum = |stage: &str| format!("{name}-{stage}");
        Journal {
            format: 1,
            forge: "0.1.0".to_owned(),
            stage: Stage::Start,
            provider: "secretbox".to_owned(),
            to: name.to_owned(),
            from: Vec::new(),
            files: Files {
                start: "old".to_owned(),
                prepared: sum("prepared"),
                promoted: sum("promoted"),
                pruned: sum("pruned"),
            },
        }
    }

    #[test]
    fn what_is_left_follows_from_the_files_alone() {
        use Move::{Install, Rewrite};
        use Stage::{Prepared, Promoted, Pruned, Start};
        let whole = vec![Install(Prepared), Install(Promoted), Rewrite, Install(Pruned)];
        let table: &[(&[Stage], Option<Vec<Move>>)] = &[
            (&[Start, Start, Start], Some(whole.clone())),
            (&[Start, Prepared, Start], Some(whole.clone())),
            (&[Prepared, Prepared, Prepared], Some(whole.clone())),
            (&[Prepared, Promoted, Prepared], Some(whole.clone())),
            (&[Promoted, Promoted, Promoted], Some(whole[1..].to_vec())),
            (&[Promoted, Pruned, Promoted], Some(whole[1..].to_vec())),
            (&[Pruned, Pruned, Pruned], Some(whole[3..].to_vec())),
            (&[Start, Promoted], None),
            (&[Prepared, Pruned], None),
            (&[Start, Prepared, Promoted], None),
            (&[], None),
        ];
        for (files, expected) in table {
            assert_eq!(moves(files), *expected, "{files:?}");
        }
    }

    #[test]
    fn a_journal_counts_when_one_of_its_own_files_is_there() {
        let (one, two) = (journal("one"), journal("two"));
        let journals = [one, two];
        let found = |sums: &[&str]| begun(&journals, sums).map(|(journal, stages)| (journal.to.clone(), stages));
        assert_eq!(found(&["old", "old"]), None, "cut off before the key was anywhere");
        assert_eq!(
            found(&["two-prepared", "old"]),
            Some(("two".to_owned(), vec![Stage::Prepared, Stage::Start])),
            "the other one never began"
        );
        assert_eq!(found(&["two-prepared", "one-prepared"]), None);
        assert_eq!(found(&["two-pruned", "somebody's own"]), None);
    }

    #[test]
    fn of_two_stages_with_the_same_file_the_one_with_more_to_do_counts() {
        let mut files = journal("off").files;
        files.prepared = files.start.clone();
        assert_eq!(files.stage("old"), Some(Stage::Start));
        files.pruned = files.promoted.clone();
        assert_eq!(files.stage("off-promoted"), Some(Stage::Promoted));
    }

    #[test]
    fn where_another_is_further_a_file_of_two_stages_is_that_of_the_later_one() {
        use Stage::{Prepared, Promoted, Pruned, Start};
        let mut off = journal("off");
        off.files.prepared = off.files.start.clone();
        let journals = [off];
        let found = |sums: &[&str]| begun(&journals, sums).map(|(_, stages)| stages);
        assert_eq!(found(&["off-promoted", "off-promoted", "old"]), Some(vec![Promoted, Promoted, Prepared]));
        assert_eq!(found(&["off-promoted", "off-pruned", "off-promoted"]), Some(vec![Promoted, Pruned, Promoted]));
        assert_eq!(found(&["off-pruned", "old", "old"]), Some(vec![Pruned, Start, Start]), "nobody's rotation");
        assert_eq!(found(&["old", "old", "old"]), None);
    }

    /// An API server: the file on its disk, and what it has loaded of it.
    struct Server {
        file: Stage,
        loaded: Stage,
    }

    /// Control planes and what is in etcd, by the name of the key of each value.
    struct World {
        lists: [EncryptionFile; 4],
        servers: Vec<Server>,
        etcd: Vec<String>,
    }

    impl World {
        fn new(start: &EncryptionFile, writer: &Writer, servers: usize) -> Self {
            let prepared = start.reads(writer);
            let lists = [start.clone(), prepared.clone(), prepared.writes(writer), prepared.only(writer)];
            let servers = (0..servers).map(|_| Server { file: Stage::Start, loaded: Stage::Start }).collect();
            let first = start.first().unwrap().name().to_owned();
            Self { lists, servers, etcd: vec![first; 8] }
        }

        fn list(&self, stage: Stage) -> &EncryptionFile {
            &self.lists[stage as usize]
        }

        /// Every API server can read every value, those that any other may write from now on included.
        fn assert_readable(&self) {
            let writers = self.servers.iter().filter_map(|server| self.list(server.loaded).first());
            let names: Vec<String> =
                writers.map(|writer| writer.name().to_owned()).chain(self.etcd.iter().cloned()).collect();
            for server in &self.servers {
                for name in &names {
                    assert!(self.list(server.loaded).entry(name).is_some(), "{name} cannot be read");
                }
            }
        }

        /// Somebody writes through a server.
        fn write(&mut self, server: usize, value: usize) {
            let loaded = self.servers[server % self.servers.len()].loaded;
            let name = self.list(loaded).first().unwrap().name().to_owned();
            let index = value % self.etcd.len();
            self.etcd[index] = name;
        }

        /// One server notices its file.
        fn reload(&mut self, server: usize) {
            let index = server % self.servers.len();
            self.servers[index].loaded = self.servers[index].file;
        }

        /// One run of forge, killed after `steps` single changes; `true` when it came to its end before that.
        fn run(&mut self, mut steps: usize, chance: &mut impl FnMut() -> usize, writer: &Writer) -> bool {
            let files: Vec<Stage> = self.servers.iter().map(|server| server.file).collect();
            let mut change = |world: &mut Self, chance: &mut dyn FnMut() -> usize| {
                world.reload(chance());
                world.write(chance(), chance());
                world.assert_readable();
                steps = steps.saturating_sub(1);
                steps > 0
            };
            for step in moves(&files).unwrap() {
                match step {
                    Move::Install(stage) => {
                        for index in 0..self.servers.len() {
                            self.servers[index].file = self.servers[index].file.max(stage);
                            if !change(self, chance) {
                                return false;
                            }
                        }
                        // Waits for all of them.
                        for index in 0..self.servers.len() {
                            self.reload(index);
                            if !change(self, chance) {
                                return false;
                            }
                        }
                    }
                    Move::Rewrite => {
                        for value in 0..self.etcd.len() {
                            self.write(0, value);
                            if !change(self, chance) {
                                return false;
                            }
                        }
                        assert!(self.etcd.iter().all(|name| name == writer.name()), "rewritten, yet {:?}", self.etcd);
                    }
                }
            }
            true
        }
    }

    fn key(kind: EncryptionProvider, name: &str) -> (Writer, Provider) {
        let key = EncryptionKey { name: name.to_owned(), secret: Secret::new(vec![1; 32]) };
        (Writer::Key(kind, key.clone()), Provider::Local { kind, keys: vec![key] })
    }

    proptest! {
        /// Whatever reloads late, whoever writes meanwhile, wherever forge dies and however often: no value and no API server
        /// is ever at odds, and the run that is not killed ends with the new key alone.
        #[test]
        fn killed_anywhere_every_server_reads_everything(
            servers in 1_usize..4,
            case in 0_usize..4,
            kills in prop::collection::vec(1_usize..40, 0..5),
            mut chances in prop::collection::vec(any::<usize>(), 1..200),
        ) {
            let (new, _) = key(EncryptionProvider::Secretbox, "new");
            let (_, old) = key(EncryptionProvider::Secretbox, "old");
            let (_, other) = key(EncryptionProvider::Aescbc, "old");
            let (providers, writer) = match case {
                0 => (vec![old, Provider::Identity], new),
                1 => (vec![other, Provider::Identity], new),
                2 => (vec![Provider::Identity], new),
                _ => (vec![old, Provider::Identity], Writer::Plaintext),
            };
            let start = EncryptionFile { resources: vec!["secrets".to_owned()], providers };
            let mut world = World::new(&start, &writer, servers);
            let mut chance = move || {
                chances.rotate_left(1);
                chances[0]
            };
            for kill in kills {
                world.run(kill, &mut chance, &writer);
            }
            prop_assert!(world.run(usize::MAX, &mut chance, &writer));
            prop_assert!(world.servers.iter().all(|server| server.loaded == Stage::Pruned));
            prop_assert!(world.etcd.iter().all(|name| name == writer.name()));
        }
    }
}
