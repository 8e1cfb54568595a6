//! A person's short-lived way in: a client certificate with a name and groups, asked for through the CSR API.
//!
//! The key is made here and only leaves in the kubeconfig. What may be asked for is narrower than what Kubernetes would sign.

mod der;

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use x509_parser::pem::parse_x509_pem;

use crate::render::{RenderError, Templates};
use crate::secret::{Secret, hex};

const SIGNER: &str = "kubernetes.io/kube-apiserver-client";
const USAGES: [&str; 2] = ["digital signature", "client auth"];

/// Who the certificate says that it is: the user name in RBAC and in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

/// A group in RBAC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group(String);

/// How long the certificate shall be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl(u32);

impl UserName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A common name holds 64 characters (RFC 5280, ub-common-name).
        is_word(text, "._@-", 64).map_err(|why| format!("{text:?} is not a user name: {why}"))?;
        if ["kubernetes-admin", "kubernetes-super-admin"].contains(&text) {
            return Err(format!("{text:?} is kubeadm's own administrator; a person's name tells who did what"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Group {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("system:") {
            return Err(format!("{text:?} is one of Kubernetes' own groups, some of which no rule can hold back"));
        }
        is_word(text, "._@:/-", 64).map_err(|why| format!("{text:?} is not a group: {why}"))?;
        Ok(Self(text.to_owned()))
    }
}

/// Letters and digits first and last, and `more` between them.
fn is_word(text: &str, more: &str, most: usize) -> Result<(), String> {
    let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let inside = |letter: char| letter.is_ascii_alphanumeric() || more.contains(letter);
    let fits = text.len() <= most && text.chars().all(inside) && ends(text.chars().next()) && ends(text.chars().last());
    if fits {
        Ok(())
    } else {
        Err(format!("at most {most} letters, digits and {more}, a letter or digit at both ends"))
    }
}

impl Ttl {
    /// The API server's lower bound for `expirationSeconds`.
    const LEAST: u32 = 600;
    /// What kubeadm's controller manager signs at most: a year.
    const MOST: u32 = 365 * 86_400;

    /// In seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl FromStr for Ttl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a time: write 30m, 24h or 7d");
        let unit = text.chars().last().ok_or_else(wrong)?;
        let factor = [('m', 60), ('h', 3600), ('d', 86_400)].into_iter().find(|(letter, _)| *letter == unit);
        let (letter, factor) = factor.ok_or_else(wrong)?;
        let count: u32 = text.strip_suffix(letter).unwrap_or_default().parse().map_err(|_| wrong())?;
        let seconds = count.checked_mul(factor).filter(|seconds| *seconds <= Self::MOST);
        match seconds {
            Some(seconds) if seconds >= Self::LEAST => Ok(Self(seconds)),
            Some(_) => Err(format!("{text} is too short: Kubernetes signs for 10m at least")),
            None => Err(format!("{text} is too long: Kubernetes signs for 365d at most")),
        }
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&lifetime(i64::from(self.0)))
    }
}

/// Seconds as people say it: `24h`, `7d`, `30m`, to the minute.
pub fn lifetime(seconds: i64) -> String {
    let minutes = seconds / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, 0) => format!("{hours}h"),
        (0, hours, minutes) => format!("{hours}h{minutes}m"),
        (1, 0, 0) => "24h".to_owned(),
        (days, 0, 0) => format!("{days}d"),
        (days, hours, _) => format!("{days}d{hours}h"),
    }
}

/// A request on its way, and the key that only it knows.
pub struct UserRequest {
    /// The object's name in the cluster.
    pub name: String,
    user: UserName,
    groups: Vec<Group>,
    ttl: Ttl,
    key: EcdsaKeyPair,
    key_pem: Secret,
    pem: String,
}

