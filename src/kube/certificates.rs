//! Reads X.509 certificates: whose they are, who signed them, until when they are good.

use std::net::IpAddr;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::Pem;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

use crate::secret::hex;

/// What forge shows and compares of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// For instance `O=system:nodes, CN=system:node:cp1`.
    pub subject: String,
    /// As the subject.
    pub issuer: String,
    /// DNS names and addresses.
    pub sans: Vec<String>,
    /// `ECDSA P-256`, `RSA 2048`.
    pub key: String,
    /// Hexadecimal with colons.
    pub serial: String,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// The identifier of its key, in hexadecimal; empty when it does not tell.
    #[serde(skip)]
    pub key_id: String,
    /// The identifier of the key that signed it. Two authorities may have the same name, and then only this tells which.
    #[serde(skip)]
    pub signer_id: String,
    /// SHA-256 of the certificate, in hexadecimal.
    #[serde(skip)]
    pub fingerprint: String,
}

/// Why a text holds no certificate that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotACertificate(String);

/// Every certificate of a PEM text, in its order. Other blocks, such as the key in a kubelet's `…-current.pem`, are skipped.
///
/// # Errors
/// When there is none, or one cannot be read.
pub fn parse(pem: &str) -> Result<Vec<Certificate>, NotACertificate> {
    let mut found = Vec::new();
    for block in Pem::iter_from_buffer(pem.as_bytes()) {
        let block = block.map_err(|error| NotACertificate(format!("the PEM is damaged: {error}")))?;
        if block.label == "CERTIFICATE" {
            let certificate = block
                .parse_x509()
                .map_err(|error| NotACertificate(format!("a certificate cannot be read: {error}")))?;
            found.push(Certificate { fingerprint: hex(&Sha256::digest(&block.contents)), ..describe(&certificate)? });
        }
    }
    if found.is_empty() { Err(NotACertificate("there is no certificate in it".to_owned())) } else { Ok(found) }
}

fn describe(certificate: &X509Certificate<'_>) -> Result<Certificate, NotACertificate> {
    let alternative = certificate.subject_alternative_name().map_err(|error| NotACertificate(error.to_string()))?;
    let names = alternative.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    Ok(Certificate {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        sans: names.iter().filter_map(name).collect(),
        key: key(certificate),
        serial: certificate.tbs_certificate.raw_serial_as_string(),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
        key_id: key_id(certificate),
        signer_id: signer_id(certificate),
        fingerprint: String::new(),
    })
}

fn key_id(certificate: &X509Certificate<'_>) -> String {
    let id = certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(hex(id.0)),
        _ => None,
    });
    id.unwrap_or_default()
}

fn signer_id(certificate: &X509Certificate<'_>) -> String {
    let id = certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| hex(id.0)),
        _ => None,
    });
    id.unwrap_or_default()
}

/// The certificates of a PEM text, each as the text it is written in.
pub fn texts(pem: &str) -> impl Iterator<Item = &str> {
    const END: &str = "-----END CERTIFICATE-----";
    pem.match_indices("-----BEGIN CERTIFICATE-----").filter_map(|(begin, _)| {
        let text = pem.get(begin..)?;
        text.get(..text.find(END)? + END.len())
    })
}

fn key(certificate: &X509Certificate<'_>) -> String {
    match certificate.public_key().parsed() {
        Ok(PublicKey::EC(point)) => format!("ECDSA P-{}", point.key_size()),
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        _ => certificate.public_key().algorithm.algorithm.to_string(),
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    }
}

/// An address as certificates write it: 4 or 16 bytes.
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}
