//! Whether the file has the shape of the schema: unknown, missing and duplicate keys, wrong types and unknown words, all
//! of them in one go.

use std::ops::Range;

use serde_json::Value;

use super::finding::Findings;
use super::schema::schema;
use super::source::{Node, Tree};

/// What later versions will know. A setting that does nothing is worse than an error.
const LATER: [&str; 1] = ["security.encryption.provider.kms"];

/// Stands in a path for an item of a list, and is not shown: the label points at the item.
const ITEM: &str = "[]";

/// Finds everything in which the file differs from the schema.
pub(super) fn check(findings: &mut Findings<'_>) {
    let schema = schema();
    let root = &findings.source.root;
    if matches!(root.tree, Tree::Null) {
        findings.add("the inventory is empty").help(
            "`hosts` is all that one must write, for example\n\
             hosts:\n  cp1: {address: 192.0.2.11, roles: [control-plane, worker]}",
        );
        return;
    }
    let mut walk = Walk { findings, root: &schema, path: Vec::new() };
    walk.node(root, &schema, &root.place);
}

struct Walk<'a, 'f> {
    findings: &'a mut Findings<'f>,
    root: &'a Value,
    path: Vec<String>,
}

impl Walk<'_, '_> {
    /// `key` is where a collection is shown: at its key.
    fn node(&mut self, node: &Node, schema: &Value, key: &Range<usize>) {
        let schema = alternative(schema, node);
        let place = if matches!(node.tree, Tree::List(_) | Tree::Map(_) | Tree::Null) { key } else { &node.place };
        match &node.tree {
            Tree::Map(entries) => self.duplicates(entries.iter().map(|entry| (entry.key.as_str(), &entry.place))),
            Tree::Text(word) if !words(schema).is_empty() => return self.word(word, schema, place),
            _ => {}
        }
        if !accepts(schema, &node.tree) {
            return self.wrong_type(node, schema, place);
        }
        match &node.tree {
            Tree::Map(entries) => {
                for entry in entries {
                    self.path.push(entry.key.clone());
                    match property(schema, &entry.key) {
                        Some(inner) => self.node(&entry.value, inner, &entry.place),
                        None => self.unknown(&entry.key, schema, &entry.place),
                    }
                    self.path.pop();
                }
                self.missing(entries.iter().map(|entry| entry.key.as_str()).collect(), schema, key);
            }
            Tree::List(items) => {
                if (items.len() as u64) < schema["minItems"].as_u64().unwrap_or(0) {
                    self.add(format!("`{}` must not be empty", self.shown()), place, "");
                }
                for item in items {
                    self.path.push(ITEM.to_owned());
                    self.node(item, &schema["items"], if item.place.is_empty() { key } else { &item.place });
                    self.path.pop();
                }
            }
            Tree::Integer(number) => self.range(*number, schema, place),
            _ => {}
        }
    }

    fn shown(&self) -> String {
        let keys = self.path.iter().map(String::as_str).filter(|step| *step != ITEM);
        keys.collect::<Vec<_>>().join(".")
    }

    fn add(&mut self, message: String, place: &Range<usize>, label: &str) -> &mut super::Finding {
        let place = Some(place.clone()).filter(|place| !place.is_empty());
        self.findings.add(message).label(place, label)
    }

