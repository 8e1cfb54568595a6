//! What is between a set as it is wanted and the cluster. Pure.

use super::{Content, Set};
use crate::host::Difference;
use crate::kube::applied::{Item, Live, ObjectRef, Record};

/// What applying the set would change, for the plan; nothing when all is as it was left.
pub(super) fn changes(set: &Set, record: &Record, live: &[Live]) -> Result<Vec<Difference>, String> {
    let mut changes: Vec<String> = Vec::new();
    let mut wanted: Vec<ObjectRef> = Vec::new();
    for source in &set.sources {
        let changed = record.sources.get(&source.title) != Some(&source.hash());
        let noted = || record.items.iter().filter(|item| item.source == source.title);
        let objects = match source.objects()? {
            Some(objects) => objects,
            // The objects behind a URL that changed are known to nobody yet: none of them is taken for unwanted here.
            None => noted().map(|item| item.live.object.clone()).collect(),
        };
        let is_new = |object: &&ObjectRef| record.find(object).is_none();
        match &source.content {
            _ if !changed => changes.extend(noted().filter_map(|item| drift(item, live, &source.content))),
            Content::Ours(_) => changes.push(format!("{}: apply", source.title)),
            Content::Url { .. } => {
                changes.push(format!("{}: apply, and delete what it no longer has", source.title));
            }
            Content::File(_) => {
                changes.push(format!("{}: apply", source.title));
                changes.extend(objects.iter().filter(is_new).map(|object| format!("{object}: apply")));
            }
        }
        wanted.extend(objects);
    }
    let known =
        |namespace: &&String| record.items.iter().any(|item| item.live.object.namespace.as_ref() == Some(*namespace));
    let absent = set.namespaces.iter().filter(|namespace| *namespace != "default" && !known(namespace));
    changes.extend(absent.map(|namespace| format!("Namespace {namespace}: create, unless it is there")));
    for (item, deleted) in unwanted(set.name, record, live, |object| wanted.iter().any(|wanted| wanted.is(object))) {
        changes.push(farewell(&item.live.object, deleted));
    }
    // The record names sources that are gone, even when none of their objects is left.
    let gone = |title: &String| set.sources.iter().all(|source| source.title != *title);
    if changes.is_empty() && record.sources.keys().any(gone) {
        changes.push(format!("{}: forget what is no longer in the inventory", set.title));
    }
    Ok(changes.into_iter().map(Difference::new).collect())
}

/// Objects of the record that nothing wants any more and that are there, and whether they are to be deleted: what was there
/// before forge only gets back what forge had set in it.
pub(super) fn unwanted<'a>(
    set: &str,
    record: &'a Record,
    live: &[Live],
    wanted: impl Fn(&ObjectRef) -> bool,
) -> Vec<(&'a Item, bool)> {
    let mut all = Vec::new();
    for item in record.items.iter().filter(|item| !wanted(&item.live.object)) {
        let Some(found) = live.iter().find(|live| live.object.is(&item.live.object)) else { continue };
        match found.set.as_deref() {
            Some(label) if label == set => all.push((item, true)),
            // Another object under the same name is somebody else's.
            None if item.live.uid.is_empty() || item.live.uid == found.uid => all.push((item, false)),
            _ => {}
        }
    }
    all
}

fn drift(item: &Item, live: &[Live], content: &Content) -> Option<String> {
    let object = &item.live.object;
    let Some(found) = live.iter().find(|live| live.object.is(object)) else { return Some(format!("{object}: create")) };
    let ours = matches!(content, Content::Ours(_));
    let added = ours && found.generation != item.live.generation;
    let changed = found.uid != item.live.uid || found.fields != item.live.fields || found.set != item.live.set;
    (changed || added).then(|| format!("{object}: put back what was changed"))
}

