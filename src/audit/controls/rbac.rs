//! Who may do what: roles and what they are bound to.

use serde_json::Value;

use super::secrets::no_api;
use crate::audit::control::{Check, Control, Verdict, nsa, some};
use crate::audit::seen::Whole;
use crate::audit::seen::api::{Api, Object};

/// What a rule may allow.
#[derive(Clone, Copy)]
struct Power {
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
}

const fn power(verbs: &'static [&'static str], group: &'static str, resources: &'static [&'static str]) -> Power {
    Power { verbs, group, resources }
}

const READ_SECRETS: Power = power(&["get", "list", "watch"], "", &["secrets"]);
const CREATE_PODS: Power = power(&["create"], "", &["pods"]);
const CREATE_VOLUMES: Power = power(&["create"], "", &["persistentvolumes"]);
const PROXY: Power = power(&["get", "create"], "", &["nodes/proxy"]);
const CREATE_TOKENS: Power = power(&["create"], "", &["serviceaccounts/token"]);
const APPROVE: Power = power(&["update", "patch"], "certificates.k8s.io", &["certificatesigningrequests/approval"]);
const HOOKS: Power = power(
    &["create", "update", "patch"],
    "admissionregistration.k8s.io",
    &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
);
const ESCALATE: Power = power(&["bind", "escalate"], "rbac.authorization.k8s.io", &["roles", "clusterroles"]);
const IMPERSONATE: Power = power(&["impersonate"], "", &["users", "groups", "serviceaccounts"]);

impl Power {
    fn in_rule(self, rule: &Value) -> bool {
        let has = |key: &str, words: &[&str]| {
            let list = rule[key].as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter().filter_map(Value::as_str).any(|one| one == "*" || words.contains(&one))
        };
        has("verbs", self.verbs) && has("apiGroups", &[self.group]) && has("resources", self.resources)
    }
}

fn rules(role: &Object) -> Vec<Value> {
    role.json("rules").as_array().cloned().unwrap_or_default()
}

/// Who is meant, and through which role; one entry per subject of a binding.
struct Grant {
    subject: String,
    role: String,
    everybody: bool,
    expected: bool,
}

