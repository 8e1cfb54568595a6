//! Kubeconfigs: those that people get, named after the cluster and pointed at its endpoint, and those that a person brings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::user::UserName;
use crate::inventory::Cluster;
use crate::secret::Secret;

/// Why a kubeconfig cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// One of the files is not a kubeconfig, in words that quote nothing of it.
    NotOne(String),
    /// The file has an entry of that name which belongs to something else.
    Taken {
        /// `cluster`, `user` or `context`.
        kind: &'static str,
        /// The name.
        name: String,
        /// In what it differs.
        why: String,
    },
}

/// What shows that a file's entry is of this cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// Its server, and a CA certificate in common.
    ServerAndCa,
    /// Its server alone: the CA was just replaced, or is not known yet.
    Server,
}

/// The file that entries are added to.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    /// Its text.
    pub text: &'a Secret,
    /// What shows that its entries are of this cluster.
    pub known_by: KnownBy,
}

/// What the entries of one person are called.
#[derive(Clone, Debug)]
pub struct Names {
    context: String,
    user: String,
}

impl Names {
    /// The administrator's.
    pub fn of_operator(cluster: &Cluster) -> Self {
        Self { context: cluster.name.clone(), user: format!("{}-admin", cluster.name) }
    }

    /// A named user's: `USER@CLUSTER` for both.
    pub fn of_user(user: &UserName, cluster: &Cluster) -> Self {
        let name = format!("{}@{}", user.as_str(), cluster.name);
        Self { context: name.clone(), user: name }
    }
}

/// Whether entries with these names may be written to a file: before anybody is asked for them.
///
/// # Errors
/// It is not a kubeconfig, or an entry of the same name belongs to something else.
pub fn check(cluster: &Cluster, names: &Names, present: Present<'_>, ca: Option<&[u8]>) -> Result<(), Unusable> {
    let config = parse(present.text, "the existing file").map_err(Unusable::NotOne)?;
    let taken = |kind, name: &str, why: String| Err(Unusable::Taken { kind, name: name.to_owned(), why });
    let entry = |list: &str, name: &str| entries(&config, list).iter().find(|entry| entry["name"] == name);
    if let Some(there) = entry("clusters", &cluster.name) {
        let (server, wanted) = (there["cluster"]["server"].as_str().unwrap_or_default(), server(cluster));
        if !server.trim_end_matches('/').eq_ignore_ascii_case(&wanted) {
            return taken(
                "cluster",
                &cluster.name,
                format!("its server is {server:?}, and the inventory's is {wanted}"),
            );
        }
        if let (KnownBy::ServerAndCa, Some(ca)) = (present.known_by, ca)
            && !shares_a_certificate(&there["cluster"], ca)
        {
            return taken("cluster", &cluster.name, format!("it is {wanted} with another CA certificate"));
        }
    }
    let context = entry("contexts", &names.context);
    let is_ours = |context: &Value| {
        let context = &context["context"];
        context["cluster"] == *cluster.name && context["user"] == *names.user
    };
    match context {
        Some(context) if !is_ours(context) => {
            let word = |key: &str| context["context"][key].as_str().unwrap_or_default().to_owned();
            let why = format!("it is the user {:?} at the cluster {:?}", word("user"), word("cluster"));
            return taken("context", &names.context, why);
        }
        None if entry("users", &names.user).is_some() => {
            return taken("user", &names.user, format!("no context {:?} of the file uses it", names.context));
        }
        _ => {}
    }
    Ok(())
}

fn server(cluster: &Cluster) -> String {
    format!("https://{}", cluster.endpoint)
}

/// While a CA is replaced there are two of them in one place, and one in the other.
fn shares_a_certificate(cluster_entry: &Value, ca: &[u8]) -> bool {
    let decoded = STANDARD.decode(cluster_entry["certificate-authority-data"].as_str().unwrap_or_default());
    let blocks = |pem: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(pem).replace(['\r', '\n', ' '], "");
        text.split("-----ENDCERTIFICATE-----").filter(|block| !block.is_empty()).map(str::to_owned).collect()
    };
    let ours = blocks(ca);
    decoded.is_ok_and(|theirs| blocks(&theirs).iter().any(|block| ours.contains(block)))
}

