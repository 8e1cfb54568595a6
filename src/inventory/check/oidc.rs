//! `security.oidc`: issuers, as the API server will accept them (`ValidateAuthenticationConfiguration` of k8s.io/apiserver).

use super::files::Files;
use super::syntax::is_url;
use crate::inventory::cluster::{Claim, Issuer};
use crate::inventory::finding::Findings;
use crate::inventory::model::{self, Inventory};

/// The issuers, or findings.
pub(super) fn issuers(inventory: &Inventory, files: &Files<'_>, findings: &mut Findings<'_>) -> Option<Vec<Issuer>> {
    let all = &inventory.security.oidc;
    let issuers: Vec<Option<Issuer>> = (0..all.len()).map(|index| issuer(all, index, files, findings)).collect();
    issuers.into_iter().collect()
}

fn issuer(all: &[model::Issuer], index: usize, files: &Files<'_>, findings: &mut Findings<'_>) -> Option<Issuer> {
    let model::Issuer { url, audiences, certificate_authority, claim_mappings } = &all[index];
    let place = index.to_string();
    let at = |key: &'static str| ["security", "oidc", &place, key];
    let before = findings.list.len();
    if !is_url(url) || !url.starts_with("https://") || url.contains(['?', '#', '@']) {
        let help = "an https URL without user, query and fragment, exactly as the tokens' `iss` has it";
        findings.at(&at("url"), format!("`{url}` is not the URL of an issuer"), "").help(help);
    } else if all[..index].iter().any(|other| other.url == *url) {
        findings
            .at(&at("url"), format!("the issuer `{url}` stands here twice"), "")
            .help("give one issuer all audiences");
    }
    for (number, audience) in audiences.iter().enumerate() {
        if audience.is_empty() || audiences[..number].contains(audience) {
            let number = number.to_string();
            let path = ["security", "oidc", &place, "audiences", &number];
            findings.at(&path, format!("the audience `{audience}` is empty or stands here twice"), "");
        }
    }
    let username = claim(&claim_mappings.username.claim, &claim_mappings.username.prefix, &place, "username", findings);
    let groups = claim(&claim_mappings.groups.claim, &claim_mappings.groups.prefix, &place, "groups", findings);
    let certificate_authority = match certificate_authority {
        Some(path) => Some(certificates(path, &at("certificateAuthority"), files, findings)?),
        None => None,
    };
    (findings.list.len() == before).then(|| Issuer {
        url: url.clone(),
        audiences: audiences.clone(),
        certificate_authority,
        username,
        groups,
    })
}

fn claim(name: &str, prefix: &str, issuer: &str, key: &str, findings: &mut Findings<'_>) -> Claim {
    let at = |field| ["security", "oidc", issuer, "claimMappings", key, field];
    if name.is_empty() {
        findings.at(&at("claim"), format!("the claim of `{key}` has no name"), "");
    }
    // With an empty prefix the names themselves are looked at, by a rule in the API server's configuration.
    if prefix.starts_with("system:") {
        let help = "names that begin so are Kubernetes' own: `system:masters` may do everything";
        findings.at(&at("prefix"), format!("the prefix of `{key}` must not begin with `system:`"), "").help(help);
    }
    Claim { claim: name.to_owned(), prefix: prefix.to_owned() }
}

fn certificates(path: &str, at: &[&str], files: &Files<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let found = files.readable(path, at, findings)?;
    let text = std::fs::read_to_string(&found).unwrap_or_default();
    if let Err(error) = crate::kube::certificates::parse(&text) {
        findings.at(at, format!("{} holds no certificates that can be used", found.display()), error.to_string());
        return None;
    }
    Some(text)
}