/// Everybody to whom a rule for which `wanted` holds is given.
fn grants(api: &Api, wanted: impl Fn(&Value) -> bool) -> Vec<Grant> {
    let mut found = Vec::new();
    for binding in api.all("ClusterRoleBinding").chain(api.all("RoleBinding")) {
        let reference = binding.json("roleRef");
        let (kind, name) = (text(&reference, "kind"), text(&reference, "name"));
        let same = |role: &&Object| {
            role.get("name") == name && (kind == "ClusterRole" || role.get("namespace") == binding.get("namespace"))
        };
        let Some(role) = api.all(if kind == "Role" { "Role" } else { "ClusterRole" }).find(same) else { continue };
        if !rules(role).iter().any(&wanted) {
            continue;
        }
        for subject in binding.json("subjects").as_array().into_iter().flatten() {
            found.push(Grant {
                subject: name_of(subject),
                role: format!("{kind} {name}"),
                everybody: is_everybody(subject),
                expected: is_of_kubernetes(subject),
            });
        }
    }
    found
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn name_of(subject: &Value) -> String {
    match text(subject, "kind") {
        "ServiceAccount" => format!("ServiceAccount {}/{}", text(subject, "namespace"), text(subject, "name")),
        kind => format!("{kind} {}", text(subject, "name")),
    }
}

/// Groups that nobody chose to be in.
fn is_everybody(subject: &Value) -> bool {
    let name = text(subject, "name");
    ["system:authenticated", "system:unauthenticated", "system:anonymous"].contains(&name)
        || (text(subject, "kind") == "Group" && name.starts_with("system:serviceaccounts"))
}

/// Kubernetes' own users, groups and controllers, kubeadm's administrators, and what runs the pod network.
fn is_of_kubernetes(subject: &Value) -> bool {
    let (name, namespace) = (text(subject, "name"), text(subject, "namespace"));
    match text(subject, "kind") {
        "ServiceAccount" => super::pods::SYSTEM_NAMESPACES.contains(&namespace),
        _ => (name.starts_with("system:") && !is_everybody(subject)) || name == "kubeadm:cluster-admins",
    }
}

/// Fails when everybody has it; otherwise passes and names who has it beyond Kubernetes itself.
fn not_everybody(whole: &Whole<'_>, power: Power) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let grants = grants(api, |rule| power.in_rule(rule));
    let names = |wanted: &dyn Fn(&&Grant) -> bool| -> Vec<String> {
        let mut names: Vec<String> =
            grants.iter().filter(wanted).map(|grant| format!("{} by {}", grant.subject, grant.role)).collect();
        names.sort();
        names.dedup();
        names
    };
    let (everybody, others) = (names(&|grant| grant.everybody), names(&|grant| !grant.expected));
    if !everybody.is_empty() {
        return Verdict::Fail(some(&everybody));
    }
    Verdict::Pass(if others.is_empty() {
        "nobody but Kubernetes itself".to_owned()
    } else {
        format!("besides Kubernetes itself: {}", some(&others))
    })
}

/// Whether somebody needs it is not for a program to say; that everybody has it is.
fn for_a_person(whole: &Whole<'_>, powers: &[Power]) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let grants = grants(api, |rule| powers.iter().any(|power| power.in_rule(rule)));
    if let Some(grant) = grants.iter().find(|grant| grant.everybody) {
        return Verdict::Fail(format!("{} by {}", grant.subject, grant.role));
    }
    let mut others: Vec<String> = grants
        .iter()
        .filter(|grant| !grant.expected)
        .map(|grant| format!("{} by {}", grant.subject, grant.role))
        .collect();
    others.sort();
    others.dedup();
    if others.is_empty() {
        Verdict::Pass("nobody but Kubernetes itself".to_owned())
    } else {
        Verdict::Manual(format!("does each need it? {}", some(&others)))
    }
}

fn cluster_admin(whole: &Whole<'_>) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let mut others = Vec::new();
    for binding in
        api.all("ClusterRoleBinding").filter(|binding| text(&binding.json("roleRef"), "name") == "cluster-admin")
    {
        for subject in binding.json("subjects").as_array().into_iter().flatten() {
            let name = text(subject, "name");
            if !["system:masters", "kubeadm:cluster-admins"].contains(&name) {
                others.push(format!("{} by {}", name_of(subject), binding.get("name")));
            }
        }
    }
    Verdict::unless(&others, "nobody but kubeadm's administrators")
}

fn wildcards(whole: &Whole<'_>) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let star = |rule: &Value, key: &str| rule[key].as_array().into_iter().flatten().any(|one| one == "*");
    let total = |rule: &Value| star(rule, "verbs") && star(rule, "resources") && star(rule, "apiGroups");
    let own = |role: &&Object| {
        let name = role.get("name");
        !(name.starts_with("system:") || name == "cluster-admin")
    };
    let roles = api.all("ClusterRole").chain(api.all("Role")).filter(own);
    let found: Vec<String> = roles.filter(|role| rules(role).iter().any(total)).map(Object::place).collect();
    Verdict::unless(&found, "no role but Kubernetes' own allows everything on everything")
}

/// What Kubernetes itself gives to strangers is public on purpose: its version, and what it can do.
fn strangers(whole: &Whole<'_>) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let mut found = Vec::new();
    for binding in api.all("ClusterRoleBinding").chain(api.all("RoleBinding")) {
        let strangers = binding.json("subjects");
        let strangers = strangers.as_array().into_iter().flatten();
        let strangers =
            strangers.filter(|one| ["system:anonymous", "system:unauthenticated"].contains(&text(one, "name")));
        let own = binding.get("kind") == "ClusterRoleBinding" && binding.get("name") == "system:public-info-viewer";
        if strangers.count() > 0 && !own {
            found.push(format!("{} gives {}", binding.place(), text(&binding.json("roleRef"), "name")));
        }
    }
    Verdict::unless(&found, "no role is bound to strangers")
}

fn default_accounts(whole: &Whole<'_>) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let mounted = api.all("ServiceAccount").filter(|account| {
        account.get("name") == "default"
            && account.get("automount") != "false"
            && super::pods::is_users(whole, account.get("namespace"))
    });
    let mounted: Vec<String> = mounted.map(Object::place).collect();
    Verdict::unless(&mounted, "no namespace's default account mounts its token")
}

const fn role(id: &'static str, title: &'static str, check: fn(&Whole<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::Cluster(check))
        .high()
        .unscored()
        .how("all roles and bindings of the cluster")
        .remedy("kubectl delete or narrow the binding that is named; waive it when it has to be so")
        .also(&[nsa::ACCESS])
}