fn entries<'a>(config: &'a Value, list: &str) -> &'a [Value] {
    config[list].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The administrator's: the certificates and the key of a control plane's `admin`, with names made from the cluster's and `server` set
/// to the endpoint, added to a file when there is one. Nothing else of `admin` is taken: `exec` and `proxy-url` there would run a
/// program on the operator's machine, or send what it asks elsewhere.
///
/// # Errors
/// One of the two is not a kubeconfig, `admin` lacks one of the three, or see [`check`].
pub fn for_operator(admin: &Secret, cluster: &Cluster, present: Option<Present<'_>>) -> Result<Secret, Unusable> {
    let admin = parse(admin, "the control plane's kubeconfig").map_err(Unusable::NotOne)?;
    let (cluster_entry, user) = (&admin["clusters"][0]["cluster"], &admin["users"][0]["user"]);
    let ca = pem(cluster_entry, "certificate-authority-data")?;
    let credentials: Value = ["client-certificate-data", "client-key-data"]
        .into_iter()
        .map(|field| Ok((field.to_owned(), json!(STANDARD.encode(pem(user, field)?)))))
        .collect::<Result<_, Unusable>>()?;
    assemble(cluster, &ca, Names::of_operator(cluster), &credentials, present)
}

/// A field of a control plane's kubeconfig that holds PEM in base64, decoded; every block of it is whole.
fn pem(entry: &Value, field: &str) -> Result<Vec<u8>, Unusable> {
    let not = || Unusable::NotOne(format!("the control plane's kubeconfig has no PEM in `{field}`"));
    let bytes = STANDARD.decode(entry[field].as_str().unwrap_or_default()).map_err(|_| not())?;
    let blocks: Vec<_> = x509_parser::pem::Pem::iter_from_buffer(&bytes).collect();
    if blocks.is_empty() || blocks.iter().any(Result::is_err) { Err(not()) } else { Ok(bytes) }
}

/// A named user's, whose context is `USER@CLUSTER`; `ca` is the cluster CA's certificate in PEM.
///
/// # Errors
/// See [`check`].
pub fn for_user(
    ca: &[u8],
    cluster: &Cluster,
    (user, credentials): (&UserName, &Value),
    present: Option<Present<'_>>,
) -> Result<Secret, Unusable> {
    assemble(cluster, ca, Names::of_user(user, cluster), credentials, present)
}

