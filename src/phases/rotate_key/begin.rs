//! A rotation as a value: begun with a new key, or taken up again from what the control planes have.

use std::collections::BTreeMap;

use super::super::control_planes::cannot_go_on;
use super::judge::Standing;
use crate::error::{Exit, Problem};
use crate::inventory::NodeName;
use crate::inventory::cluster::EncryptionProvider;
use crate::kube::encryption::rotation::{Files, Journal, Stage};
use crate::kube::encryption::{EncryptionFile, EncryptionKey, Writer, key_name};
use crate::kube::staged::FORMAT;
use crate::phases::unrendered;
use crate::render::Templates;
use crate::secret::Secret;

/// What the command line or the inventory asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The provider; `None` is plaintext.
    pub provider: Option<EncryptionProvider>,
    /// What a cluster without encryption begins to encrypt.
    pub resources: Vec<String>,
    /// `20261124`: part of a new key's name.
    pub day: String,
}

/// A rotation that can be carried out.
#[derive(Debug)]
pub struct Rotation {
    /// As it is written to the control planes.
    pub journal: Journal,
    /// What will write.
    pub writer: Writer,
    /// What is encrypted.
    pub resources: Vec<String>,
    files: BTreeMap<Stage, Secret>,
    at: BTreeMap<NodeName, Stage>,
}

impl Rotation {
    /// The control plane whose file has all that is needed to go on; `None` when there are none.
    pub fn read_from(standing: &Standing, first: Option<&NodeName>) -> Option<NodeName> {
        let Standing::Begun(_, at) = standing else { return first.cloned() };
        // The old and the new key are in the file in between only; while some lack it, in the first list that has both.
        let middle = at.iter().filter(|(_, stage)| matches!(stage, Stage::Prepared | Stage::Promoted));
        middle.min_by_key(|(_, stage)| **stage).or_else(|| at.iter().next_back()).map(|(name, _)| name.clone())
    }

    /// Begins one from the file that all control planes have. `None` when that is what is wanted.
    ///
    /// # Errors
    /// The file cannot be used, the operating system has no randomness, or the template does not render.
    pub fn begin(text: &Secret, wanted: &Wanted, templates: &Templates) -> Result<Option<Self>, Problem> {
        let mut start = understood(text)?;
        let names = start.key_names().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let writer = match wanted.provider {
            None if names.is_empty() => return Ok(None),
            None => Writer::Plaintext,
            Some(kind) => {
                let key = key_name(&wanted.day)
                    .and_then(EncryptionKey::generate)
                    .map_err(|error| Problem::new(Exit::Failed, "no encryption key could be made").cause(error))?;
                Writer::Key(kind, key)
            }
        };
        if names.is_empty() {
            start.resources.clone_from(&wanted.resources);
        }
        let render = |file: &EncryptionFile| file.render(templates).map_err(unrendered);
        let prepared = start.reads(&writer);
        let files = [
            (Stage::Prepared, render(&prepared)?),
            (Stage::Promoted, render(&prepared.writes(&writer))?),
            (Stage::Pruned, render(&prepared.only(&writer))?),
        ];
        let [prepared, promoted, pruned] = files.each_ref().map(|(_, file)| file.sha256());
        let journal = Journal {
            format: FORMAT,
            forge: env!("CARGO_PKG_VERSION").to_owned(),
            stage: Stage::Start,
            provider: writer.provider().to_owned(),
            to: writer.name().to_owned(),
            from: names,
            files: Files { start: text.sha256(), prepared, promoted, pruned },
        };
        let files = files.into_iter().collect();
        Ok(Some(Self { journal, writer, resources: start.resources, files, at: BTreeMap::new() }))
    }

    /// Takes one up again from the file of [`Rotation::read_from`].
    ///
    /// # Errors
    /// The file is not what the journal says, or this forge would write the rest differently.
    pub fn go_on(
        text: &Secret,
        journal: Journal,
        at: BTreeMap<NodeName, Stage>,
        templates: &Templates,
    ) -> Result<Self, Problem> {
        let differs = |what: &str| {
            cannot_go_on(&journal.forge, what)
                .next(format!("run forge {} again: it goes on where it was", journal.forge))
        };
        let found = journal.files.stage(&text.sha256()).ok_or_else(|| differs("the file is another one now"))?;
        let file = understood(text)?;
        let writer = file.entry(&journal.to).ok_or_else(|| differs("its key is not in the file"))?;
        let mut files: BTreeMap<Stage, Secret> = [(found, text.clone())].into();
        let later = [
            (Stage::Promoted, file.writes(&writer), &journal.files.promoted),
            (Stage::Pruned, file.only(&writer), &journal.files.pruned),
        ];
        for (stage, later, sum) in later.into_iter().filter(|(stage, ..)| *stage > found) {
            let text = later.render(templates).map_err(unrendered)?;
            if text.sha256() != *sum {
                return Err(differs("this one would write the next file differently"));
            }
            files.insert(stage, text);
        }
        Ok(Self { journal, writer, resources: file.resources, files, at })
    }

