//! How people log in to the cluster, and what a stranger is told.

use super::secrets::no_api;
use crate::audit::control::{Check, Control, Verdict, nsa, some};
use crate::audit::seen::{Node, Whole};

fn users(whole: &Whole<'_>) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let mut names: Vec<String> = Vec::new();
    for binding in api.all("ClusterRoleBinding").chain(api.all("RoleBinding")) {
        for subject in binding.json("subjects").as_array().into_iter().flatten() {
            let name = subject["name"].as_str().unwrap_or_default();
            if subject["kind"] == "User" && !name.starts_with("system:") && !names.iter().any(|one| one == name) {
                names.push(name.to_owned());
            }
        }
    }
    Verdict::Manual(match names.as_slice() {
        [] => "no role is bound to a person by name; a certificate cannot be revoked: prefer OIDC or certificates of hours".to_owned(),
        _ => format!("roles are bound to {}; a certificate cannot be revoked: prefer OIDC or certificates of hours", some(&names)),
    })
}

fn stranger(node: &Node<'_>) -> Verdict {
    let said = &node.proofs.api_to_stranger;
    let refused =
        ["Unauthorized", "must be logged in", "Forbidden", "forbidden"].iter().any(|word| said.contains(word));
    if said.is_empty() || said.contains("was refused") || said.contains("timeout") || said.contains("Unable to connect")
    {
        return Verdict::NotChecked(format!("nobody answered: {said}"));
    }
    Verdict::of(refused, said.chars().take(120).collect::<String>())
}

pub(super) const CONTROLS: &[Control] = &[
    Control::new("CIS-3.1.1", "People do not log in with client certificates", Check::Cluster(users))
        .unscored()
        .how("users that roles are bound to")
        .remedy("short-lived certificates, or OIDC")
        .also(&[nsa::ACCESS]),
    Control::new(
        "CIS-3.1.2",
        "People do not log in with service-account tokens",
        Check::Cluster(|_| {
            Verdict::Manual("nothing tells a person who holds a token from a program: ask them".to_owned())
        }),
    )
    .unscored()
    .how("a person has to ask")
    .remedy("give people logins of their own"),
    Control::new(
        "CIS-3.1.3",
        "People do not log in with bootstrap tokens",
        Check::Cluster(|_| Verdict::Manual("FORGE-BOOTSTRAP-TOKENS looks for tokens that are left".to_owned())),
    )
    .unscored()
    .how("a person has to ask")
    .remedy("give people logins of their own"),
    Control::new("FORGE-API-STRANGER", "The API server tells a stranger nothing", Check::ControlPlane(stranger))
        .high()
        .how("a request to /api without credentials to each API server at its own address")
        .remedy("forge up INVENTORY; elsewhere: an AuthenticationConfiguration with conditions for anonymous requests")
        .also(&[nsa::ACCESS]),
];
