//! Decides whether a kubelet may have the serving certificate that it asks for.
//!
//! Kubernetes has no approver for `kubernetes.io/kubelet-serving`, because only whoever owns the machines knows their names
//! and addresses. The rules are upstream's (`ValidateKubeletServingCSR` in `pkg/apis/certificates/helpers.go`), and then
//! that name and addresses are those of the inventory.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::inventory::NodeName;
use crate::kube::certificates::address;

/// Who signs the certificates that kubelets serve with, in the API's terms.
pub const SIGNER: &str = "kubernetes.io/kubelet-serving";
const USER_PREFIX: &str = "system:node:";
const NODES: &str = "system:nodes";
const BEGIN: &str = "-----BEGIN CERTIFICATE REQUEST-----";

/// Why a request is not approved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    /// In words.
    pub why: String,
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { why: why.into() })
}

/// The node that a request for a serving certificate claims to come from; `None` for every other kind of request.
///
/// The claim is the API server's word: it fills `spec.username` from the client's credentials.
pub fn serving_node(csr: &Value) -> Option<&str> {
    let spec = csr.get("spec")?;
    (spec.get("signerName")?.as_str()? == SIGNER).then(|| spec.get("username")?.as_str()?.strip_prefix(USER_PREFIX))?
}

/// Whether nobody has approved or denied the request yet.
pub fn is_pending(csr: &Value) -> bool {
    let conditions = csr.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_none_or(Vec::is_empty)
}

/// Whether a request waits for an approval and may have it, as `node`.
pub fn may_have(csr: &Value, node: &NodeName, addresses: &[IpAddr]) -> bool {
    is_pending(csr) && serving_node(csr) == Some(node.as_str()) && check(csr, node, addresses).is_ok()
}

/// Checks one item of `kubectl get csr -o json` against the node that it claims to be for.
///
/// # Errors
/// The first field that is not exactly as a kubelet of that node would write it.
pub fn check(csr: &Value, node: &NodeName, addresses: &[IpAddr]) -> Result<(), Refusal> {
    let spec = csr.get("spec").unwrap_or(&Value::Null);
    check_requester(spec, node)?;
    let pem = spec.get("request").and_then(Value::as_str).unwrap_or_default();
    let Ok(pem) = STANDARD.decode(pem) else { return refuse("the request is not base64") };
    check_request(&pem, node, addresses)
}

/// What the API server says about who asks, and for what.
fn check_requester(spec: &Value, node: &NodeName) -> Result<(), Refusal> {
    let text = |field: &str| spec.get(field).and_then(Value::as_str).unwrap_or_default();
    if text("signerName") != SIGNER {
        return refuse(format!("the signer is {:?}, not {SIGNER}", text("signerName")));
    }
    if text("username") != format!("{USER_PREFIX}{node}") {
        return refuse(format!("the requester is {:?}, not {USER_PREFIX}{node}", text("username")));
    }
    let groups = texts(spec, "groups");
    if !groups.contains(NODES) || !groups.is_subset(&BTreeSet::from([NODES, "system:authenticated"])) {
        return refuse(format!("the requester's groups are {groups:?}"));
    }
    let usages = texts(spec, "usages");
    let needed = BTreeSet::from(["digital signature", "server auth"]);
    let allowed = BTreeSet::from(["digital signature", "key encipherment", "server auth"]);
    if !usages.is_superset(&needed) || !usages.is_subset(&allowed) {
        return refuse(format!("the usages are {usages:?}"));
    }
    Ok(())
}

