//! The text of the inventory, and where in it each key and value stands.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::finding::{Finding, Invalid};
use crate::yaml::{self, Duplicates, Spanned};

/// One inventory file.
#[derive(Debug)]
pub(super) struct Source {
    /// The text as a tree.
    pub(super) root: Node,
}

/// A YAML value and its place.
#[derive(Debug)]
pub(super) struct Node {
    /// Bytes of the text; for a list or a mapping no more than where it begins.
    pub(super) place: Range<usize>,
    /// What is there.
    pub(super) tree: Tree,
}

/// A YAML value as it is written, duplicate keys included, aliases and merge keys resolved.
#[derive(Debug)]
pub(super) enum Tree {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float,
    /// Everything else that is not a collection.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Debug)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Where the key stands.
    pub(super) place: Range<usize>,
    /// What it has.
    pub(super) value: Node,
}

impl Source {
    /// Reads the text as YAML. `name` is the file as the user named it.
    ///
    /// # Errors
    /// The first thing that is not YAML.
    pub(super) fn new(name: &str, text: &str) -> Result<Self, Invalid> {
        match yaml::from_str_with::<Spanned<Tree>>(text, Duplicates::KeepAll) {
            Ok(root) => Ok(Self { root: node(root) }),
            Err(error) => {
                let mut finding = Finding { message: "this is not YAML".to_owned(), ..Finding::default() };
                finding.label(error.place.map(|place| character(text, place.offset)), error.message);
                Err(Invalid::new(name, text, vec![finding]))
            }
        }
    }

    /// The place of what stands at `path`: a scalar's own, a collection's key. `None` when the file does not have it.
    pub(super) fn value(&self, path: &[&str]) -> Option<Range<usize>> {
        self.find(path).map(|(key, node)| match node.tree {
            Tree::List(_) | Tree::Map(_) | Tree::Null => key.unwrap_or_else(|| node.place.clone()),
            _ => node.place.clone(),
        })
    }

    /// The place of the last key of `path`.
    pub(super) fn key(&self, path: &[&str]) -> Option<Range<usize>> {
        self.find(path).and_then(|(key, _)| key)
    }

    fn find(&self, path: &[&str]) -> Option<(Option<Range<usize>>, &Node)> {
        path.iter().try_fold((None, &self.root), |(_, node), step| match &node.tree {
            Tree::Map(entries) => {
                entries.iter().find(|entry| entry.key == *step).map(|entry| (Some(entry.place.clone()), &entry.value))
            }
            Tree::List(items) => items.get(step.parse::<usize>().ok()?).map(|item| (None, item)),
            _ => None,
        })
    }
}

/// The bytes of the character with this number.
fn character(text: &str, number: u64) -> Range<usize> {
    let found = text.char_indices().nth(usize::try_from(number).unwrap_or(usize::MAX));
    found.map_or(text.len()..text.len(), |(start, letter)| start..start + letter.len_utf8())
}

fn place<T>(spanned: &Spanned<T>) -> Range<usize> {
    let span = spanned.referenced.span();
    let start = span.byte_offset().unwrap_or_default() as usize;
    start..start + span.byte_len().unwrap_or_default() as usize
}

fn node(spanned: Spanned<Tree>) -> Node {
    Node { place: place(&spanned), tree: spanned.value }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Bool)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Tree, E> {
        Ok(i128::try_from(value).map_or(Tree::Float, Tree::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(node(item));
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = access.next_entry::<Spanned<String>, _>()? {
            entries.push(Entry { place: place(&key), key: key.value, value: node(value) });
        }
        Ok(Tree::Map(entries))
    }
}
