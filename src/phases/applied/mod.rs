//! Sets of objects that are kept in the cluster: what the inventory says is applied, what somebody changed is put back, and
//! what the inventory no longer says is deleted.

mod applying;
mod difference;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Site, id};
use crate::error::{Exit, Problem};
use crate::host::{Script, quote};
use crate::inventory::cluster::{Host, Manifest};
use crate::kube::applied::{ObjectRef, Record};
use crate::plan::{Step, StepId, Work};
use crate::secret::Secret;

/// Objects that belong together and come from the same part of the inventory.
pub struct Set {
    /// The step's name, and the value of the label that its objects get.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// Namespaces that must be there. They are created when they are not, and never deleted.
    pub namespaces: Vec<String>,
    /// Where the objects come from, in the order in which they are applied.
    pub sources: Vec<Source>,
}

/// One source of objects.
pub struct Source {
    /// For people, and its name in the record.
    pub title: String,
    /// What it holds.
    pub content: Content,
}

/// What a source holds.
#[derive(Clone)]
pub enum Content {
    /// An object of forge's own: nobody else has anything to add to it.
    Ours(Value),
    /// The user's file.
    File(Secret),
    /// Fetched by the host and compared with its pin.
    Url {
        /// After the table of mirrors.
        url: String,
        /// 64 hexadecimal digits.
        sha256: String,
    },
}

impl Source {
    /// An object of forge's own.
    pub fn ours(object: Value) -> Self {
        let title = ObjectRef::of(&object).map_or_else(String::new, |name| name.to_string());
        Self { title, content: Content::Ours(object) }
    }

    /// A manifest of the inventory; files are read here.
    ///
    /// # Errors
    /// The file cannot be read or is not YAML.
    pub fn manifest(manifest: &Manifest, site: Site<'_>) -> Result<Self, Problem> {
        match manifest {
            Manifest::Path(path) => {
                let shown = path.strip_prefix(&site.cluster.directory).unwrap_or(path).display();
                let content = std::fs::read(path).map_err(|error| {
                    Problem::new(Exit::Inventory, format!("{} cannot be read", path.display())).cause(error)
                })?;
                let content = Content::File(Secret::new(content));
                let source = Self { title: format!("manifest {shown}"), content };
                source.objects().map_err(|cause| {
                    Problem::new(Exit::Inventory, format!("{shown} is not a manifest")).cause(cause)
                })?;
                Ok(source)
            }
            Manifest::Url { url, sha256 } => {
                let content = Content::Url { url: site.cluster.sources.rewrite(url), sha256: sha256.clone() };
                Ok(Self { title: format!("manifest {url}"), content })
            }
        }
    }

    fn hash(&self) -> String {
        match &self.content {
            Content::Ours(object) => Secret::new(object.to_string()).sha256(),
            Content::File(text) => text.sha256(),
            Content::Url { sha256, .. } => sha256.clone(),
        }
    }

    /// The names of its objects; `None` when only the host will know them.
    fn objects(&self) -> Result<Option<Vec<ObjectRef>>, String> {
        match &self.content {
            Content::Ours(object) => Ok(Some(ObjectRef::of(object).into_iter().collect())),
            Content::Url { .. } => Ok(None),
            Content::File(text) => {
                let text = std::str::from_utf8(text.expose()).map_err(|error| error.to_string())?;
                let documents = crate::yaml::documents(text).map_err(|error| error.to_string())?;
                let mut names = Vec::new();
                for document in &documents {
                    match document["items"].as_array().filter(|_| document["kind"] == "List") {
                        Some(items) => names.extend(items.iter().filter_map(ObjectRef::of)),
                        None => names.push(ObjectRef::of(document).ok_or("an object in it has no kind or no name")?),
                    }
                }
                if names.is_empty() { Err("there is no object in it".to_owned()) } else { Ok(Some(names)) }
            }
        }
    }
}

impl Set {
    /// Source → hash of what it holds: what the record has to say for nothing to be applied.
    pub fn hashes(&self) -> BTreeMap<String, String> {
        self.sources.iter().map(|source| (source.title.clone(), source.hash())).collect()
    }

    /// The step, when the cluster is not as this set says.
    ///
    /// # Errors
    /// A source holds no objects.
    pub fn step(self, server: &Host, needs: Vec<StepId>, site: Site<'_>) -> Result<Option<Step>, Problem> {
        let living = site.facts.living.as_ref();
        let text = living.and_then(|living| living.record.get(&Record::key(self.name)));
        let record = text.map_or_else(Record::default, |text| Record::parse(text));
        let live = living.map_or(&[][..], |living| &living.objects);
        let changes = difference::changes(&self, &record, live)
            .map_err(|cause| Problem::new(Exit::Inventory, format!("{} cannot be read", self.title)).cause(cause))?;
        if changes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Step {
            id: id(server, self.name),
            title: self.title.to_owned(),
            runs_on: server.name.clone(),
            needs,
            after: Vec::new(),
            changes,
            work: Work::Talk(Box::new(applying::Applying::new(self, server, record, live.to_vec()))),
        }))
    }
}

/// Puts what a source holds at `$FORGE/NAME`: it travels with the script, or the host fetches it and compares it with its pin.
pub(super) fn put(script: Script, name: &str, content: Content) -> Script {
    match content {
        Content::Ours(object) => script.file(name, Secret::new(object.to_string())),
        Content::File(text) => script.file(name, text),
        Content::Url { url, sha256 } => {
            let url = quote(&url);
            script.line(format!(
                "mkdir -p \"$FORGE\"\n/usr/lib/apt/apt-helper download-file {url} \"$FORGE/{name}\" SHA256:{sha256}"
            ))
        }
    }
}
