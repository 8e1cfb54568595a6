//! Names what is different between two documents of Kubernetes: the one that is there and the one that is wanted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::merge::by_name;

/// `path: old → new` for everything that differs between two documents, in the order of the paths. Objects are gone
/// through key by key, kubeadm's lists of named entries by name; other lists are compared as a whole.
pub fn fields(now: &Value, wanted: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(&mut found, "", Some(now), Some(wanted));
    found
}

/// The same for what is wanted only: `now` may have more fields. Lists of named entries are compared in full.
pub fn missing(wanted: &Value, now: &Value) -> Vec<String> {
    let mut common = now.clone();
    restrict(&mut common, wanted);
    fields(&common, wanted)
}

/// Takes away the fields that `to` does not have.
fn restrict(value: &mut Value, to: &Value) {
    if let (Value::Object(fields), Value::Object(to)) = (value, to) {
        fields.retain(|key, _| to.contains_key(key));
        fields.iter_mut().for_each(|(key, value)| restrict(value, &to[key]));
    }
}

fn compare(found: &mut Vec<String>, path: &str, now: Option<&Value>, wanted: Option<&Value>) {
    if now == wanted {
        return;
    }
    match (now.and_then(|value| children(path, value)), wanted.and_then(|value| children(path, value))) {
        (Some(now), Some(wanted)) => {
            let mut keys: Vec<&String> = now.keys().chain(wanted.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(found, &path, now.get(key), wanted.get(key));
            }
        }
        _ => found.push(format!("{path}: {} → {}", shown(now), shown(wanted))),
    }
}

/// What a value consists of, when that can be told apart by name.
fn children(path: &str, value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields.clone()),
        Value::Array(entries) => {
            let key = path.rsplit('.').next().unwrap_or_default();
            super::merge::NAMED_LISTS.contains(&key).then(|| by_name(entries))
        }
        _ => None,
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "not set".to_owned(),
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// `--name: old → new` for each flag that differs between two command lines, in the order of the names. Of a flag that
/// is given several times all values are shown.
pub fn flags<'a>(now: impl IntoIterator<Item = &'a str>, wanted: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let (now, wanted) = (by_flag(now), by_flag(wanted));
    let mut names: Vec<&str> = now.keys().chain(wanted.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let shown = |flags: &BTreeMap<&str, Vec<&str>>, name: &str| match flags.get(name) {
        Some(values) => values.join(", "),
        None => "not set".to_owned(),
    };
    let differs = |name: &&str| now.get(*name) != wanted.get(*name);
    let names = names.into_iter().filter(differs);
    names.map(|name| format!("{name}: {} → {}", shown(&now, name), shown(&wanted, name))).collect()
}

fn by_flag<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut flags: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for word in words {
        // To Go a flag without a value is one that is true.
        let (name, value) = word.split_once('=').unwrap_or((word, "true"));
        flags.entry(name).or_default().push(value);
    }
    flags
}

/// What is different between two manifests of a static pod: its flags by name, and the names of everything else.
///
/// A manifest's other values are not shown, because variables of its environment may be secrets.
pub fn manifest(component: &str, now: &str, wanted: &str) -> Vec<String> {
    let parse = |text: &str| crate::yaml::from_str::<Value>(text).ok().filter(Value::is_object);
    let (Some(mut now), Some(mut wanted)) = (parse(now), parse(wanted)) else {
        return vec![format!("{component}.yaml: write anew, what is there is not a manifest")];
    };
    let (old, new) = (take_command(&mut now), take_command(&mut wanted));
    let flags = flags(old.iter().map(String::as_str), new.iter().map(String::as_str));
    let mut found: Vec<String> = flags.into_iter().map(|flag| format!("{component} {flag}")).collect();
    let mut places: Vec<String> = fields(&now, &wanted)
        .into_iter()
        .filter_map(|line| line.split_once(": ").map(|(path, _)| path.to_owned()))
        .collect();
    places.dedup();
    if !places.is_empty() {
        found.push(format!("{component}.yaml: change {}", places.join(", ")));
    }
    found
}

fn take_command(manifest: &mut Value) -> Vec<String> {
    let command = manifest.pointer_mut("/spec/containers/0/command").map(Value::take).unwrap_or_default();
    command.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_named_by_their_path_with_both_values() {
        let now = json!({
            "seccompDefault": false, "readOnlyPort": 10255, "authentication": {"anonymous": {"enabled": true}},
            "apiServer": {"extraArgs": [{"name": "profiling", "value": "true"}, {"name": "v", "value": "4"}]},
            "clusterDNS": ["10.96.0.10"], "empty": "",
        });
        let wanted = json!({
            "seccompDefault": true, "authentication": {"anonymous": {"enabled": false}},
            "apiServer": {"extraArgs": [{"name": "v", "value": "4"}, {"name": "profiling", "value": "false"}]},
            "clusterDNS": ["10.96.0.10", "10.96.0.11"], "empty": "no",
        });
        assert_eq!(
            fields(&now, &wanted),
            [
                "apiServer.extraArgs.profiling: true → false",
                "authentication.anonymous.enabled: true → false",
                r#"clusterDNS: ["10.96.0.10"] → ["10.96.0.10","10.96.0.11"]"#,
                r#"empty: "" → no"#,
                "readOnlyPort: 10255 → not set",
                "seccompDefault: false → true",
            ]
        );
        assert!(fields(&wanted, &wanted).is_empty());
    }

    #[test]
    fn flags_are_named_whether_changed_removed_or_added() {
        let now = ["etcd", "--profiling=true", "--token-auth-file=/x", "--a=1", "--a=2"];
        let wanted = ["etcd", "--profiling=false", "--authorization-mode=Node,RBAC", "--a=2", "--a=1"];
        assert_eq!(
            flags(now, wanted),
            [
                "--a: 1, 2 → 2, 1",
                "--authorization-mode: not set → Node,RBAC",
                "--profiling: true → false",
                "--token-auth-file: /x → not set",
            ]
        );
    }

    const MANIFEST: &str = "spec:\n  containers:\n  - command: [kube-apiserver, --profiling=false]\n    image: a:1\n";

    #[test]
    fn a_manifest_differs_in_flags_and_in_places_whose_values_are_not_shown() {
        let edited = MANIFEST.replace("false", "true").replace("a:1", "secret") + "  hostNetwork: false\n";
        assert_eq!(
            manifest("kube-apiserver", &edited, MANIFEST),
            [
                "kube-apiserver --profiling: true → false",
                "kube-apiserver.yaml: change spec.containers, spec.hostNetwork",
            ]
        );
        assert_eq!(manifest("etcd", "rubbish", MANIFEST), ["etcd.yaml: write anew, what is there is not a manifest"]);
    }

    #[test]
    fn a_manifest_in_another_form_means_the_same() {
        assert!(manifest("etcd", &format!("# edited\n{MANIFEST}"), MANIFEST).is_empty());
    }
}