fn assemble(
    cluster: &Cluster,
    ca: &[u8],
    names: Names,
    user: &Value,
    present: Option<Present<'_>>,
) -> Result<Secret, Unusable> {
    let mut result = json!({ "apiVersion": "v1", "kind": "Config" });
    if let Some(present) = present {
        check(cluster, &names, present, Some(ca))?;
        result = parse(present.text, "the existing file").map_err(Unusable::NotOne)?;
    }
    // What else somebody has set in an entry of ours, as a namespace or a proxy, stays.
    let there = |list: &str, name: &str, kind: &str| {
        let found = entries(&result, list).iter().find(|entry| entry["name"] == name);
        found.map(|entry| entry[kind].clone()).filter(Value::is_object).unwrap_or_else(|| json!({}))
    };
    let mut cluster_entry = there("clusters", &cluster.name, "cluster");
    cluster_entry["server"] = json!(server(cluster));
    cluster_entry["certificate-authority-data"] = json!(STANDARD.encode(ca));
    let mut context = there("contexts", &names.context, "context");
    context["cluster"] = json!(cluster.name);
    context["user"] = json!(names.user);
    let wanted = [
        ("clusters", json!({ "name": cluster.name, "cluster": cluster_entry })),
        ("users", json!({ "name": names.user, "user": user })),
        ("contexts", json!({ "name": names.context, "context": context })),
    ];
    for (list, entry) in wanted {
        let mut items = entries(&result, list).to_vec();
        items.retain(|item| item["name"] != entry["name"]);
        items.push(entry);
        result[list] = Value::Array(items);
    }
    result["current-context"] = json!(names.context);
    crate::yaml::to_string(&result).map(Secret::new).map_err(|error| Unusable::NotOne(error.to_string()))
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
    if !matches!(cluster["cluster"]["insecure-skip-tls-verify"], Value::Null | Value::Bool(false)) {
        return Err("it does not verify its server".to_owned());
    }
    let user = named("users", &context["context"]["user"]).unwrap_or_default();
    let files = [
        (&cluster["cluster"], "certificate-authority"),
        (&cluster["cluster"], "proxy-url"),
        (&user["user"], "client-certificate"),
        (&user["user"], "client-key"),
        (&user["user"], "tokenFile"),
        (&user["user"], "exec"),
        (&user["user"], "auth-provider"),
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

    fn cluster() -> Cluster {
        let text = "cluster: {name: prod}\nhosts: {cp1: {address: 192.0.2.1, roles: [control-plane]}}\n";
        crate::inventory::parse("x", text, "/".as_ref()).unwrap_or_else(|invalid| panic!("{invalid}"))
    }

    #[test]
    fn of_a_control_planes_kubeconfig_only_certificates_and_the_key_are_taken() {
        let pem = STANDARD.encode(include_str!("../../tests/fixtures/certificates/ca.pem"));
        let admin = |cluster: &str, user: &str| {
            let text = format!(
                "{{apiVersion: v1, kind: Config, clusters: [{{name: a, cluster: {cluster}}}], users: [{{name: b, user: {user}}}]}}"
            );
            for_operator(&Secret::new(text), &self::cluster(), None)
        };
        let user = format!(
            "{{client-certificate-data: {pem}, client-key-data: {pem}, exec: {{command: /bin/evil}}, token: t}}"
        );
        let hostile =
            format!("{{certificate-authority-data: {pem}, proxy-url: 'http://evil', insecure-skip-tls-verify: true}}");
        let made: Value = parse(&admin(&hostile, &user).unwrap(), "it").unwrap();
        let keys = |entry: &Value| entry.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&made["users"][0]["user"]), ["client-certificate-data", "client-key-data"]);
        assert_eq!(keys(&made["clusters"][0]["cluster"]), ["server", "certificate-authority-data"]);
        for (cluster, user) in
            [("text", user.as_str()), (&hostile, "text"), (&hostile, "{client-certificate-data: AAAA}")]
        {
            assert!(matches!(admin(cluster, user), Err(Unusable::NotOne(_))), "{cluster} {user}");
        }
    }

    #[test]
    fn an_entry_of_the_existing_file_that_is_no_map_is_no_reason_to_stop() {
        let pem = STANDARD.encode(include_str!("../../tests/fixtures/certificates/ca.pem"));
        let admin = Secret::new(format!(
            "{{apiVersion: v1, kind: Config, clusters: [{{name: a, cluster: {{certificate-authority-data: {pem}}}}}], \
             users: [{{name: b, user: {{client-certificate-data: {pem}, client-key-data: {pem}}}}}]}}"
        ));
        let present =
            Secret::new("{kind: Config, contexts: text, users: {}, clusters: [{name: other, cluster: text}]}");
        let present = Present { text: &present, known_by: KnownBy::ServerAndCa };
        assert!(for_operator(&admin, &cluster(), Some(present)).is_ok());
    }

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
            ("token: swordfish", "exec: {command: x}", "its `exec` names something outside of it"),
            ("token: swordfish", "auth-provider: {name: x}", "its `auth-provider` names something outside of it"),
            (
                "certificate-authority-data: AAAA",
                "proxy-url: http://x",
                "its `proxy-url` names something outside of it",
            ),
            ("certificate-authority-data: AAAA", "insecure-skip-tls-verify: 1", "it does not verify its server"),
        ] {
            assert_eq!(said(from, to), Err(why.to_owned()));
        }
    }
}