    fn duplicates<'k>(&mut self, keys: impl Iterator<Item = (&'k str, &'k Range<usize>)>) {
        let mut seen = std::collections::HashMap::new();
        for (key, place) in keys {
            match seen.get(key) {
                Some(&first) => {
                    let finding = self.add(format!("the key `{key}` stands here twice"), place, "again");
                    finding.label(Some(Range::clone(first)), "first here");
                }
                None => _ = seen.insert(key, place),
            }
        }
    }

    fn unknown(&mut self, key: &str, schema: &Value, place: &Range<usize>) {
        let path = self.shown();
        if LATER.contains(&path.as_str()) {
            self.add(format!("`{path}` is not supported by this version"), place, "does nothing yet")
                .help("take it out; forge refuses settings that it does not act on");
            return;
        }
        let known: Vec<&str> = properties(schema).map(|(name, _)| name).collect();
        let near = nearest(key, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
        let help = near.or_else(|| elsewhere(self.root, key).map(|path| format!("`{key}` stands under `{path}`")));
        let help = help.unwrap_or_else(|| format!("known here: {}", known.join(", ")));
        self.add(format!("unknown key `{key}`"), place, "").help(help);
    }

    fn missing(&mut self, present: Vec<&str>, schema: &Value, place: &Range<usize>) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let known = |key: &str| schema["properties"].get(key).is_some();
            let misspelt = |key: &&str| !known(key) && nearest(key, [name].into_iter()).is_some();
            if present.contains(&name) || present.iter().any(misspelt) {
                continue;
            }
            let message = match self.path.is_empty() {
                true => format!("the inventory has no `{name}`"),
                false => format!("`{}` has no `{name}`", self.shown()),
            };
            let words = schema["properties"][name]["description"].as_str().unwrap_or_default().to_owned();
            self.add(message, place, "").help(format!("{name}: {words}"));
        }
    }

    fn word(&mut self, word: &str, schema: &Value, place: &Range<usize>) {
        let known = words(schema);
        if known.contains(&word) {
            return;
        }
        let path = self.shown();
        if LATER.contains(&format!("{path}.{word}").as_str()) {
            self.add(format!("`{word}` is not supported by this version"), place, "")
                .help(format!("one of {}", known.join(", ")));
            return;
        }
        let near = nearest(word, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
        let finding = self.add(format!("`{path}` cannot be `{word}`"), place, "");
        finding.help(near.unwrap_or_else(|| format!("one of {}", known.join(", "))));
    }

    fn wrong_type(&mut self, node: &Node, schema: &Value, place: &Range<usize>) {
        let wanted: Vec<_> = types(schema).filter(|name| *name != "null").map(type_words).collect();
        let found = match node.tree {
            Tree::Null => "nothing",
            Tree::Bool => "a boolean",
            Tree::Integer(_) | Tree::Float => "a number",
            Tree::Text(_) => "text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a mapping",
        };
        let of = if self.path.is_empty() { "the inventory".to_owned() } else { format!("`{}`", self.shown()) };
        let finding = self.add(format!("{of} must be {}", wanted.join(" or ")), place, &format!("this is {found}"));
        if matches!(node.tree, Tree::Bool) && types(schema).any(|name| name == "string") {
            finding.help("put it in quotes");
        }
    }

    fn range(&mut self, number: i128, schema: &Value, place: &Range<usize>) {
        if !types(schema).any(|name| name == "integer") || types(schema).any(|name| name == "string") {
            return;
        }
        let least = schema["minimum"].as_i64().map_or(i128::MIN, i128::from);
        let most = schema["maximum"].as_i64().map_or(u32::MAX.into(), i128::from);
        if !(least..=most).contains(&number) {
            self.add(format!("`{}` must be from {least} to {most}", self.shown()), place, "");
        }
    }
}

/// The alternative of `X or null` that fits.
fn alternative<'s>(schema: &'s Value, node: &Node) -> &'s Value {
    let mut alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let wants_null = matches!(node.tree, Tree::Null);
    alternatives.find(|one| (one["type"] == "null") == wants_null).unwrap_or(schema)
}

fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let one = schema["type"].as_str();
    let several = schema["type"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let words = (one.is_none() && !words(schema).is_empty()).then_some("string");
    one.into_iter().chain(words).chain(several)
}

fn accepts(schema: &Value, tree: &Tree) -> bool {
    let mut types = types(schema).peekable();
    types.peek().is_none()
        || types.any(|name| match tree {
            Tree::Null => name == "null",
            Tree::Bool => name == "boolean",
            // A version or a label value without quotes arrives letter by letter as it is written.
            Tree::Integer(_) => name == "integer" || name == "string",
            Tree::Float | Tree::Text(_) => name == "string",
            Tree::List(_) => name == "array",
            Tree::Map(_) => name == "object",
        })
}

fn type_words(name: &str) -> &str {
    match name {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "text",
        "integer" => "a whole number",
        "boolean" => "true or false",
        other => other,
    }
}

/// The words that an enumeration allows; none when it is not one.
fn words(schema: &Value) -> Vec<&str> {
    let plain = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let described = schema["oneOf"].as_array().into_iter().flatten().flat_map(words);
    plain.chain(described).chain(schema["const"].as_str()).collect()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    schema["properties"].as_object().into_iter().flatten().map(|(name, inner)| (name.as_str(), inner))
}

fn property<'s>(schema: &'s Value, key: &str) -> Option<&'s Value> {
    schema["properties"].get(key).or_else(|| match &schema["additionalProperties"] {
        Value::Bool(false) => None,
        other => Some(other),
    })
}

fn nearest<'n>(word: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &name.to_lowercase());
    let ranked = known.map(|name| (distance(name), name)).min()?;
    (ranked.0 <= 1.max(word.chars().count() / 3)).then_some(ranked.1)
}

/// The section that has the key, when another one does.
fn elsewhere(schema: &Value, key: &str) -> Option<String> {
    properties(schema).find_map(|(name, inner)| {
        if inner["properties"].get(key).is_some() {
            return Some(name.to_owned());
        }
        elsewhere(inner, key).map(|path| format!("{name}.{path}"))
    })
}