fn farewell(object: &ObjectRef, deleted: bool) -> String {
    match (deleted, object.kind.as_str()) {
        (true, "Namespace") => format!("{object}: delete, with everything in it"),
        (true, "CustomResourceDefinition") => format!("{object}: delete, with all objects of that kind"),
        (true, _) => format!("{object}: delete"),
        (false, _) => format!("{object}: was there before forge; take back what forge had set"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Source;
    use super::*;
    use crate::secret::Secret;

    fn file(title: &str, names: &[&str]) -> Source {
        let text: String = names
            .iter()
            .map(|name| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\n---\n"))
            .collect();
        Source { title: title.to_owned(), content: Content::File(Secret::new(text)) }
    }

    fn url(sha256: &str) -> Source {
        let content = Content::Url { url: "https://x.example/a.yaml".to_owned(), sha256: sha256.to_owned() };
        Source { title: "manifest https://x.example/a.yaml".to_owned(), content }
    }

    fn ours() -> Source {
        Source::ours(
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "default"}}),
        )
    }

    fn set(sources: Vec<Source>) -> Set {
        Set { name: "manifests", title: "manifests", namespaces: Vec::new(), sources }
    }

    fn live(version: &str, kind: &str, namespace: &str, name: &str) -> Live {
        Live::parse(&[version, kind, namespace, name, "uid", "1", "manifests", "fields"]).unwrap()
    }

    fn map(name: &str) -> Live {
        live("v1", "ConfigMap", "shop", name)
    }

    fn policy() -> Live {
        live("networking.k8s.io/v1", "NetworkPolicy", "default", "deny")
    }

    /// The record of a set whose objects were left so.
    fn left(set: &Set, items: Vec<(Live, &str)>) -> Record {
        let items = items.into_iter().map(|(live, source)| Item { live, source: source.to_owned() }).collect();
        Record { sources: set.hashes(), items }
    }

    fn said(set: &Set, record: &Record, live: &[Live]) -> Vec<String> {
        changes(set, record, live).unwrap().into_iter().map(|change| change.summary).collect()
    }

    #[test]
    fn what_was_never_applied_is_named_object_by_object() {
        let mut wanted = set(vec![ours(), file("manifest a.yaml", &["one", "two"]), url("00")]);
        wanted.namespaces = vec!["default".to_owned(), "shop".to_owned()];
        assert_eq!(
            said(&wanted, &Record::default(), &[]),
            [
                "NetworkPolicy default/deny: apply",
                "manifest a.yaml: apply",
                "ConfigMap shop/one: apply",
                "ConfigMap shop/two: apply",
                "manifest https://x.example/a.yaml: apply, and delete what it no longer has",
                "Namespace shop: create, unless it is there",
            ]
        );
    }

    #[test]
    fn what_is_as_it_was_left_needs_nothing() {
        let wanted = set(vec![ours(), file("a", &["one"])]);
        let record = left(&wanted, vec![(policy(), "NetworkPolicy default/deny"), (map("one"), "a")]);
        assert!(said(&wanted, &record, &[policy(), map("one")]).is_empty());
    }

    #[test]
    fn what_somebody_deleted_or_changed_is_named() {
        let wanted = set(vec![ours(), file("a", &["one"])]);
        let record = left(&wanted, vec![(policy(), "NetworkPolicy default/deny"), (map("one"), "a")]);
        assert_eq!(said(&wanted, &record, &[map("one")]), ["NetworkPolicy default/deny: create"]);
        let changed = |change: fn(&mut Live)| {
            let (mut policy, mut map) = (policy(), map("one"));
            change(&mut policy);
            change(&mut map);
            said(&wanted, &record, &[policy, map])
        };
        let both =
            ["NetworkPolicy default/deny: put back what was changed", "ConfigMap shop/one: put back what was changed"];
        assert_eq!(changed(|live| live.fields = "fewer".to_owned()), both);
        assert_eq!(changed(|live| live.uid = "another".to_owned()), both);
        assert_eq!(changed(|live| live.set = None), both);
        // A field that nobody asked forge for is a change in an object of forge's own only.
        assert_eq!(changed(|live| live.generation = 2), both[..1]);
    }

    #[test]
    fn what_is_no_longer_wanted_is_deleted_unless_it_was_there_before() {
        let before = set(vec![file("a", &["one", "two", "three"]), url("00")]);
        let found = live("v1", "Secret", "shop", "found");
        let items =
            vec![(map("one"), "a"), (map("two"), "a"), (map("three"), "a"), (found.clone(), &*before.sources[1].title)];
        let record = left(&before, items);
        let after = set(vec![file("a", &["one"])]);
        let mut foreign = found;
        foreign.set = None;
        // `three` is gone already.
        let live = [map("one"), map("two"), foreign];
        assert_eq!(
            said(&after, &record, &live),
            [
                "a: apply",
                "ConfigMap shop/two: delete",
                "Secret shop/found: was there before forge; take back what forge had set"
            ]
        );
    }

    #[test]
    fn an_object_that_moved_to_another_manifest_is_not_deleted() {
        let record = left(&set(vec![file("a", &["one"])]), vec![(map("one"), "a")]);
        let after = set(vec![file("b", &["one"])]);
        assert_eq!(said(&after, &record, &[map("one")]), ["b: apply"]);
    }

    #[test]
    fn a_url_with_another_sum_keeps_its_objects_until_it_was_read() {
        let before = set(vec![url("00")]);
        let record = left(&before, vec![(map("one"), &*before.sources[0].title)]);
        let said = said(&set(vec![url("11")]), &record, &[map("one")]);
        assert_eq!(said, ["manifest https://x.example/a.yaml: apply, and delete what it no longer has"]);
    }

    #[test]
    fn a_set_that_became_empty_deletes_everything_and_then_is_quiet() {
        let before = set(vec![file("a", &["one"])]);
        let record = left(&before, vec![(map("one"), "a")]);
        assert_eq!(said(&set(vec![]), &record, &[map("one")]), ["ConfigMap shop/one: delete"]);
        assert_eq!(said(&set(vec![]), &record, &[]), ["manifests: forget what is no longer in the inventory"]);
        assert!(said(&set(vec![]), &Record::default(), &[]).is_empty());
    }
}
