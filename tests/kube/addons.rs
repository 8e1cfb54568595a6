//! Add-ons: the values of their charts, and Falco's rules.

use forge::inventory::cluster::{BuiltinAddon, Chart};
use forge::kube::addons::{approver_values, falco_values, metrics_server_values, namespace};
use serde_json::{Value, json};

use crate::fixture::{single, templates, text, three_and_one};

/// An add-on with these values of the user's.
fn addon(values: Value) -> BuiltinAddon {
    let chart =
        Chart { repo: "https://charts.example".into(), name: "web".into(), version: "1.0.0".into(), sha256: None };
    BuiltinAddon { chart, values: values.as_object().unwrap().clone() }
}

#[test]
fn the_approver_knows_the_inventory_and_nobody_else() {
    let values = approver_values(&templates(), &three_and_one(), &addon(json!({}))).unwrap();
    insta::assert_snapshot!(text(&values));
    let mut cluster = single();
    cluster.hosts[0].address = "2001:db8::11".parse().unwrap();
    let values = text(&approver_values(&templates(), &cluster, &addon(json!({}))).unwrap());
    assert!(values.contains("2001:db8::11/128"), "{values}");
}

#[test]
fn metrics_server_is_told_nothing_insecure() {
    let values = text(&metrics_server_values(&templates(), &addon(json!({}))).unwrap());
    assert!(!values.contains("insecure"));
    insta::assert_snapshot!(values);
}

#[test]
fn falco_needs_nothing_from_the_network() {
    let values = text(&falco_values(&templates(), &addon(json!({}))).unwrap());
    insta::assert_snapshot!(values);
}

#[test]
fn the_users_values_are_merged_key_by_key() {
    let theirs = json!({"falco": {"priority": "warning"}, "resources": {"limits": {"memory": "2Gi"}}, "tty": null});
    let values: Value = serde_yaml::from_str(&text(&falco_values(&templates(), &addon(theirs)).unwrap())).unwrap();
    assert_eq!(values["falco"]["priority"], "warning");
    assert_eq!(values["falco"]["json_output"], true, "ours beside it stays");
    assert_eq!(values["resources"]["limits"]["memory"], "2Gi");
    assert!(values.get("tty").is_none(), "null takes one of ours out");
}

/// Macros of the stock rules, which are read first.
const STOCK: [&str; 4] = ["open_read", "open_write", "spawned_process", "container"];

#[test]
fn every_rule_of_falcos_is_whole() {
    let values: Value = serde_yaml::from_str(&text(&falco_values(&templates(), &addon(json!({}))).unwrap())).unwrap();
    let entries: Value = serde_yaml::from_str(values["customRules"]["forge.yaml"].as_str().unwrap()).unwrap();
    let entries = entries.as_array().unwrap();
    let lists: Vec<&str> = entries.iter().filter_map(|entry| entry["list"].as_str()).collect();
    let rules: Vec<&Value> = entries.iter().filter(|entry| entry["rule"].is_string()).collect();
    assert_eq!((entries.len(), lists.len()), (rules.len() + lists.len(), 1));
    for rule in rules {
        let field = |key: &str| rule[key].as_str().unwrap_or_else(|| panic!("{rule}: {key}"));
        let condition = field("condition");
        assert_eq!(condition.matches('(').count(), condition.matches(')').count(), "{condition}");
        assert!(!condition.contains("evt.dir"), "engines since 0.42 have no directions: {condition}");
        assert!(["CRITICAL", "WARNING", "NOTICE"].contains(&field("priority")));
        assert!(field("output").starts_with(field("rule")), "a report says which rule it is");
        assert!(rule["tags"].as_array().unwrap().contains(&json!("kubernetes")));
        // What is neither a field nor a word of the language is a macro or a value; macros stand alone between and, or, not.
        let alone = condition.split([' ', '(', ')', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>();
        for (number, word) in alone.iter().enumerate() {
            let before = number.checked_sub(1).map_or("and", |number| alone[number]);
            let after = alone.get(number + 1).unwrap_or(&"and");
            let stands_alone = ["and", "or", "not"].contains(&before) && ["and", "or"].contains(after);
            if stands_alone && !["and", "or", "not"].contains(word) {
                assert!(STOCK.contains(word), "{word} in {condition}");
            }
        }
    }
}

#[test]
fn a_namespace_has_its_labels_before_helm_comes() {
    let labels = [("pod-security.kubernetes.io/enforce", "privileged")];
    insta::assert_snapshot!(namespace(&templates(), "falco", &labels).unwrap(), @r#"
    apiVersion: v1
    kind: Namespace
    metadata:
      name: "falco"
      labels: {"pod-security.kubernetes.io/enforce": "privileged"}
    "#);
}
