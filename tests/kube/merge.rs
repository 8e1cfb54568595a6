//! Merging the user's settings: the laws.

use forge::kube::merge::{merge, replaced};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Objects as kubeadm's: nested, with lists of named entries, sometimes `null`.
fn object(nulls: bool) -> impl Strategy<Value = Value> {
    let null = u32::from(nulls);
    let scalar = prop_oneof![
        4 => any::<bool>().prop_map(Value::from),
        4 => (0..4).prop_map(Value::from),
        null => Just(Value::Null),
    ];
    let value = prop_oneof![4 => "[x-z]".prop_map(Value::from), null => Just(Value::Null)];
    let named = proptest::collection::vec(("[a-c]", value), 0..4).prop_map(|entries| {
        entries.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>()
    });
    let leaf = prop_oneof![
        3 => ("[a-d]", scalar),
        1 => ("[a-d]", proptest::collection::vec(0..3, 0..3).prop_map(|list| json!(list))),
        2 => (Just("extraArgs".to_owned()), named.prop_map(Value::from)),
    ];
    let fields = |entry: BoxedStrategy<(String, Value)>| {
        proptest::collection::vec(entry, 0..5)
            .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>()))
    };
    let one = fields(leaf.boxed());
    let nested = one.clone().prop_recursive(3, 16, 4, move |inner| {
        proptest::collection::vec(("[a-d]", inner), 0..4)
            .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>()))
    });
    (one, nested).prop_map(|(one, nested)| {
        let mut fields = one.as_object().unwrap().clone();
        fields.extend(nested.as_object().unwrap().clone());
        Value::Object(fields)
    })
}

/// Whether `null` is nowhere.
fn is_whole(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter().all(is_whole),
        Value::Object(fields) => fields.values().all(is_whole),
        _ => true,
    }
}

proptest! {
    #[test]
    fn nothing_changes_nothing(base in object(false)) {
        prop_assert_eq!(merge(&base, &json!({})), base.clone());
        prop_assert_eq!(replaced(&base, &json!({})), []);
    }

    #[test]
    fn twice_is_once(base in object(false), patch in object(true)) {
        let once = merge(&base, &patch);
        prop_assert_eq!(merge(&once, &patch), once);
    }

    #[test]
    fn null_never_survives(base in object(false), patch in object(true)) {
        prop_assert!(is_whole(&merge(&base, &patch)));
    }

    #[test]
    fn over_nothing_the_patch_is_all_there_is(patch in object(false)) {
        prop_assert_eq!(merge(&json!({}), &patch), patch);
    }

    #[test]
    fn keys_that_the_patch_leaves_out_stay(base in object(false), patch in object(true)) {
        let merged = merge(&base, &patch);
        for (key, value) in base.as_object().unwrap() {
            if patch.get(key).is_none() {
                prop_assert_eq!(merged.get(key), Some(value));
            }
        }
    }

    #[test]
    fn what_is_not_reported_is_still_ours(base in object(false), patch in object(true)) {
        let merged = merge(&base, &patch);
        let told: Vec<String> = replaced(&base, &patch).into_iter().map(|one| one.path).collect();
        for (key, value) in base.as_object().unwrap() {
            let is_told = told.iter().any(|path| path == key || path.starts_with(&format!("{key}.")));
            if !is_told && !value.is_object() && !value.is_array() {
                prop_assert_eq!(merged.get(key), Some(value));
            }
        }
    }
}

#[test]
fn arguments_are_merged_by_their_name() {
    let base = json!({"extraArgs": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}], "list": [1, 2]});
    let patch = json!({
        "extraArgs": [{"name": "c", "value": "3"}, {"name": "a", "value": "8"}, {"name": "a", "value": "9"}],
        "list": [3],
    });
    let merged = json!({
        "extraArgs": [
            {"name": "b", "value": "2"},
            {"name": "c", "value": "3"},
            {"name": "a", "value": "8"},
            {"name": "a", "value": "9"},
        ],
        "list": [3],
    });
    assert_eq!(merge(&base, &patch), merged);
    let told: Vec<_> =
        replaced(&base, &patch).iter().map(|one| format!("{} {} → {}", one.path, one.ours, one.theirs)).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    extraArgs.a "1" → ["8","9"]
    list [1,2] → [3]
    "#);
}
