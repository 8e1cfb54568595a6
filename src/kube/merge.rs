//! Merges a user's settings over ours, and tells which of ours they replaced.

use serde_json::{Map, Value};

/// Lists whose entries have a `name` and are merged by it; every other list is replaced as a whole.
pub(super) const NAMED_LISTS: [&str; 4] = ["extraArgs", "extraEnvs", "extraVolumes", "kubeletExtraArgs"];

/// One of our values that the user's settings changed or removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Replaced {
    /// Where, with dots: `apiServer.extraArgs.profiling`.
    pub path: String,
    /// What forge would have set.
    pub ours: Value,
    /// What is set now; `null` when it was removed.
    pub theirs: Value,
}

/// `patch` over `base` as in RFC 7386: objects key by key, `null` removes, anything else replaces.
///
/// kubeadm's lists of named entries (`extraArgs` and the like) are objects in all but form and merged as such: an entry
/// replaces ours of the same name, `value: null` removes it. Names may repeat, as kubeadm allows.
#[must_use]
pub fn merge(base: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut merged = base.as_object().cloned().unwrap_or_default();
    for (key, theirs) in patch {
        match (merged.get(key), theirs) {
            (_, Value::Null) => {
                // Not swap_remove: what is left keeps its order.
                merged.shift_remove(key);
            }
            (ours, Value::Array(theirs)) if NAMED_LISTS.contains(&key.as_str()) => {
                let ours = ours.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let list = merge_named(ours, theirs);
                merged.insert(key.clone(), Value::Array(list));
            }
            (ours, theirs) => {
                let value = merge(ours.unwrap_or(&Value::Null), theirs);
                merged.insert(key.clone(), value);
            }
        }
    }
    Value::Object(merged)
}

/// Ours without the names that are in theirs, then theirs.
fn merge_named(ours: &[Value], theirs: &[Value]) -> Vec<Value> {
    let is_theirs = |entry: &&Value| theirs.iter().any(|other| name_of(other) == name_of(entry));
    let kept = ours.iter().filter(|entry| !is_theirs(entry));
    kept.chain(theirs).filter(|entry| entry.get("value") != Some(&Value::Null)).cloned().collect()
}

fn name_of(entry: &Value) -> Option<&str> {
    entry.get("name").and_then(Value::as_str)
}

/// Every value of `base` that `patch` changes or removes, in the order of `base`.
pub fn replaced(base: &Value, patch: &Value) -> Vec<Replaced> {
    let mut found = Vec::new();
    if let (Value::Object(base), Value::Object(patch)) = (base, patch) {
        compare(&mut found, "", base, &merge(&Value::Object(base.clone()), &Value::Object(patch.clone())));
    }
    found
}

fn compare(found: &mut Vec<Replaced>, prefix: &str, ours: &Map<String, Value>, theirs: &Value) {
    for (key, ours) in ours {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let theirs = theirs.get(key).unwrap_or(&Value::Null);
        match (ours, theirs) {
            (ours, theirs) if ours == theirs => {}
            (Value::Object(ours), _) => compare(found, &path, ours, theirs),
            (Value::Array(ours), theirs) if NAMED_LISTS.contains(&key.as_str()) => {
                let theirs = theirs.as_array().map(Vec::as_slice).unwrap_or_default();
                compare(found, &path, &by_name(ours), &Value::Object(by_name(theirs)));
            }
            _ => found.push(Replaced { path, ours: ours.clone(), theirs: theirs.clone() }),
        }
    }
}

/// `name` → `value`, or the whole entry where there is no value; a list when the name repeats.
pub(super) fn by_name(entries: &[Value]) -> Map<String, Value> {
    let mut map: Map<String, Value> = Map::new();
    for entry in entries {
        let Some(name) = name_of(entry) else { continue };
        let value = entry.get("value").unwrap_or(entry).clone();
        match map.get_mut(name) {
            None => {
                map.insert(name.to_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    map
}
