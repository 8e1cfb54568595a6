//! What is published about inventories is true: the schema, the examples, the reference.

use std::fs;

use forge::inventory::{load, schema, schema_text};
use serde_json::Value;

#[test]
fn the_committed_schema_is_made_from_the_types() {
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write("forge.schema.json", schema_text()).unwrap();
    }
    let committed = fs::read_to_string("forge.schema.json").unwrap();
    assert!(committed == schema_text(), "run: UPDATE_SCHEMA=1 cargo test --test inventory");
}

#[test]
fn the_schema_closes_every_section() {
    let open = keys(&schema()).into_iter().filter(|(_, schema)| {
        schema.get("properties").is_some() && schema["additionalProperties"] != Value::Bool(false)
    });
    assert_eq!(open.map(|(path, _)| path).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(schema()["additionalProperties"], Value::Bool(false));
}

#[test]
fn every_example_is_a_good_inventory() {
    let mut count = 0;
    for entry in fs::read_dir("inventories").unwrap() {
        let path = entry.unwrap().path();
        load(&path).unwrap_or_else(|invalid| panic!("{invalid}"));
        let first = "# yaml-language-server: $schema=../forge.schema.json\n";
        assert!(fs::read_to_string(&path).unwrap().starts_with(first), "{}: {first}", path.display());
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn the_reference_has_every_key_with_its_default() {
    let reference = fs::read_to_string("docs/inventory.md").unwrap();
    let row = |path: &str| reference.lines().find(|line| line.starts_with(&format!("| `{path}` |")));
    for (path, schema) in keys(&schema()) {
        let Some(row) = row(&path) else { panic!("docs/inventory.md has no row for `{path}`") };
        let default = match &schema["default"] {
            Value::String(text) => format!("| `{text}` |"),
            Value::Number(number) => format!("| `{number}` |"),
            _ => continue,
        };
        assert!(row.contains(&default), "docs/inventory.md: the default of `{path}` is {default}");
    }
}

/// Every key that the schema names, as a path, with its schema. What hangs below free names goes by `<name>`.
fn keys(schema: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    collect(schema, "", &mut found);
    found
}

fn collect(schema: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        found.push((join(name), inner.clone()));
        collect(inner, &join(name), found);
    }
    if schema["additionalProperties"].is_object() {
        collect(&schema["additionalProperties"], &join("<name>"), found);
    }
    if schema["items"].is_object() {
        collect(&schema["items"], &format!("{path}[]"), found);
    }
    for alternative in schema["anyOf"].as_array().into_iter().flatten() {
        collect(alternative, path, found);
    }
}
