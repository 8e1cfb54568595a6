//! The audit log: what its policy says, and what really stands in it.

use serde_json::Value;

use crate::audit::control::{Check, Control, Verdict, nsa};
use crate::audit::seen::Node;
use crate::audit::seen::programs::API_SERVER;

const LEVELS: [&str; 4] = ["None", "Metadata", "Request", "RequestResponse"];

/// A request as a rule of the policy sees it.
#[derive(Clone, Copy)]
struct Request {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
}

/// The level of the first rule that matches, for somebody who is in no group that a rule names. Without any match nothing is
/// logged.
fn level(policy: &Value, request: Request) -> &str {
    let rules = policy["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rule = rules.iter().find(|rule| matches(rule, request));
    rule.and_then(|rule| rule["level"].as_str()).unwrap_or(LEVELS[0])
}

fn matches(rule: &Value, Request { verb, group, resource }: Request) -> bool {
    let list = |key: &str| rule[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = |list: &[Value], word: &str| list.iter().any(|one| one == word || one == "*");
    let anybody = list("users").is_empty()
        && (list("userGroups").is_empty() || names(list("userGroups"), "system:authenticated"));
    let verbs = list("verbs").is_empty() || names(list("verbs"), verb);
    let resources = list("resources");
    let other = !list("nonResourceURLs").is_empty() || !list("namespaces").is_empty();
    let resource = |one: &Value| {
        let resources = one["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
        let parent = resource.split('/').next().unwrap_or_default();
        let hit = |name: &Value| match name.as_str().unwrap_or_default() {
            "*" => true,
            name if name == resource => true,
            name => name.strip_suffix("/*") == Some(parent) && resource.contains('/'),
        };
        one["group"].as_str().unwrap_or_default() == group && (resources.is_empty() || resources.iter().any(hit))
    };
    anybody && verbs && if resources.is_empty() { !other } else { !other && resources.iter().any(resource) }
}

/// Bodies of these are credentials.
const CONFIDENTIAL: &[Request] = &[
    Request { verb: "create", group: "", resource: "secrets" },
    Request { verb: "get", group: "", resource: "secrets" },
    Request { verb: "update", group: "", resource: "configmaps" },
    Request { verb: "create", group: "", resource: "serviceaccounts/token" },
    Request { verb: "create", group: "authentication.k8s.io", resource: "tokenreviews" },
];

/// Whoever does these should be known.
const WORTH_KNOWING: &[Request] = &[
    Request { verb: "create", group: "", resource: "pods" },
    Request { verb: "create", group: "", resource: "pods/exec" },
    Request { verb: "create", group: "", resource: "pods/portforward" },
    Request { verb: "create", group: "", resource: "pods/proxy" },
    Request { verb: "create", group: "", resource: "services/proxy" },
    Request { verb: "delete", group: "apps", resource: "deployments" },
    Request { verb: "create", group: "rbac.authorization.k8s.io", resource: "clusterrolebindings" },
    Request { verb: "create", group: "admissionregistration.k8s.io", resource: "validatingwebhookconfigurations" },
];

fn word(request: &Request) -> String {
    format!("{} {}", request.verb, request.resource)
}

fn exists(node: &Node<'_>) -> Verdict {
    let set =
        node.programs.judge(API_SERVER, "audit-policy-file", |value| value.is_some_and(|value| !value.is_empty()));
    match (&node.documents.audit_policy, set) {
        (Some(policy), Verdict::Pass(flag)) => {
            let rules = policy["rules"].as_array().map_or(0, Vec::len);
            let logs = WORTH_KNOWING.iter().any(|request| level(policy, *request) != "None");
            Verdict::of(logs, format!("{flag} has {rules} rules"))
        }
        (None, Verdict::Pass(flag)) => Verdict::NotChecked(format!("{flag} could not be read")),
        (_, other) => other,
    }
}

fn covers(node: &Node<'_>) -> Verdict {
    let Some(policy) = &node.documents.audit_policy else {
        return Verdict::NotChecked("there is no audit policy to read".to_owned());
    };
    let mut wrong: Vec<String> = Vec::new();
    for request in CONFIDENTIAL {
        let level = level(policy, *request);
        if level != "Metadata" {
            wrong.push(format!("{}: {level} instead of Metadata", word(request)));
        }
    }
    let silent = WORTH_KNOWING.iter().filter(|request| level(policy, **request) == "None");
    wrong.extend(silent.map(|request| format!("{}: not logged", word(request))));
    Verdict::unless(&wrong, "who did what is logged, and no credential's body")
}

/// Longer than this an API server never has nothing to log: leases alone are renewed every few seconds, lists come every minute.
const SILENCE: i64 = 15 * 60;

fn written(node: &Node<'_>) -> Verdict {
    let path = node.programs.flag(API_SERVER, "audit-log-path");
    match (node.proofs.audit_log, path) {
        (_, None) => Verdict::NotApplicable("the API server writes no audit log to a file".to_owned()),
        (_, Some("-")) => Verdict::NotApplicable("the audit log goes to standard output".to_owned()),
        (None, Some(path)) => Verdict::Fail(format!("{path} is not there")),
        (Some(log), Some(path)) => {
            let good = log.silent_for < SILENCE && log.events > 0;
            Verdict::of(
                good,
                format!("{path}: last written {} s ago, {} events in its newest part", log.silent_for, log.events),
            )
        }
    }
}

fn bodies(node: &Node<'_>) -> Verdict {
    match node.proofs.audit_log {
        None => Verdict::NotApplicable("there is no audit log to read".to_owned()),
        Some(log) => Verdict::of(
            log.bodies == 0,
            format!("{} of {} events hold the body of a secret, config map or token", log.bodies, log.events),
        ),
    }
}

pub(super) const CONTROLS: &[Control] = &[
    Control::new("CIS-3.2.1", "There is an audit policy that logs something", Check::ControlPlane(exists))
        .unscored()
        .how("the policy that the API server's flag names")
        .also(&[nsa::AUDIT]),
    Control::new("CIS-3.2.2", "The policy logs what matters and no credentials", Check::ControlPlane(covers))
        .unscored()
        .how("the policy's rules, evaluated for requests that matter")
        .also(&[nsa::AUDIT]),
    Control::new("FORGE-AUDIT-WRITTEN", "The audit log is being written", Check::ControlPlane(written))
        .how("when the log was last written, and the events in its newest 32 MiB")
        .remedy("look at the disk and at the API server's log")
        .also(&[nsa::AUDIT]),
    Control::new("FORGE-AUDIT-BODIES", "The audit log holds no body of a secret", Check::ControlPlane(bodies))
        .high()
        .how("events about secrets, config maps and tokens in the log's newest 32 MiB; only their number leaves the host")
        .remedy("put the policy right, restart the API server, change the secrets and delete the log")
        .also(&[nsa::AUDIT]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rules: &str) -> Value {
        crate::yaml::from_str(&format!("rules:\n{rules}")).unwrap()
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let get = Request { verb: "get", group: "", resource: "secrets" };
        let exec = Request { verb: "create", group: "", resource: "pods/exec" };
        for (rules, request, expected) in [
            ("- level: Metadata\n", get, "Metadata"),
            ("- level: Request\n- level: Metadata\n  resources: [{group: '', resources: [secrets]}]\n", get, "Request"),
            ("- {level: None, users: [somebody]}\n- level: Metadata\n", get, "Metadata"),
            ("- {level: None, userGroups: ['system:nodes']}\n- level: Metadata\n", get, "Metadata"),
            ("- {level: None, userGroups: ['system:authenticated']}\n- level: Metadata\n", get, "None"),
            ("- {level: Request, verbs: [create]}\n", get, "None"),
            ("- {level: None, nonResourceURLs: ['/healthz*']}\n- level: Metadata\n", get, "Metadata"),
            ("- {level: Request, resources: [{group: apps}]}\n", get, "None"),
            ("- {level: Request, resources: [{group: ''}]}\n", get, "Request"),
            ("- {level: Request, resources: [{group: '', resources: [pods]}]}\n", exec, "None"),
            ("- {level: Request, resources: [{group: '', resources: ['pods/*']}]}\n", exec, "Request"),
        ] {
            assert_eq!(level(&policy(rules), request), expected, "{rules}");
        }
    }

    #[test]
    fn forges_own_policy_covers_what_matters() {
        let text = std::fs::read_to_string("templates/apiserver/audit-policy.yaml.tera").unwrap();
        let text: String = text
            .lines()
            .filter(|line| !line.contains("{%") && !line.contains("{#"))
            .map(|line| format!("{line}\n"))
            .collect();
        let policy: Value = crate::yaml::from_str(&text).unwrap();
        assert!(CONFIDENTIAL.iter().all(|request| level(&policy, *request) == "Metadata"));
        assert!(WORTH_KNOWING.iter().all(|request| level(&policy, *request) != "None"));
    }
}
