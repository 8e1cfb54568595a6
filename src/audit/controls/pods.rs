//! Pods as they run and as they would be admitted, and the images that they run.

use serde_json::Value;

use super::secrets::no_api;
use crate::audit::control::{Check, Control, Verdict, nsa, some};
use crate::audit::seen::Whole;
use crate::audit::seen::api::{Api, LATEST, Object, PLAIN, PRIVILEGED};

/// Where Kubernetes, the pod network and the watchdog live: they need what others must not have.
pub(super) const SYSTEM_NAMESPACES: &[&str] =
    &["kube-system", "kube-public", "kube-node-lease", "tigera-operator", "calico-system", "calico-apiserver", "falco"];

/// Whether a namespace belongs to users: neither the system's, nor exempt in the inventory, nor one of forge's own for a moment.
pub(super) fn is_users(whole: &Whole<'_>, namespace: &str) -> bool {
    let exempt = &whole.cluster.security.pod_security.exempt_namespaces;
    !SYSTEM_NAMESPACES.contains(&namespace)
        && namespace != crate::kube::NAMESPACE
        && !exempt.iter().any(|name| name == namespace)
}

fn users<'w>(whole: &'w Whole<'_>, api: &'w Api) -> impl Iterator<Item = &'w Object> {
    api.all("Pod")
        .filter(|pod| is_users(whole, pod.get("namespace")) && !["Succeeded", "Failed"].contains(&pod.get("phase")))
}

/// No pod of users does it.
fn none(whole: &Whole<'_>, does: impl Fn(&Object) -> bool) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let found: Vec<String> = users(whole, api).filter(|pod| does(pod)).map(Object::place).collect();
    Verdict::unless(&found, format!("none of {} pods outside system namespaces", users(whole, api).count()))
}

/// How many do it, for a person to judge.
fn counted(whole: &Whole<'_>, does: impl Fn(&Object) -> bool) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let found: Vec<String> = users(whole, api).filter(|pod| does(pod)).map(Object::place).collect();
    match found.as_slice() {
        [] => Verdict::Pass(format!("none of {} pods outside system namespaces", users(whole, api).count())),
        _ => Verdict::Manual(some(&found)),
    }
}

fn contexts(pod: &Object) -> Vec<Value> {
    pod.each(&["contexts", "initContexts"])
}

fn containers(pod: &Object) -> usize {
    ["images", "initImages"].iter().map(|field| pod.get(field).split_whitespace().count()).sum()
}

/// Whether a container lacks a setting, where one that says nothing does.
fn some_without(pod: &Object, has: impl Fn(&Value) -> bool) -> bool {
    contexts(pod).iter().filter(|context| has(context)).count() < containers(pod)
}

fn drops_all(context: &Value) -> bool {
    context["capabilities"]["drop"].as_array().into_iter().flatten().any(|one| one == "ALL" || one == "NET_RAW")
}

fn may_be_root(pod: &Object) -> bool {
    let whole_pod = pod.json("podContext");
    let not_root =
        |context: &Value| context["runAsNonRoot"] == true || context["runAsUser"].as_i64().is_some_and(|id| id > 0);
    !not_root(&whole_pod) && some_without(pod, not_root)
}

/// What the server says to a pod that must be refused. That a harmless one is accepted shows that it is refused for what it is.
fn refused(whole: &Whole<'_>, name: &str, by: &[&str]) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let short = |said: &str| said.chars().take(300).collect::<String>();
    match (api.tried.get(name).map(String::as_str), api.tried.get(PLAIN).map(String::as_str)) {
        (None, _) | (_, None) => Verdict::NotChecked("the API server did not answer the dry run".to_owned()),
        (Some(""), _) => Verdict::Fail("it is accepted".to_owned()),
        (Some(said), _) if by.iter().any(|word| said.contains(word)) => Verdict::Pass(short(said)),
        (Some(said), Some("")) => Verdict::Pass(short(said)),
        (Some(_), Some(plain)) => Verdict::NotChecked(format!("even a harmless pod is refused: {}", short(plain))),
    }
}

/// Whether an image is named by digest, or by a tag other than `latest`.
fn is_explicit(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    image.contains("@sha256:") || name.split_once(':').is_some_and(|(_, tag)| !tag.is_empty() && tag != "latest")
}

fn images(whole: &Whole<'_>) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let mut found: Vec<String> = Vec::new();
    let mut count = 0;
    for pod in api.all("Pod").filter(|pod| pod.get("namespace") != crate::kube::NAMESPACE) {
        for image in ["images", "initImages", "debugImages"].iter().flat_map(|field| pod.get(field).split_whitespace())
        {
            count += 1;
            if !is_explicit(image) {
                found.push(format!("{image} in {}", pod.place()));
            }
        }
    }
    Verdict::unless(&found, format!("all {count} containers"))
}

const fn pod(id: &'static str, title: &'static str, check: fn(&Whole<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::Cluster(check))
        .high()
        .unscored()
        .how("the pods outside system namespaces and those that the inventory exempts")
        .remedy("change the pod's template; pod-security.kubernetes.io/enforce on its namespace keeps the next one out")
        .also(&[nsa::PODS])
}

const fn advice(id: &'static str, title: &'static str, check: fn(&Whole<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::Cluster(check))
        .low()
        .unscored()
        .how("a person has to judge")
        .remedy("see the evidence")
        .also(&[nsa::PODS])
}

