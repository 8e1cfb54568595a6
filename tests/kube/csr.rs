//! Which serving certificates a kubelet gets. The requests were made by `tests/fixtures/csr/make.sh`.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forge::inventory::NodeName;
use forge::kube::csr;
use serde_json::{Value, json};

fn request(file: &str) -> Value {
    let path = format!("{}/tests/fixtures/csr/{file}.pem", env!("CARGO_MANIFEST_DIR"));
    json!({
        "metadata": {"name": "csr-9w2fz"},
        "spec": {
            "groups": ["system:nodes", "system:authenticated"],
            "request": STANDARD.encode(std::fs::read(path).unwrap()),
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
            "username": "system:node:cp1",
        },
        "status": {},
    })
}

fn verdict(csr: &Value) -> String {
    let addresses: [IpAddr; 2] = ["10.0.0.11".parse().unwrap(), "fd00::11".parse().unwrap()];
    match csr::check(csr, &NodeName::new("cp1").unwrap(), &addresses) {
        Ok(()) => "approved".to_owned(),
        Err(refusal) => refusal.to_string(),
    }
}

fn with(field: &str, value: Value) -> String {
    let mut csr = request("good");
    csr["spec"][field] = value;
    verdict(&csr)
}

#[test]
fn what_a_kubelet_asks_for_is_approved() {
    for file in ["good", "good-p384", "good-rsa", "good-without-address", "good-two-addresses"] {
        assert_eq!(verdict(&request(file)), "approved", "{file}");
    }
    assert_eq!(with("usages", json!(["key encipherment", "digital signature", "server auth"])), "approved");
}

#[test]
fn every_field_of_the_request_object_is_checked() {
    let told = [
        with("signerName", json!("kubernetes.io/kube-apiserver-client")),
        with("signerName", Value::Null),
        with("username", json!("system:node:cp2")),
        with("username", json!("system:node:cp11")),
        with("username", json!("kubernetes-admin")),
        with("groups", json!(["system:authenticated"])),
        with("groups", json!(["system:nodes", "system:masters"])),
        with("groups", json!(["system:nodes", 1])),
        with("usages", json!(["server auth"])),
        with("usages", json!(["digital signature", "server auth", "client auth"])),
        with("usages", json!([])),
        with("request", json!("%")),
        with("request", json!("")),
        with("request", Value::Null),
        verdict(&json!({})),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    the signer is "kubernetes.io/kube-apiserver-client", not kubernetes.io/kubelet-serving
    the signer is "", not kubernetes.io/kubelet-serving
    the requester is "system:node:cp2", not system:node:cp1
    the requester is "system:node:cp11", not system:node:cp1
    the requester is "kubernetes-admin", not system:node:cp1
    the requester's groups are {"system:authenticated"}
    the requester's groups are {"system:masters", "system:nodes"}
    the requester's groups are {"", "system:nodes"}
    the usages are {"server auth"}
    the usages are {"client auth", "digital signature", "server auth"}
    the usages are {}
    the request is not base64
    the request is not PEM of a certificate request
    the request is not PEM of a certificate request
    the signer is "", not kubernetes.io/kubelet-serving
    "#);
}

#[test]
fn every_field_of_the_signed_request_is_checked() {
    let files = [
        "common-name",
        "common-name-missing",
        "common-name-twice",
        "organization",
        "organization-missing",
        "organization-twice",
        "subject-unit",
        "dns-other",
        "dns-additional",
        "dns-missing",
        "ip-other",
        "ip-mapped",
        "email",
        "uri",
        "names-missing",
        "extension-ca",
        "challenge",
        "key-rsa1024",
        "key-p521",
        "key-ed25519",
        "signature",
        "pem-longer",
        "pem-two",
        "pem-text",
        "pem-label",
    ];
    let told: Vec<_> = files.iter().map(|file| format!("{file}: {}", verdict(&request(file)))).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    common-name: the subject is "O=system:nodes, CN=system:node:cp2": its common name is not system:node:cp1
    common-name-missing: the subject is "O=system:nodes": its common name is not system:node:cp1
    common-name-twice: the subject is "O=system:nodes, CN=system:node:cp1, CN=system:node:cp1": its common name is not system:node:cp1
    organization: the subject is "O=system:masters, CN=system:node:cp1": its organization is not system:nodes
    organization-missing: the subject is "CN=system:node:cp1": its organization is not system:nodes
    organization-twice: the subject is "O=system:nodes, O=system:masters, CN=system:node:cp1": its organization is not system:nodes
    subject-unit: the subject "O=system:nodes, CN=system:node:cp1, OU=more" says more than organization and common name
    dns-other: the name "kubernetes" is not cp1
    dns-additional: the name "kubernetes.default.svc" is not cp1
    dns-missing: the name cp1 is missing
    ip-other: the address 10.96.0.1 is not one of cp1
    ip-mapped: the address ::ffff:10.0.0.11 is not one of cp1
    email: RFC822Name(root@cp1) is neither a host name nor an address
    uri: URI(https://cp1) is neither a host name nor an address
    names-missing: the request has other attributes than its extensions
    extension-ca: the request asks for other extensions than alternative names
    challenge: the request has other attributes than its extensions
    key-rsa1024: the key is RSA with 1024 bits only
    key-p521: the key is neither ECDSA on P-256 or P-384 nor RSA
    key-ed25519: the key is neither ECDSA on P-256 or P-384 nor RSA
    signature: the request is not signed with its own key
    pem-longer: the request has something behind its end
    pem-two: the request holds more than one certificate request
    pem-text: the request is not PEM of a certificate request
    pem-label: the request is not PEM of a certificate request
    "#);
}

#[test]
fn no_fixture_is_forgotten() {
    let folder = format!("{}/tests/fixtures/csr", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "pem"));
    assert_eq!(files.count(), 5 + 25);
}

#[test]
fn requests_are_sorted_by_what_they_claim() {
    let mut csr = request("good");
    assert_eq!((csr::serving_node(&csr), csr::is_pending(&csr)), (Some("cp1"), true));
    csr["status"] = json!({"conditions": [{"type": "Approved"}]});
    assert!(!csr::is_pending(&csr));
    csr["spec"]["signerName"] = json!("kubernetes.io/kube-apiserver-client-kubelet");
    assert_eq!(csr::serving_node(&csr), None);
}
