//! The encryption configuration: made, read back, rotated.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forge::inventory::cluster::EncryptionProvider;
use forge::kube::encryption::{EncryptionFile, EncryptionKey, Provider, Writer, encryption_config};
use forge::secret::Secret;

use crate::fixture::{single, templates, text};

fn key(name: &str, byte: u8) -> EncryptionKey {
    EncryptionKey { name: name.to_owned(), secret: Secret::new(vec![byte; 32]) }
}

fn fresh() -> Secret {
    encryption_config(&templates(), &single().security.encryption, &key("key-20261123a", 7)).unwrap()
}

#[test]
fn a_new_cluster_encrypts_from_the_start() {
    insta::assert_snapshot!(text(&fresh()), @r#"
    apiVersion: apiserver.config.k8s.io/v1
    kind: EncryptionConfiguration
    resources:
    - resources: ["secrets"]
      providers:
      - secretbox:
          keys:
          - name: "key-20261123a"
            secret: "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
      - identity: {}
    "#);
}

#[test]
fn a_generated_key_is_written_as_exactly_32_bytes() {
    let key = EncryptionKey::generate("key-20261123a").unwrap();
    let file = encryption_config(&templates(), &single().security.encryption, &key).unwrap();
    let parsed: serde_json::Value = serde_yaml::from_str(&text(&file)).unwrap();
    let written = parsed["resources"][0]["providers"][0]["secretbox"]["keys"][0]["secret"].as_str().unwrap();
    assert_eq!(STANDARD.decode(written).unwrap(), key.secret.expose());
    assert_eq!(key.secret.expose().len(), 32);
}

#[test]
fn what_was_written_is_read_back() {
    let file = EncryptionFile::parse(&fresh()).unwrap();
    let Some(Writer::Key(kind, writer)) = file.first() else { panic!("nothing encrypts") };
    assert_eq!((kind, writer.name.as_str()), (EncryptionProvider::Secretbox, "key-20261123a"));
    assert_eq!(writer.secret.expose(), [7; 32]);
    assert_eq!(
        (file.resources.as_slice(), file.key_names()),
        (["secrets".to_owned()].as_slice(), vec!["key-20261123a"])
    );
    assert_eq!(text(&file.render(&templates()).unwrap()), text(&fresh()));
}

#[test]
fn a_rotation_changes_order_and_provider() {
    let old = Provider::Local { kind: EncryptionProvider::Aescbc, keys: vec![key("old", 1)] };
    let new = Provider::Local { kind: EncryptionProvider::Secretbox, keys: vec![key("new", 2), key("newer", 3)] };
    let resources = vec!["secrets".to_owned(), "widgets.example.com".to_owned()];
    let file = EncryptionFile { resources, providers: vec![new, old, Provider::Identity] };
    insta::assert_snapshot!(text(&file.render(&templates()).unwrap()), @r#"
    apiVersion: apiserver.config.k8s.io/v1
    kind: EncryptionConfiguration
    resources:
    - resources: ["secrets", "widgets.example.com"]
      providers:
      - secretbox:
          keys:
          - name: "new"
            secret: "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
          - name: "newer"
            secret: "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="
      - aescbc:
          keys:
          - name: "old"
            secret: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
      - identity: {}
    "#);
}

#[test]
fn files_that_could_not_be_written_again_are_refused() {
    let good = text(&fresh());
    let bad = [
        "",
        "kind: [",
        &good.replace("EncryptionConfiguration", "Secret"),
        &good.replace("config.k8s.io/v1", "config.k8s.io/v1beta1"),
        &good.replace("secretbox", "kms"),
        &good.replace("BwcH", "Bw"),
        &good.replace("BwcHBwcHBwcH", ""),
        &good.replace("BwcH", "!!!!"),
        &good.replace("key-20261123a", ""),
        &format!("{good}- resources: [configmaps]\n  providers:\n  - identity: {{}}\n"),
        &good.replace(
            "  - identity: {}",
            "  - aescbc: {keys: [{name: key-20261123a, secret: BwcHBwcHBwcHBwcHBwcHBw==}]}",
        ),
        &good.replace("  - identity: {}", "  - {}"),
    ];
    let told: Vec<_> = bad
        .iter()
        .map(|file| {
            let error = EncryptionFile::parse(&Secret::new(*file)).unwrap_err();
            assert!(!error.to_string().contains("BwcH"), "{error}");
            error.to_string()
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    it is not an EncryptionConfiguration of local keys as forge writes it
    it is not an EncryptionConfiguration of local keys as forge writes it
    it is not an EncryptionConfiguration of apiserver.config.k8s.io/v1
    it is not an EncryptionConfiguration of apiserver.config.k8s.io/v1
    it is not an EncryptionConfiguration of local keys as forge writes it
    key "key-20261123a" has 17 bytes or no name
    key "key-20261123a" has 5 bytes or no name
    key "key-20261123a" is not base64
    key "" has 32 bytes or no name
    it has not exactly one group of resources
    key name "key-20261123a" is there twice
    an entry of providers has not exactly one provider
    "#);
}

#[test]
fn the_api_server_accepts_shorter_keys_for_aes_only() {
    let file = |kind| {
        let keys = vec![EncryptionKey { name: "short".into(), secret: Secret::new([1; 16]) }];
        EncryptionFile { resources: vec!["secrets".into()], providers: vec![Provider::Local { kind, keys }] }
    };
    assert!(file(EncryptionProvider::Aescbc).render(&templates()).is_ok());
    assert!(file(EncryptionProvider::Secretbox).render(&templates()).is_err());
}
