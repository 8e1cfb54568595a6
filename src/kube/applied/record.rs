//! What the cluster's own record says of a set: what it was made from, and how its objects were left.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Live, ObjectRef, list};

/// How a set was left. In the cluster it is a `List` of its objects' names, which kubectl can be asked about as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// A source's title → hash of what it held.
    pub sources: BTreeMap<String, String>,
    /// The objects.
    pub items: Vec<Item>,
}

/// How one object was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The object as it was seen then.
    pub live: Live,
    /// The title of the source that it came from.
    pub source: String,
}

impl Record {
    /// Its key in the ConfigMap `kube-system/forge`.
    pub fn key(set: &str) -> String {
        format!("applied-{set}")
    }

    /// Reads what [`Record::text`] wrote; empty when it is nothing of the kind.
    pub fn parse(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let item = |item: &Value| {
            let live = Live {
                object: ObjectRef::of(item)?,
                uid: word(&item["metadata"]["uid"]),
                generation: item["metadata"]["generation"].as_u64().unwrap_or_default(),
                set: item["set"].as_str().map(str::to_owned),
                fields: word(&item["fields"]),
            };
            Some(Item { live, source: word(&item["source"]) })
        };
        Self {
            sources: serde_json::from_value(value["sources"].clone()).unwrap_or_default(),
            items: value["items"].as_array().into_iter().flatten().filter_map(item).collect(),
        }
    }

    /// One line.
    pub fn text(&self) -> String {
        let item = |Item { live, source }: &Item| {
            let mut item = live.object.bare();
            item["metadata"]["uid"] = json!(live.uid);
            item["metadata"]["generation"] = json!(live.generation);
            item["set"] = json!(live.set);
            item["fields"] = json!(live.fields);
            item["source"] = json!(source);
            item
        };
        let mut value = list(&self.items.iter().map(item).collect::<Vec<_>>());
        value["sources"] = json!(self.sources);
        value.to_string()
    }

    /// The object of that name.
    pub fn find(&self, object: &ObjectRef) -> Option<&Item> {
        self.items.iter().find(|item| item.live.object.is(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let live = Live::parse(&["apps/v1", "Deployment", "shop", "web", "u-2", "7", "manifests", "abcd"]).unwrap();
        let bare = Live::parse(&["v1", "Namespace", "-", "shop", "u-1", "0", "-", "e3b0"]).unwrap();
        let items = [live, bare].map(|live| Item { live, source: "manifest shop.yaml".to_owned() });
        let record =
            Record { sources: [("manifest shop.yaml".to_owned(), "00".to_owned())].into(), items: items.to_vec() };
        assert_eq!(Record::parse(&record.text()), record);
        assert_eq!(Record::parse("something else"), Record::default());
        assert!(!record.text().contains('\n'));
    }
}