pub(super) const CONTROLS: &[Control] = &[
    role("CIS-5.1.1", "cluster-admin is bound to nobody but kubeadm's administrators", cluster_admin),
    role("CIS-5.1.2", "Not everybody may read secrets", |whole| not_everybody(whole, READ_SECRETS)),
    role("CIS-5.1.3", "No role of somebody's own allows everything on everything", wildcards),
    role("CIS-5.1.4", "Not everybody may create pods", |whole| not_everybody(whole, CREATE_PODS)),
    role("CIS-5.1.5", "Default service accounts do not mount their token", default_accounts)
        .remedy("forge up INVENTORY for the namespaces that it names; elsewhere: automountServiceAccountToken: false on the account"),
    role("CIS-5.1.6", "Tokens are mounted only where they are used", |_| {
        Verdict::Manual("whether a program uses its token is known to whoever wrote it".to_owned())
    })
    .how("a person has to ask"),
    role("CIS-5.1.8", "Bind, escalate and impersonate are rare", |whole| for_a_person(whole, &[ESCALATE, IMPERSONATE])),
    role("CIS-5.1.9", "Creating persistent volumes is rare", |whole| for_a_person(whole, &[CREATE_VOLUMES])),
    role("CIS-5.1.10", "Talking to kubelets through the API server is rare", |whole| for_a_person(whole, &[PROXY])),
    role("CIS-5.1.11", "Approving certificates is rare", |whole| for_a_person(whole, &[APPROVE])),
    role("CIS-5.1.12", "Changing admission webhooks is rare", |whole| for_a_person(whole, &[HOOKS])),
    role("CIS-5.1.13", "Making tokens for service accounts is rare", |whole| for_a_person(whole, &[CREATE_TOKENS])),
    role("FORGE-STRANGERS-ROLES", "No role is bound to strangers", strangers)
        .remedy("forge up INVENTORY deletes kubeadm's own way for joins; kubectl delete any other binding that is named"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::seen::api::tests::api;

    fn binding(role: &'static str, subjects: &'static str) -> [(&'static str, &'static str); 4] {
        let reference = match role {
            "cluster-admin" => r#"{"kind":"ClusterRole","name":"cluster-admin"}"#,
            _ => r#"{"kind":"ClusterRole","name":"reader"}"#,
        };
        [("kind", "ClusterRoleBinding"), ("name", "binding"), ("roleRef", reference), ("subjects", subjects)]
    }

    #[test]
    fn a_power_is_found_through_wildcards_and_bindings() {
        let reader = [
            ("kind", "ClusterRole"),
            ("name", "reader"),
            ("rules", r#"[{"apiGroups":[""],"resources":["*"],"verbs":["get"]}]"#),
        ];
        let bound = binding(
            "reader",
            r#"[{"kind":"Group","name":"system:authenticated"},{"kind":"ServiceAccount","namespace":"ci","name":"deploy"},{"kind":"Group","name":"system:nodes"}]"#,
        );
        let api = api(&[&reader, &bound]);
        let found = grants(&api, |rule| READ_SECRETS.in_rule(rule));
        let shown: Vec<(&str, bool, bool)> =
            found.iter().map(|grant| (grant.subject.as_str(), grant.everybody, grant.expected)).collect();
        assert_eq!(
            shown,
            [
                ("Group system:authenticated", true, false),
                ("ServiceAccount ci/deploy", false, false),
                ("Group system:nodes", false, true)
            ]
        );
        assert!(grants(&api, |rule| CREATE_PODS.in_rule(rule)).is_empty());
    }

    #[test]
    fn a_rule_has_to_name_verb_group_and_resource() {
        let rule = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert!(APPROVE.in_rule(&rule(
            r#"{"apiGroups":["*"],"resources":["certificatesigningrequests/approval"],"verbs":["update"]}"#
        )));
        assert!(!APPROVE.in_rule(&rule(
            r#"{"apiGroups":[""],"resources":["certificatesigningrequests/approval"],"verbs":["update"]}"#
        )));
        assert!(!PROXY.in_rule(&rule(r#"{"apiGroups":[""],"resources":["nodes"],"verbs":["get"]}"#)));
        assert!(!PROXY.in_rule(&rule(r#"{"nonResourceURLs":["*"],"verbs":["*"]}"#)));
    }
}
