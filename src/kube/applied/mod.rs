//! Objects that forge applies and keeps in the cluster: how one is named, how it is looked at, what is noted of it.
//!
//! Server-side apply tells each field's owner. The API server takes a field away from `forge` when anybody else changes it,
//! so the list of fields that `forge` owns is all that has to be compared: neither a status, nor a field that nobody asked
//! forge for (replicas under an autoscaler), looks like a change.

mod prepare;
mod record;

use std::fmt;

use serde_json::{Value, json};

pub use prepare::{Prepared, prepare};
pub use record::{Item, Record};

/// The label whose value is the set that an object belongs to. An object that was there before forge does not get it, and
/// what does not have it is never deleted.
pub const SET_LABEL: &str = "forge/set";

/// Server-side apply: client-side apply cannot hold Calico's larger definitions in its annotation (262 144 bytes).
pub const APPLY: &str = "kubectl apply --server-side --force-conflicts --field-manager=forge -f";

/// Shell that defines `state PROGRAM…`: looks at the objects of a list on standard input with that kubectl, and prints a
/// line for each that is there, which [`Live::parse`] reads.
pub const STATE: &str = r#"state() {
"$@" get -f - --ignore-not-found --show-managed-fields -o go-template='{{range .items}}{{.apiVersion}} {{.kind}} {{or .metadata.namespace "-"}} {{.metadata.name}} {{.metadata.uid}} {{or .metadata.generation 0}} {{with .metadata.labels}}{{or (index . "forge/set") "-"}}{{else}}-{{end}}{{range .metadata.managedFields}}{{if and (eq .manager "forge") (eq .operation "Apply")}} {{.fieldsV1}}{{end}}{{end}}{{"\n"}}{{end}}' |
while read -r version kind namespace name uid generation set fields; do
printf 'live\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$version" "$kind" "$namespace" "$name" "$uid" "$generation" "$set" "$(printf %s "$fields" | sha256sum | cut -c1-16)"
done
}"#;

/// Which object it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `networking.k8s.io/v1`.
    pub api_version: String,
    /// `NetworkPolicy`.
    pub kind: String,
    /// `None` for what belongs to no namespace, and for what does not say.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// The name of an object; `None` when it has no kind or no name.
    pub fn of(object: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Self {
            api_version: text(&object["apiVersion"])?,
            kind: text(&object["kind"])?,
            namespace: text(&object["metadata"]["namespace"]),
            name: text(&object["metadata"]["name"])?,
        })
    }

    /// Whether both name the same object. One object may be served in several versions, and one that does not name its
    /// namespace is in `default`, or in none.
    pub fn is(&self, other: &Self) -> bool {
        let group = |version: &str| version.rsplit_once('/').map_or("", |(group, _)| group).to_owned();
        let namespaces = match (self.namespace.as_deref(), other.namespace.as_deref()) {
            (Some(one), Some(two)) => one == two,
            (None, Some(named)) | (Some(named), None) => named == "default",
            (None, None) => true,
        };
        namespaces
            && self.kind == other.kind
            && self.name == other.name
            && group(&self.api_version) == group(&other.api_version)
    }

    /// An object with nothing but its name. Applying it gives back every field that was applied before.
    pub fn bare(&self) -> Value {
        let mut metadata = json!({ "name": self.name });
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = json!(namespace);
        }
        json!({ "apiVersion": self.api_version, "kind": self.kind, "metadata": metadata })
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(formatter, "{} {namespace}/{}", self.kind, self.name),
            None => write!(formatter, "{} {}", self.kind, self.name),
        }
    }
}

/// An object as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its name.
    pub object: ObjectRef,
    /// Another one under the same name has another.
    pub uid: String,
    /// Counts changes of what is wanted of it; 0 for kinds that do not count.
    pub generation: u64,
    /// The set that it is labelled with.
    pub set: Option<String>,
    /// Stands for the fields that `forge` owns.
    pub fields: String,
}

impl Live {
    /// Reads the words behind `live` of a line that `state` printed, see [`STATE`].
    pub fn parse(words: &[&str]) -> Option<Self> {
        let [version, kind, namespace, name, uid, generation, set, fields] = words else { return None };
        let unless_dash = |word: &str| (word != "-").then(|| word.to_owned());
        let object = ObjectRef {
            api_version: (*version).to_owned(),
            kind: (*kind).to_owned(),
            namespace: unless_dash(namespace),
            name: (*name).to_owned(),
        };
        let (uid, fields) = ((*uid).to_owned(), (*fields).to_owned());
        Some(Self { object, uid, generation: generation.parse().ok()?, set: unless_dash(set), fields })
    }

    /// Every line that `state` printed.
    pub fn parse_all(text: &str) -> Vec<Self> {
        text.lines()
            .filter_map(|line| Self::parse(&line.strip_prefix("live\t")?.split('\t').collect::<Vec<_>>()))
            .collect()
    }
}

/// A list as kubectl reads it.
pub fn list(items: &[Value]) -> Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(version: &str, namespace: Option<&str>) -> ObjectRef {
        let (kind, name) = ("Widget".to_owned(), "a".to_owned());
        ObjectRef { api_version: version.to_owned(), kind, namespace: namespace.map(str::to_owned), name }
    }

    #[test]
    fn an_object_is_the_same_in_every_version_and_default_is_where_nothing_else_is_said() {
        let one = object("example.com/v1", Some("default"));
        for (version, namespace, same) in [
            ("example.com/v1", Some("default"), true),
            ("example.com/v2beta1", Some("default"), true),
            ("example.com/v1", None, true),
            ("example.com/v1", Some("shop"), false),
            ("example.org/v1", Some("default"), false),
            ("v1", Some("default"), false),
        ] {
            assert_eq!(one.is(&object(version, namespace)), same, "{version} {namespace:?}");
        }
        assert!(!object("v1", Some("shop")).is(&object("v1", None)));
    }

    #[test]
    fn what_state_prints_is_read() {
        let text = "live\tv1\tNamespace\t-\tshop\tu-1\t0\t-\te3b0\nnoise\nlive\tapps/v1\tDeployment\tshop\tweb\tu-2\t7\tmanifests\tabcd\n";
        let live = Live::parse_all(text);
        let shown: Vec<String> =
            live.iter().map(|one| format!("{} {} {:?}", one.object, one.generation, one.set)).collect();
        assert_eq!(shown, ["Namespace shop 0 None", "Deployment shop/web 7 Some(\"manifests\")"]);
    }
}