pub(super) const CONTROLS: &[Control] = &[
    pod("CIS-5.2.1", "A privileged pod is refused", |whole| refused(whole, PRIVILEGED, &["PodSecurity"]))
        .how("a dry run on the API server in namespace default: a harmless pod, then a privileged one")
        .remedy("forge up INVENTORY; elsewhere: Pod Security in the AdmissionConfiguration, and no label that weakens it on namespace default"),
    pod("CIS-5.2.2", "No pod of users is privileged", |whole| {
        none(whole, |pod| contexts(pod).iter().any(|context| context["privileged"] == true))
    }),
    pod("CIS-5.2.3", "No pod of users sees the host's processes", |whole| none(whole, |pod| pod.get("hostPID") == "true")),
    pod("CIS-5.2.4", "No pod of users shares the host's IPC", |whole| none(whole, |pod| pod.get("hostIPC") == "true")),
    pod("CIS-5.2.5", "No pod of users is in the host's network", |whole| none(whole, |pod| pod.get("hostNetwork") == "true")),
    pod("CIS-5.2.6", "Pods of users cannot gain privileges", |whole| {
        counted(whole, |pod| some_without(pod, |context| context["allowPrivilegeEscalation"] == false))
    })
    .low(),
    pod("CIS-5.2.7", "Pods of users do not run as root", |whole| counted(whole, may_be_root)).low(),
    pod("CIS-5.2.8", "Pods of users cannot forge packets", |whole| counted(whole, |pod| some_without(pod, drops_all))).low(),
    pod("CIS-5.2.9", "Pods of users are given no further capabilities", |whole| {
        none(whole, |pod| contexts(pod).iter().any(|context| context["capabilities"]["add"].as_array().into_iter().flatten().any(|one| one != "NET_BIND_SERVICE")))
    }),
    pod("CIS-5.2.10", "No pod of users is a Windows HostProcess", |whole| {
        none(whole, |pod| contexts(pod).iter().chain([&pod.json("podContext")]).any(|context| context["windowsOptions"]["hostProcess"] == true))
    }),
    pod("CIS-5.2.11", "No pod of users mounts a path of the host", |whole| none(whole, |pod| !pod.get("hostPaths").is_empty())),
    pod("CIS-5.2.12", "No pod of users opens a port of the host", |whole| none(whole, |pod| !pod.get("hostPorts").is_empty())),
    advice("CIS-5.4.1", "Secrets reach programs as files", |_| {
        Verdict::Manual("whether a program can read a file is known to whoever wrote it".to_owned())
    }),
    advice("CIS-5.4.2", "Secrets are kept in a store of their own", |_| {
        Verdict::Manual("secrets in etcd are looked at by FORGE-ETCD-CIPHERTEXT; a store outside of the cluster is a choice".to_owned())
    }),
    advice("CIS-5.5.1", "Images come from whom they say", |_| {
        Verdict::Manual("FORGE-IMAGE-TAGS tries the policy; verifying signatures is a choice".to_owned())
    }),
    pod("FORGE-IMAGE-TAGS", "A pod with the image tag latest is refused", |whole| {
        refused(whole, LATEST, &["ValidatingAdmissionPolicy"])
    })
    .how("a dry run on the API server in namespace default: a harmless pod, then one with the tag latest")
    .remedy("forge up INVENTORY (security.images.forbidLatest); elsewhere: a ValidatingAdmissionPolicy"),
    pod("FORGE-IMAGES-RUNNING", "Every image that runs has a digest or an explicit tag", images)
        .how("the images of all pods, the system's included")
        .remedy("name the version in the pod's template"),
    advice("CIS-5.6.2", "Pods have a seccomp profile", |whole| {
        let without: Vec<String> = whole
            .nodes
            .iter()
            .filter(|node| node.documents.kubelet.as_ref().is_none_or(|config| config["seccompDefault"] != true))
            .map(|node| node.host.name.to_string())
            .collect();
        match without.as_slice() {
            [] => Verdict::Pass("every kubelet gives the runtime's profile to pods without one".to_owned()),
            _ => Verdict::Manual(format!("left to each pod on {}", some(&without))),
        }
    })
    .how("seccompDefault of every kubelet"),
    advice("CIS-5.6.3", "Pods have a security context", |whole| {
        counted(whole, |pod| pod.get("podContext").len() <= 2 && contexts(pod).is_empty())
    })
    .how("the pods outside system namespaces"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::seen::api::tests::api;

    #[test]
    fn an_image_needs_a_tag_that_says_something() {
        for (image, good) in [
            ("nginx", false),
            ("nginx:latest", false),
            ("nginx:1.29", true),
            ("registry:5000/nginx", false),
            ("registry:5000/nginx:1", true),
            ("a/b/c@sha256:0123", true),
            ("a/b:latest@sha256:0123", true),
        ] {
            assert_eq!(is_explicit(image), good, "{image}");
        }
    }

    #[test]
    fn a_container_that_says_nothing_has_the_setting_not() {
        let one_of_two =
            api(&[&[("kind", "Pod"), ("images", "a:1 b:1"), ("contexts", r#"{"allowPrivilegeEscalation":false}"#)]]);
        let pod = one_of_two.all("Pod").next().unwrap();
        assert!(some_without(pod, |context| context["allowPrivilegeEscalation"] == false));
        let user = api(&[&[("kind", "Pod"), ("images", "a:1"), ("podContext", r#"{"runAsNonRoot":true}"#)]]);
        assert!(!may_be_root(user.all("Pod").next().unwrap()));
        assert!(may_be_root(pod));
    }
}
