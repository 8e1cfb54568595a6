//! Kubeconfigs that are added to a file which a person has already.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forge::kube::kubeconfig::{KnownBy, Names, Present, Unusable, check, for_operator, for_user};
use forge::secret::Secret;
use serde_json::{Value, json};

use crate::fixture::{single, text};

const CA: &str = "-----BEGIN CERTIFICATE-----\nT1VSIENB\n-----END CERTIFICATE-----\n";
const OTHER: &str = "-----BEGIN CERTIFICATE-----\nT1RIRVI=\n-----END CERTIFICATE-----\n";

fn credentials() -> Value {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nbmV3\n-----END RSA PRIVATE KEY-----\n";
    json!({"client-certificate-data": STANDARD.encode(CA), "client-key-data": STANDARD.encode(key)})
}

/// As kubeadm writes it.
fn admin() -> Secret {
    Secret::new(
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "kubernetes-admin@kubernetes",
            "clusters": [{"name": "kubernetes", "cluster": {"server": "https://10.0.0.11:6443", "certificate-authority-data": STANDARD.encode(CA)}}],
            "users": [{"name": "kubernetes-admin", "user": credentials()}],
            "contexts": [{"name": "kubernetes-admin@kubernetes", "context": {"cluster": "kubernetes", "user": "kubernetes-admin"}}],
        })
        .to_string(),
    )
}

/// A file with the cluster in it, changed.
fn file(change: impl Fn(&mut Value)) -> Secret {
    let mut config: Value = serde_yaml::from_str(&text(&for_operator(&admin(), &single(), None).unwrap())).unwrap();
    change(&mut config);
    Secret::new(config.to_string())
}

fn merged(file: &Secret, known_by: KnownBy) -> Result<Value, Unusable> {
    let text = for_operator(&admin(), &single(), Some(Present { text: file, known_by }))?;
    Ok(serde_yaml::from_str(&crate::fixture::text(&text)).unwrap())
}

fn refused(file: &Secret, known_by: KnownBy) -> (&'static str, String, String) {
    match merged(file, known_by).unwrap_err() {
        Unusable::Taken { kind, name, why } => (kind, name, why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_cluster_is_refreshed_and_what_else_was_set_stays() {
    let old = file(|config| {
        config["clusters"][0]["cluster"]["proxy-url"] = json!("socks5://127.0.0.1:1080");
        config["contexts"][0]["context"]["namespace"] = json!("shop");
        config["users"][0]["user"] = json!({"client-certificate-data": "b2xk", "client-key-data": "b2xk"});
        config["clusters"].as_array_mut().unwrap().push(json!({"name": "theirs", "cluster": {"server": "https://x"}}));
        config["current-context"] = json!("theirs");
    });
    let new = merged(&old, KnownBy::ServerAndCa).unwrap();
    let entry = |list: &str, name: &str, kind: &str| {
        let entries = new[list].as_array().unwrap();
        entries.iter().find(|entry| entry["name"] == name).unwrap()[kind].clone()
    };
    assert_eq!(entry("clusters", "prod", "cluster")["proxy-url"], "socks5://127.0.0.1:1080");
    assert_eq!(
        entry("contexts", "prod", "context"),
        json!({"cluster": "prod", "user": "prod-admin", "namespace": "shop"})
    );
    assert_eq!(entry("users", "prod-admin", "user"), credentials());
    assert_eq!(entry("clusters", "theirs", "cluster"), json!({"server": "https://x"}));
    assert_eq!((new["clusters"].as_array().unwrap().len(), &new["current-context"]), (2, &json!("prod")));
}

#[test]
fn another_cluster_of_the_same_name_is_not_replaced() {
    let elsewhere = file(|config| config["clusters"][0]["cluster"]["server"] = json!("https://other.example:6443"));
    for known_by in [KnownBy::ServerAndCa, KnownBy::Server] {
        let (kind, name, why) = refused(&elsewhere, known_by);
        assert_eq!((kind, name.as_str()), ("cluster", "prod"));
        assert!(
            why.starts_with(r#"its server is "https://other.example:6443", and the inventory's is https://"#),
            "{why}"
        );
    }
    let ca = |pem: &str| {
        let data = json!(STANDARD.encode(pem));
        file(|config| config["clusters"][0]["cluster"]["certificate-authority-data"] = data.clone())
    };
    let (kind, _, why) = refused(&ca(OTHER), KnownBy::ServerAndCa);
    assert!(kind == "cluster" && why.ends_with("with another CA certificate"), "{why}");
    // While a CA is replaced there are two of them in the file, and once it was, the caller knows.
    assert!(merged(&ca(&format!("{OTHER}{CA}")), KnownBy::ServerAndCa).is_ok());
    assert!(merged(&ca(OTHER), KnownBy::Server).is_ok());
    let unknown = file(|config| {
        config["clusters"][0]["cluster"] =
            json!({"server": "https://api.prod.example:6443", "certificate-authority": "/ca.crt"});
    });
    assert!(merged(&unknown, KnownBy::ServerAndCa).is_err());
}

#[test]
fn another_user_or_context_of_the_same_name_is_not_replaced() {
    let user = file(|config| {
        config["clusters"] = json!([]);
        config["contexts"] = json!([{"name": "theirs", "context": {"cluster": "theirs", "user": "prod-admin"}}]);
    });
    let words = (r#"no context "prod" of the file uses it"#).to_owned();
    assert_eq!(refused(&user, KnownBy::ServerAndCa), ("user", "prod-admin".to_owned(), words));
    let context = file(|config| {
        config["clusters"] = json!([]);
        config["contexts"][0]["context"] = json!({"cluster": "theirs", "user": "me"});
    });
    let words = r#"it is the user "me" at the cluster "theirs""#.to_owned();
    assert_eq!(refused(&context, KnownBy::ServerAndCa), ("context", "prod".to_owned(), words));
}

#[test]
fn a_person_is_asked_about_before_anything_is_issued() {
    let (cluster, user) = (single(), "jane".parse().unwrap());
    let theirs = Secret::new(
        json!({"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "prod", "cluster": {"server": "https://other"}}]})
            .to_string(),
    );
    let present = Present { text: &theirs, known_by: KnownBy::ServerAndCa };
    assert!(check(&cluster, &Names::of_user(&user, &cluster), present, None).is_err());
    assert!(for_user(CA.as_bytes(), &cluster, (&user, &json!({})), Some(present)).is_err());
    // Beside the administrator's.
    let ours = file(|_| {});
    let present = Present { text: &ours, known_by: KnownBy::ServerAndCa };
    let both = for_user(CA.as_bytes(), &cluster, (&user, &json!({"token": "t"})), Some(present)).unwrap();
    let both: Value = serde_yaml::from_str(&text(&both)).unwrap();
    let names = |list: &str| -> Vec<Value> {
        both[list].as_array().unwrap().iter().map(|entry| entry["name"].clone()).collect()
    };
    assert_eq!(
        (names("clusters"), names("users")),
        (vec![json!("prod")], vec![json!("prod-admin"), json!("jane@prod")])
    );
}