/// What the kubelet wrote and signed.
fn check_request(pem: &[u8], node: &NodeName, addresses: &[IpAddr]) -> Result<(), Refusal> {
    // Anything before or after the one block could be read differently by the signer.
    if !pem.starts_with(BEGIN.as_bytes()) {
        return refuse("the request is not PEM of a certificate request");
    }
    let (rest, block) = parse_x509_pem(pem).or_else(|_| refuse("the request's PEM is damaged"))?;
    if !rest.trim_ascii().is_empty() {
        return refuse("the request holds more than one certificate request");
    }
    let (rest, request) =
        X509CertificationRequest::from_der(&block.contents).or_else(|_| refuse("the request cannot be read"))?;
    if !rest.is_empty() {
        return refuse("the request has something behind its end");
    }
    check_key(&request.certification_request_info.subject_pki)?;
    if request.verify_signature().is_err() {
        return refuse("the request is not signed with its own key");
    }
    check_subject(&request, node)?;
    check_names(&request, node, addresses)
}

/// A kubelet makes a key on P-256; P-384 and RSA from 2048 bits are as good.
fn check_key(key: &SubjectPublicKeyInfo<'_>) -> Result<(), Refusal> {
    match key.parsed() {
        Ok(PublicKey::EC(point)) if matches!(point.key_size(), 256 | 384) => Ok(()),
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() >= 2048 => Ok(()),
        Ok(PublicKey::RSA(rsa)) => refuse(format!("the key is RSA with {} bits only", rsa.key_size())),
        _ => refuse("the key is neither ECDSA on P-256 or P-384 nor RSA"),
    }
}

/// `O=system:nodes, CN=system:node:NAME` and nothing else.
fn check_subject(request: &X509CertificationRequest<'_>, node: &NodeName) -> Result<(), Refusal> {
    let subject = &request.certification_request_info.subject;
    let one = |mut values: Vec<Option<&str>>, wanted: &str, field: &str| match (values.pop(), values.is_empty()) {
        (Some(Some(found)), true) if found == wanted => Ok(()),
        _ => refuse(format!("the subject is {subject:?}: its {field} is not {wanted}", subject = subject.to_string())),
    };
    let names = subject.iter_common_name().map(|name| name.as_str().ok()).collect();
    one(names, &format!("{USER_PREFIX}{node}"), "common name")?;
    let organizations = subject.iter_organization().map(|name| name.as_str().ok()).collect();
    one(organizations, NODES, "organization")?;
    if subject.iter_attributes().count() != 2 {
        return refuse(format!("the subject {:?} says more than organization and common name", subject.to_string()));
    }
    Ok(())
}

/// Exactly the node's name, and addresses only of this node. A kubelet may ask before it knows its addresses.
fn check_names(request: &X509CertificationRequest<'_>, node: &NodeName, addresses: &[IpAddr]) -> Result<(), Refusal> {
    let mut attributes = request.certification_request_info.iter_attributes();
    let (Some(attribute), None) = (attributes.next(), attributes.next()) else {
        return refuse("the request has other attributes than its extensions");
    };
    let ParsedCriAttribute::ExtensionRequest(requested) = attribute.parsed_attribute() else {
        return refuse("the request has other attributes than its extensions");
    };
    let [extension] = requested.extensions.as_slice() else {
        return refuse("the request asks for other extensions than alternative names");
    };
    let ParsedExtension::SubjectAlternativeName(alternative) = extension.parsed_extension() else {
        return refuse("the request asks for other extensions than alternative names");
    };
    let mut has_name = false;
    for name in &alternative.general_names {
        match name {
            GeneralName::DNSName(name) if *name == node.as_str() => has_name = true,
            GeneralName::DNSName(name) => return refuse(format!("the name {name:?} is not {node}")),
            GeneralName::IPAddress(bytes) => match address(bytes) {
                Some(address) if addresses.contains(&address) => {}
                Some(address) => return refuse(format!("the address {address} is not one of {node}")),
                None => return refuse("an address is neither IPv4 nor IPv6"),
            },
            other => return refuse(format!("{other} is neither a host name nor an address")),
        }
    }
    if has_name { Ok(()) } else { refuse(format!("the name {node} is missing")) }
}

fn texts<'a>(spec: &'a Value, field: &str) -> BTreeSet<&'a str> {
    let list = spec.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // What is not text counts as the empty text, which nothing allows.
    list.iter().map(|item| item.as_str().unwrap_or_default()).collect()
}