    /// Which file a control plane has.
    pub fn stage(&self, host: &NodeName) -> Stage {
        self.at.get(host).copied().unwrap_or(Stage::Start)
    }

    /// A stage's file, where it may still have to be written.
    pub(super) fn file(&self, stage: Stage) -> Option<&Secret> {
        self.files.get(&stage)
    }

    /// A stage's SHA-256.
    pub(super) fn sum(&self, stage: Stage) -> &str {
        let files = &self.journal.files;
        match stage {
            Stage::Start => &files.start,
            Stage::Prepared => &files.prepared,
            Stage::Promoted => &files.promoted,
            Stage::Pruned => &files.pruned,
        }
    }

    /// The journal as a control plane has it at a stage.
    pub(super) fn journal_at(&self, stage: Stage) -> String {
        let journal = Journal { stage, ..self.journal.clone() };
        serde_json::to_string_pretty(&journal).unwrap_or_default() + "\n"
    }
}

fn understood(text: &Secret) -> Result<EncryptionFile, Problem> {
    EncryptionFile::parse(text).map_err(|why| {
        Problem::new(Exit::Preflight, "forge cannot rotate this encryption configuration")
            .cause(why)
            .next("forge rotates local keys of secretbox, aescbc and aesgcm, in one group of resources")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  \
        providers:\n  - secretbox: {keys: [{name: key-20261124a, secret: BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=}]}\n  \
        - identity: {}\n";

    fn wanted(provider: Option<EncryptionProvider>) -> Wanted {
        Wanted { provider, resources: vec!["secrets".to_owned(), "configmaps".to_owned()], day: "20261124".to_owned() }
    }

    fn templates() -> Templates {
        Templates::load(None).unwrap()
    }

    fn begun(provider: Option<EncryptionProvider>) -> Rotation {
        Rotation::begin(&Secret::new(OLD), &wanted(provider), &templates()).unwrap().unwrap()
    }

    #[test]
    fn a_new_key_has_a_name_that_none_had_and_the_journal_holds_no_key() {
        let rotation = begun(Some(EncryptionProvider::Secretbox));
        assert!(rotation.journal.to.starts_with("key-20261124-"), "{}", rotation.journal.to);
        assert_eq!(rotation.journal.from, ["key-20261124a"]);
        assert_eq!(rotation.resources, ["secrets"], "what is encrypted stays as it is");
        let Writer::Key(_, key) = &rotation.writer else { panic!() };
        let keys = String::from_utf8(rotation.file(Stage::Promoted).unwrap().expose().to_vec()).unwrap();
        let secret = keys.split("secret: \"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(key.secret.expose().len(), 32);
        assert!(!rotation.journal_at(Stage::Promoted).contains(secret));
    }

    #[test]
    fn a_run_that_goes_on_makes_the_same_files_from_any_of_them_and_no_new_key() {
        for provider in [Some(EncryptionProvider::Secretbox), Some(EncryptionProvider::Aescbc), None] {
            let first = begun(provider);
            let cp1 = NodeName::new("cp1").unwrap();
            for stage in [Stage::Prepared, Stage::Promoted, Stage::Pruned] {
                let text = first.file(stage).unwrap();
                let at: BTreeMap<_, _> = [(cp1.clone(), stage)].into();
                let again = Rotation::go_on(text, first.journal.clone(), at, &templates()).unwrap();
                assert_eq!(again.writer.prefix(), first.writer.prefix());
                for later in [Stage::Promoted, Stage::Pruned].into_iter().filter(|later| *later > stage) {
                    assert_eq!(again.file(later).unwrap().sha256(), first.sum(later));
                }
            }
        }
    }

    #[test]
    fn plaintext_that_shall_stay_plaintext_is_nothing_to_do() {
        let plain = Secret::new(OLD.replace(
            "  - secretbox: {keys: [{name: key-20261124a, secret: BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=}]}\n",
            "",
        ));
        assert!(Rotation::begin(&plain, &wanted(None), &templates()).unwrap().is_none());
        let first = Rotation::begin(&plain, &wanted(Some(EncryptionProvider::Aesgcm)), &templates()).unwrap().unwrap();
        assert_eq!(first.writer.prefix(), format!("k8s:enc:aesgcm:v1:{}:", first.journal.to));
        assert_eq!(first.resources, ["secrets", "configmaps"], "the inventory says what is encrypted from now on");
    }

    #[test]
    fn the_file_is_read_where_both_keys_are() {
        let name = |name: &str| NodeName::new(name).unwrap();
        let journal = begun(None).journal;
        let from = |stages: [Stage; 2]| {
            let at = [name("cp1"), name("cp2")].into_iter().zip(stages).collect();
            Rotation::read_from(&Standing::Begun(Box::new(journal.clone()), at), None).unwrap()
        };
        assert_eq!(from([Stage::Start, Stage::Prepared]), name("cp2"));
        assert_eq!(from([Stage::Promoted, Stage::Prepared]), name("cp2"));
        assert_eq!(from([Stage::Promoted, Stage::Pruned]), name("cp1"));
        assert_eq!(Rotation::read_from(&Standing::Still, Some(&name("cp1"))), Some(name("cp1")));
    }
}