impl UserRequest {
    /// Makes a key and a request that it signs.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn new(user: UserName, mut groups: Vec<Group>, ttl: Ttl) -> Result<Self, String> {
        groups.sort();
        groups.dedup();
        let random = SystemRandom::new();
        let wrong = |_| "no key could be made".to_owned();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(wrong)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random)
            .map_err(|error| error.to_string())?;
        let organizations: Vec<&str> = groups.iter().map(|group| group.0.as_str()).collect();
        let info = der::request_info(&user.0, &organizations, key.public_key().as_ref());
        let signature = key.sign(&random, &info).map_err(wrong)?;
        let key_pem = Secret::new(pem("PRIVATE KEY", document.as_ref()));
        let pem = pem("CERTIFICATE REQUEST", &der::signed(&info, signature.as_ref()));
        let suffix = Secret::random(5).map_err(|error| error.to_string())?;
        let name = format!("forge-user-{}", hex(suffix.expose()));
        Ok(Self { name, user, groups, ttl, key, key_pem, pem })
    }

    /// The object that asks for the certificate.
    ///
    /// # Errors
    /// The template is broken.
    pub fn object(&self, templates: &Templates) -> Result<String, RenderError> {
        let request = STANDARD.encode(&self.pem);
        let context = json!({ "name": self.name, "seconds": self.ttl.seconds(), "request": request });
        templates.render("users/request.yaml.tera", &context)
    }

    /// Whether what the API server shows under our name is what we asked for: nobody approves anything else.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&self, object: &Value) -> Result<(), String> {
        let spec = &object["spec"];
        let expected = [
            ("request", json!(STANDARD.encode(&self.pem))),
            ("signerName", json!(SIGNER)),
            ("usages", json!(USAGES)),
            ("expirationSeconds", json!(self.ttl.seconds())),
        ];
        if object["metadata"]["name"] != json!(self.name) {
            return Err(format!("the request has the name {}", object["metadata"]["name"]));
        }
        match expected.iter().find(|(field, value)| spec[*field] != *value) {
            Some((field, _)) => Err(format!("the request's {field} is not what forge asked for")),
            None if !super::csr::is_pending(object) => Err("somebody else has answered the request".to_owned()),
            None => Ok(()),
        }
    }

    /// Until when the certificate is good, in seconds since 1970, when it is for our key, name and groups and nothing else.
    ///
    /// # Errors
    /// What differs.
    pub fn judge(&self, certificate: &[u8]) -> Result<i64, String> {
        let unread = |error: &dyn fmt::Display| format!("the certificate cannot be read: {error}");
        let (_, block) = parse_x509_pem(certificate).map_err(|error| unread(&error))?;
        let parsed = block.parse_x509().map_err(|error| unread(&error))?;
        if parsed.public_key().subject_public_key.data.as_ref() != self.key.public_key().as_ref() {
            return Err("the certificate is for another key".to_owned());
        }
        let names: Vec<_> = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok()).collect();
        let mut groups: Vec<_> = parsed.subject().iter_organization().filter_map(|name| name.as_str().ok()).collect();
        groups.sort_unstable();
        let wanted: Vec<&str> = self.groups.iter().map(|group| group.0.as_str()).collect();
        if names != [self.user.as_str()] || groups != wanted {
            return Err(format!("the certificate is for {}", parsed.subject()));
        }
        Ok(parsed.validity().not_after.timestamp())
    }

    /// What goes under `user` in a kubeconfig.
    pub fn credentials(&self, certificate: &[u8]) -> Value {
        json!({
            "client-certificate-data": STANDARD.encode(certificate),
            "client-key-data": STANDARD.encode(self.key_pem.expose()),
        })
    }

    /// Whose it is.
    pub fn user(&self) -> &UserName {
        &self.user
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).filter_map(|at| text.get(at..text.len().min(at + 64))).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use x509_parser::certification_request::X509CertificationRequest;
    use x509_parser::prelude::FromDer as _;

    use super::*;

    fn request(user: &str, groups: &[String]) -> UserRequest {
        let groups = groups.iter().map(|group| group.parse().unwrap()).collect();
        UserRequest::new(user.parse().unwrap(), groups, "24h".parse().unwrap()).unwrap()
    }

    #[test]
    fn another_reader_finds_name_groups_and_a_good_signature() {
        let many: Vec<String> = (0..40).map(|number| format!("group-{number:02}")).collect();
        for groups in [&[][..], &many[..1], &many] {
            let request = request("jane@example.com", groups);
            let (_, block) = parse_x509_pem(request.pem.as_bytes()).unwrap();
            let (rest, parsed) = X509CertificationRequest::from_der(&block.contents).unwrap();
            assert!(rest.is_empty());
            parsed.verify_signature().unwrap();
            let subject = &parsed.certification_request_info.subject;
            let organizations: Vec<_> = subject.iter_organization().map(|name| name.as_str().unwrap()).collect();
            assert_eq!(organizations, groups);
            assert_eq!(
                subject.iter_common_name().map(|name| name.as_str().unwrap()).collect::<Vec<_>>(),
                ["jane@example.com"]
            );
        }
    }

    #[test]
    fn names_and_groups_that_would_be_somebody_elses_are_refused() {
        for good in ["jane", "jane.doe@example.com", "ci-runner_2"] {
            assert!(good.parse::<UserName>().is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in
            ["", "system:admin", "system:node:cp1", "kubernetes-admin", "a b", "-a", "a.", "a/b", "ä", "a\n", &long]
        {
            assert!(bad.parse::<UserName>().is_err(), "{bad}");
        }
        for good in ["dev", "oidc:dev", "forge:viewers", "kubeadm:cluster-admins", "team/a"] {
            assert!(good.parse::<Group>().is_ok(), "{good}");
        }
        for bad in ["", "system:masters", "system:nodes", "system:", ":system:masters", "a,b", "a b", &long] {
            assert!(bad.parse::<Group>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_minutes_hours_or_days_that_kubernetes_signs() {
        let said = |text: &str| match text.parse::<Ttl>() {
            Ok(ttl) => format!("{} {ttl}", ttl.seconds()),
            Err(why) => why,
        };
        for (text, expected) in [
            ("10m", "600 10m"),
            ("90m", "5400 1h30m"),
            ("24h", "86400 24h"),
            ("7d", "604800 7d"),
            ("365d", "31536000 365d"),
            ("9m", "9m is too short: Kubernetes signs for 10m at least"),
            ("366d", "366d is too long: Kubernetes signs for 365d at most"),
            ("99999999d", "99999999d is too long: Kubernetes signs for 365d at most"),
            ("24", "\"24\" is not a time: write 30m, 24h or 7d"),
            ("-1h", "\"-1h\" is not a time: write 30m, 24h or 7d"),
            ("1hh", "\"1hh\" is not a time: write 30m, 24h or 7d"),
            ("", "\"\" is not a time: write 30m, 24h or 7d"),
        ] {
            assert_eq!(said(text), expected);
        }
    }

    #[test]
    fn only_the_request_that_was_made_is_approved() {
        let request = request("jane", &["dev".to_owned()]);
        let templates = Templates::load(None).unwrap();
        let good: Value = crate::yaml::from_str(&request.object(&templates).unwrap()).unwrap();
        assert_eq!(request.check(&good), Ok(()));
        for (pointer, other) in [
            ("/metadata/name", json!("another")),
            ("/spec/request", json!("LS0t")),
            ("/spec/signerName", json!("kubernetes.io/kubelet-serving")),
            ("/spec/usages", json!(["digital signature", "client auth", "server auth"])),
            ("/spec/expirationSeconds", json!(31_536_000)),
        ] {
            let mut changed = good.clone();
            *changed.pointer_mut(pointer).unwrap() = other;
            assert!(request.check(&changed).is_err(), "{pointer}");
        }
        let mut answered = good;
        answered["status"] = json!({"conditions": [{"type": "Approved"}]});
        assert_eq!(request.check(&answered), Err("somebody else has answered the request".to_owned()));
    }

    #[test]
    fn a_certificate_for_somebody_else_is_not_taken() {
        let stranger = include_bytes!("../../tests/fixtures/certificates/apiserver.pem");
        let told = request("jane", &[]).judge(stranger);
        assert_eq!(told, Err("the certificate is for another key".to_owned()));
    }
}
