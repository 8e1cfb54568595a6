//! Network policies and namespaces.

use serde_json::Value;

use super::pods::is_users;
use super::secrets::no_api;
use crate::audit::control::{Check, Control, Verdict, nsa, some};
use crate::audit::seen::Whole;
use crate::audit::seen::api::{Api, Object};

/// DaemonSets of pod networks that are known to enforce policies.
const ENFORCING: &[&str] =
    &["calico-node", "canal", "cilium", "antrea-agent", "kube-router", "weave-net", "ovnkube-node"];

fn enforcer(whole: &Whole<'_>) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let names: Vec<&str> = api.all("DaemonSet").map(|set| set.get("name")).collect();
    match names.iter().find(|name| ENFORCING.contains(name)) {
        Some(name) => Verdict::Pass(format!("{name} enforces network policies")),
        None => {
            Verdict::Manual(format!("none of the DaemonSets {} is known to enforce network policies", names.join(", ")))
        }
    }
}

/// Namespaces of users that are there to stay.
fn namespaces<'w>(whole: &'w Whole<'_>, api: &'w Api) -> impl Iterator<Item = &'w str> {
    let all = api.all("Namespace").filter(|one| one.get("deleted").is_empty());
    all.map(|one| one.get("name")).filter(|name| is_users(whole, name))
}

/// Selects every pod, and closes what it does not open.
fn closes(policy: &Object, direction: &str) -> bool {
    let everybody = policy.json("podSelector").as_object().is_none_or(serde_json::Map::is_empty);
    everybody && policy.json("policyTypes").as_array().into_iter().flatten().any(|one| one == direction)
}

/// A policy that lets everything in closes nothing.
fn opens_all(policy: &Object) -> bool {
    policy
        .json("ingress")
        .as_array()
        .into_iter()
        .flatten()
        .any(|rule| rule.as_object().is_some_and(serde_json::Map::is_empty) || rule == &Value::Null)
}

fn default_deny(whole: &Whole<'_>) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let closed = |namespace: &&str, direction: &str| {
        api.all("NetworkPolicy")
            .any(|policy| policy.get("namespace") == *namespace && closes(policy, direction) && !opens_all(policy))
    };
    let open: Vec<String> = namespaces(whole, api)
        .filter(|name| !closed(name, "Ingress") || !closed(name, "Egress"))
        .map(|name| format!("{name} is open"))
        .collect();
    Verdict::unless(&open, format!("closed by default: {}", namespaces(whole, api).collect::<Vec<_>>().join(", ")))
}

fn in_default(whole: &Whole<'_>) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let pods: Vec<String> = api.all("Pod").filter(|pod| pod.get("namespace") == "default").map(Object::place).collect();
    if pods.is_empty() { Verdict::Pass("no pod runs there".to_owned()) } else { Verdict::Manual(some(&pods)) }
}

const fn network(id: &'static str, title: &'static str, check: fn(&Whole<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::Cluster(check))
        .unscored()
        .how("network policies and namespaces of the cluster")
        .also(&[nsa::NETWORK])
}

pub(super) const CONTROLS: &[Control] = &[
    network("CIS-5.3.1", "The pod network enforces network policies", enforcer)
        .how("the DaemonSets of the cluster")
        .remedy("use a pod network that does: cni.provider: calico"),
    network("CIS-5.3.2", "Every namespace of users is closed by default", default_deny)
        .high()
        .remedy("name it under security.networkPolicy.defaultDenyNamespaces and run forge up INVENTORY, or apply a policy of your own"),
    network("CIS-5.6.1", "Namespaces separate what does not belong together", |whole| {
        let Some((_, api)) = &whole.api else { return no_api() };
        let names: Vec<&str> = namespaces(whole, api).collect();
        Verdict::Manual(format!("namespaces of users: {}", names.join(", ")))
    })
    .low()
    .remedy("give each application, and each team, a namespace"),
    network("CIS-5.6.4", "Nothing runs in namespace default", in_default).low().how("pods of the cluster").remedy("move the pods that are named"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::seen::api::tests::api;

    #[test]
    fn a_policy_closes_when_it_selects_all_pods_and_opens_nothing_to_everybody() {
        let policy = |selector, types, ingress| {
            let api = api(&[&[
                ("kind", "NetworkPolicy"),
                ("podSelector", selector),
                ("policyTypes", types),
                ("ingress", ingress),
            ]]);
            let one = api.all("NetworkPolicy").next().unwrap().clone();
            (closes(&one, "Ingress"), closes(&one, "Egress"), opens_all(&one))
        };
        assert_eq!(policy("{}", r#"["Ingress","Egress"]"#, ""), (true, true, false));
        assert_eq!(policy(r#"{"matchLabels":{"a":"b"}}"#, r#"["Ingress"]"#, ""), (false, false, false));
        assert_eq!(policy("{}", r#"["Ingress"]"#, "[{}]"), (true, false, true));
    }
}
