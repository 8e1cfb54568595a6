//! Kubeconfigs: those that people get, named after the cluster and pointed at its endpoint, and those that a person brings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::user::UserName;
use crate::inventory::Cluster;
use crate::secret::Secret;

/// The administrator's: `admin` with names made from the cluster's, `server` set to the endpoint, added to `existing` when there is one.
///
/// # Errors
/// One of the two is not a kubeconfig, in words that quote nothing of it.
pub fn for_operator(admin: &Secret, cluster: &Cluster, existing: Option<&Secret>) -> Result<Secret, String> {
    let admin = parse(admin, "the control plane's kubeconfig")?;
    let names = (cluster.name.clone(), format!("{}-admin", cluster.name));
    assemble(cluster, admin["clusters"][0]["cluster"].clone(), names, &admin["users"][0]["user"], existing)
}

/// A named user's, whose context is `USER@CLUSTER`; `ca` is the cluster CA's certificate in PEM.
///
/// # Errors
/// `existing` is not a kubeconfig, in words that quote nothing of it.
pub fn for_user(
    ca: &[u8],
    cluster: &Cluster,
    (user, credentials): (&UserName, &Value),
    existing: Option<&Secret>,
) -> Result<Secret, String> {
    let context = format!("{}@{}", user.as_str(), cluster.name);
    let entry = json!({ "certificate-authority-data": STANDARD.encode(ca) });
    assemble(cluster, entry, (context.clone(), context), credentials, existing)
}

fn assemble(
    cluster: &Cluster,
    mut cluster_entry: Value,
    (context, user_name): (String, String),
    user: &Value,
    existing: Option<&Secret>,
) -> Result<Secret, String> {
    cluster_entry["server"] = json!(format!("https://{}", cluster.endpoint));
    let entries = [
        ("clusters", json!({ "name": cluster.name, "cluster": cluster_entry })),
        ("users", json!({ "name": user_name, "user": user })),
        ("contexts", json!({ "name": context, "context": { "cluster": cluster.name, "user": user_name } })),
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
    result["current-context"] = json!(context);
    crate::yaml::to_string(&result).map(Secret::new).map_err(|error| error.to_string())
}

/// Whether a kubeconfig that a person brings works wherever it is put: its current context leads to an https server, and
/// certificates and credentials are in it rather than in files beside it.
///
/// # Errors
/// What is wrong, in words that quote nothing of it.
pub fn self_contained(text: &Secret) -> Result<(), String> {
    let config = parse(text, "it").map_err(|_| "it is not a kubeconfig".to_owned())?;
    let named = |list: &str, name: &Value| {
        let entries = config[list].as_array().map(Vec::as_slice).unwrap_or_default();
        entries.iter().find(|entry| entry["name"] == *name).cloned()
    };
    let context = named("contexts", &config["current-context"]).ok_or("it has no current context")?;
    let cluster = named("clusters", &context["context"]["cluster"]).ok_or("its current context has no cluster")?;
    if !cluster["cluster"]["server"].as_str().unwrap_or_default().starts_with("https://") {
        return Err("its server is not an https URL".to_owned());
    }
    if cluster["cluster"]["insecure-skip-tls-verify"] == true {
        return Err("it does not verify its server".to_owned());
    }
    let user = named("users", &context["context"]["user"]).unwrap_or_default();
    let files = [
        (&cluster["cluster"], "certificate-authority"),
        (&user["user"], "client-certificate"),
        (&user["user"], "client-key"),
        (&user["user"], "tokenFile"),
        (&user["user"], "exec"),
    ];
    match files.into_iter().find(|(entry, key)| entry.get(*key).is_some()) {
        Some((_, key)) => Err(format!("its `{key}` names something outside of it")),
        None => Ok(()),
    }
}

fn parse(text: &Secret, what: &str) -> Result<Value, String> {
    let not = || format!("{what} is not a kubeconfig");
    let text = std::str::from_utf8(text.expose()).map_err(|_| not())?;
    // The parser's own words may quote a private key.
    let value: Value = crate::yaml::from_str(text).map_err(|_| not())?;
    if value["kind"] == "Config" { Ok(value) } else { Err(not()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: b, user: c}}], \
        clusters: [{name: b, cluster: {server: \"https://audit.example\", certificate-authority-data: AAAA}}], \
        users: [{name: c, user: {token: swordfish}}]}";

    #[test]
    fn a_kubeconfig_that_needs_other_files_is_not_self_contained() {
        let said = |from: &str, to: &str| self_contained(&Secret::new(GOOD.replace(from, to)));
        assert_eq!(said("", ""), Ok(()));
        for (from, to, why) in [
            ("kind: Config", "kind: Pod", "it is not a kubeconfig"),
            ("current-context: a", "current-context: x", "it has no current context"),
            ("cluster: b,", "cluster: x,", "its current context has no cluster"),
            ("https://", "http://", "its server is not an https URL"),
            ("certificate-authority-data: AAAA", "insecure-skip-tls-verify: true", "it does not verify its server"),
            (
                "certificate-authority-data",
                "certificate-authority",
                "its `certificate-authority` names something outside of it",
            ),
            ("token:", "tokenFile:", "its `tokenFile` names something outside of it"),
        ] {
            assert_eq!(said(from, to), Err(why.to_owned()));
        }
    }
}
