//! The operator's kubeconfig: the administrator's, named after the cluster and pointed at the endpoint.

use serde_json::{Value, json};

use crate::inventory::Cluster;
use crate::secret::Secret;

/// `admin` with names made from the cluster's, `server` set to the endpoint, added to `existing` when there is one.
///
/// # Errors
/// One of the two is not a kubeconfig, in words that quote nothing of it.
pub fn for_operator(admin: &Secret, cluster: &Cluster, existing: Option<&Secret>) -> Result<Secret, String> {
    let admin = parse(admin, "the control plane's kubeconfig")?;
    let user_name = format!("{}-admin", cluster.name);
    let mut cluster_entry = admin["clusters"][0]["cluster"].clone();
    cluster_entry["server"] = json!(format!("https://{}", cluster.endpoint));
    let entries = [
        ("clusters", json!({ "name": cluster.name, "cluster": cluster_entry })),
        ("users", json!({ "name": user_name, "user": admin["users"][0]["user"] })),
        ("contexts", json!({ "name": cluster.name, "context": { "cluster": cluster.name, "user": user_name } })),
    ];
    let mut result = match existing {
        Some(existing) => parse(existing, "the existing file")?,
        None => json!({ "apiVersion": "v1", "kind": "Config" }),
    };
    for (list, entry) in entries {
        let mut items = result[list].as_array().cloned().unwrap_or_default();
        items.retain(|item| item["name"] != entry["name"]);
        items.push(entry);
        result[list] = Value::Array(items);
    }
    result["current-context"] = json!(cluster.name);
    crate::yaml::to_string(&result).map(Secret::new).map_err(|error| error.to_string())
}

fn parse(text: &Secret, what: &str) -> Result<Value, String> {
    let not = || format!("{what} is not a kubeconfig");
    let text = std::str::from_utf8(text.expose()).map_err(|_| not())?;
    // The parser's own words may quote a private key.
    let value: Value = crate::yaml::from_str(text).map_err(|_| not())?;
    if value["kind"] == "Config" { Ok(value) } else { Err(not()) }
}
