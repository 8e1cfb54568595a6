//! Makes of objects what is sent to the API server: labelled, and in an order that can work.

use serde_json::{Value, json};

use super::{Live, ObjectRef, Record, SET_LABEL};

/// Objects in the order in which they are applied.
#[derive(Debug, Default)]
pub struct Prepared {
    /// Namespaces and definitions of kinds, which others need.
    pub first: Vec<Value>,
    /// Everything else, in the order that it came in.
    pub then: Vec<Value>,
    /// The names of definitions among `first`, which the API server takes a moment to serve.
    pub definitions: Vec<Value>,
}

/// Labels the objects of a set and sorts them. Whatever is there without our label was there before forge: it is applied
/// without the label, which is what keeps forge from ever deleting it.
pub fn prepare(objects: Vec<Value>, set: &str, live: &[Live], record: &Record) -> Prepared {
    let mut prepared = Prepared::default();
    for mut object in objects {
        let name = ObjectRef::of(&object);
        let found = name.as_ref().and_then(|name| live.iter().find(|live| live.object.is(name)));
        let made_by_us = |live: &Live| {
            let noted =
                record.find(&live.object).is_some_and(|item| item.live.uid == live.uid && item.live.set.is_some());
            live.set.is_some() || noted
        };
        let foreign = found.is_some_and(|live| !made_by_us(live));
        label(&mut object, set, foreign);
        match object["kind"].as_str() {
            Some("CustomResourceDefinition") => {
                prepared.definitions.extend(name.map(|name| name.bare()));
                prepared.first.push(object);
            }
            Some("Namespace") => prepared.first.push(object),
            _ => prepared.then.push(object),
        }
    }
    prepared
}

fn label(object: &mut Value, set: &str, foreign: bool) {
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if !labels.is_object() {
        *labels = json!({});
    }
    if let Some(labels) = labels.as_object_mut() {
        if foreign {
            labels.shift_remove(SET_LABEL);
        } else {
            labels.insert(SET_LABEL.to_owned(), json!(set));
            labels.entry("app.kubernetes.io/managed-by").or_insert_with(|| json!("forge"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Item;
    use super::*;

    fn object(kind: &str, name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})
    }

    fn live(kind: &str, name: &str, set: &str) -> Live {
        Live::parse(&["v1", kind, "-", name, "u", "1", set, "f"]).unwrap()
    }

    #[test]
    fn what_others_need_comes_first() {
        let objects =
            vec![object("Widget", "w"), object("CustomResourceDefinition", "widgets"), object("Namespace", "n")];
        let prepared = prepare(objects, "manifests", &[], &Record::default());
        let names = |all: &[Value]| all.iter().map(|one| one["metadata"]["name"].clone()).collect::<Vec<_>>();
        assert_eq!(names(&prepared.first), ["widgets", "n"]);
        assert_eq!(names(&prepared.then), ["w"]);
        assert_eq!(prepared.definitions, [object("CustomResourceDefinition", "widgets")]);
    }

    #[test]
    fn only_what_forge_makes_is_labelled() {
        let record = |live: Live| Record { items: vec![Item { live, source: String::new() }], ..Record::default() };
        let labelled = |live: &[Live], record: &Record| {
            let prepared = prepare(vec![object("ConfigMap", "a")], "manifests", live, record);
            prepared.then[0]["metadata"]["labels"].to_string()
        };
        let ours = r#"{"forge/set":"manifests","app.kubernetes.io/managed-by":"forge"}"#;
        assert_eq!(labelled(&[], &Record::default()), ours);
        assert_eq!(labelled(&[live("ConfigMap", "a", "manifests")], &Record::default()), ours);
        assert_eq!(labelled(&[live("ConfigMap", "a", "-")], &Record::default()), "{}");
        // Somebody took the label away: it is ours all the same.
        assert_eq!(labelled(&[live("ConfigMap", "a", "-")], &record(live("ConfigMap", "a", "manifests"))), ours);
        assert_eq!(labelled(&[live("ConfigMap", "a", "-")], &record(live("ConfigMap", "a", "-"))), "{}");
    }

    #[test]
    fn labels_of_the_users_own_stay() {
        let mut object = object("ConfigMap", "a");
        object["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm", "a": "b"});
        let prepared = prepare(vec![object], "manifests", &[], &Record::default());
        let labels = prepared.then[0]["metadata"]["labels"].to_string();
        assert_eq!(labels, r#"{"app.kubernetes.io/managed-by":"Helm","a":"b","forge/set":"manifests"}"#);
    }
}
