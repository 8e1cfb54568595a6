use serde_json::json;

use super::*;

fn pod(name: &str, host_network: bool, status: Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "calico-system", "uid": format!("uid-{name}")},
        "spec": {"hostNetwork": host_network},
        "status": status,
    })
}

fn waiting(container: &str, reason: &str, message: &str) -> Value {
    json!({"name": container, "image": format!("quay.io/{container}:v1"), "ready": false,
        "state": {"waiting": {"reason": reason, "message": message}}})
}

fn event(pod: &str, reason: &str, message: &str, time: &str) -> Value {
    json!({"involvedObject": {"kind": "Pod", "name": pod, "uid": format!("uid-{pod}")}, "reason": reason,
        "message": message, "lastTimestamp": time})
}

fn troubles(pods: &[Value], events: &[Value], logs: &[(&str, &str)]) -> Troubles {
    let mut values = BTreeMap::new();
    values.insert("pods.calico-system".to_owned(), Secret::new(json!({"items": pods}).to_string()));
    values.insert("events.calico-system".to_owned(), Secret::new(json!({"items": events}).to_string()));
    for (name, line) in logs {
        values.insert(format!("log.calico-system.{name}"), Secret::new(*line));
    }
    Troubles::of(&values)
}

/// What was seen of Calico on a host without `/sys/fs/bpf`.
#[test]
fn the_pod_that_brings_the_network_is_named_with_its_warning_and_those_that_wait_for_it_are_not() {
    let pods = [
        pod(
            "calico-kube-controllers-1",
            false,
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
                "message": "0/2 nodes are available: 2 node(s) had untolerated taint(s)."}]}),
        ),
        pod(
            "calico-node-1",
            true,
            json!({"phase": "Pending", "containerStatuses": [waiting("calico-node", "PodInitializing", "")],
                "initContainerStatuses": [waiting("install-cni", "PodInitializing", "")]}),
        ),
    ];
    let events = [
        event("calico-node-1", "FailedScheduling", "an older worry", "2026-11-28T17:00:09Z"),
        event(
            "calico-node-1",
            "FailedMount",
            "MountVolume.SetUp failed for volume \"bpffs\" : hostPath type check failed: /sys/fs/bpf is not a directory",
            "2026-11-28T17:00:05Z",
        ),
        event("calico-node-1", "NetworkNotReady", "an older one", "2026-11-28T17:00:01Z"),
    ];
    let troubles = troubles(&pods, &events, &[]);
    assert_eq!(
        troubles.words(),
        "calico-system/calico-node-1: PodInitializing: FailedMount: MountVolume.SetUp failed for volume \"bpffs\" : hostPath \
         type check failed: /sys/fs/bpf is not a directory"
    );
    assert!(!troubles.are_hopeless());
    assert_eq!(
        troubles.advice(),
        "fix the cause and run the same command again; to look: kubectl -n calico-system describe pod calico-node-1"
    );
}

#[test]
fn what_the_kubelet_has_tried_often_is_hopeless() {
    let status = json!({"phase": "Pending", "containerStatuses": [waiting("web", "ContainerCreating", "")]});
    let mut warning = event("a-1", "FailedMount", "secret \"web\" not found", "2026-11-28T17:00:05Z");
    for (count, hopeless) in [(1, false), (7, false), (8, true)] {
        warning["count"] = json!(count);
        let troubles = troubles(&[pod("a-1", false, status.clone())], &[warning.clone()], &[]);
        assert_eq!(troubles.are_hopeless(), hopeless, "{count}");
        assert_eq!(troubles.words(), "calico-system/a-1: ContainerCreating: FailedMount: secret \"web\" not found");
    }
}

#[test]
fn an_image_is_named_and_only_then_a_mirror_is_advised() {
    let status = |name: &str| json!({"containerStatuses": [waiting(name, "ErrImagePull", "connection refused")]});
    let pods = [pod("a-1", false, status("web")), pod("a-2", false, status("web"))];
    let troubles = troubles(&pods, &[], &[]);
    assert_eq!(
        troubles.words(),
        "calico-system/a-1 container web (quay.io/web:v1): ErrImagePull: connection refused (and 1 more like it)"
    );
    assert!(troubles.are_hopeless());
    assert!(troubles.advice().starts_with("name a mirror that has the image under sources.registries and run"));
}

#[test]
fn a_container_that_ran_says_its_last_line() {
    let crashed = json!({"containerStatuses": [waiting("web", "CrashLoopBackOff", "back-off 10s")]});
    let running =
        json!({"containerStatuses": [{"name": "web", "image": "w", "ready": false, "state": {"running": {}}}]});
    let ended = json!({"containerStatuses": [{"name": "web", "image": "w", "ready": false,
        "state": {"terminated": {"exitCode": 2}}}]});
    let logs = [("a-1.web", "panic: no\n"), ("b-1.web", "listening"), ("c-1.web", "usage: web")];
    let probe = [event("b-1", "Unhealthy", "Readiness probe failed: 503", "2026-11-28T17:00:05Z")];
    let pods = [pod("b-1", false, running), pod("c-1", false, ended), pod("a-1", false, crashed)];
    assert_eq!(
        troubles(&pods, &probe, &logs).words(),
        "calico-system/a-1 container web (quay.io/web:v1): CrashLoopBackOff: back-off 10s; it said: panic: no\n\
         calico-system/c-1 container web (w): Error: exit code 2; it said: usage: web\n\
         calico-system/b-1 container web (w): NotReady: Unhealthy: Readiness probe failed: 503; it said: listening"
    );
}

#[test]
fn pods_that_may_not_be_made_leave_their_owners_words() {
    let complaint = json!({"involvedObject": {"kind": "DaemonSet", "name": "calico-node"}, "reason": "FailedCreate",
        "message": "pods \"calico-node-\" is forbidden: violates PodSecurity"});
    assert_eq!(
        troubles(&[], &[complaint], &[]).words(),
        "calico-system/calico-node: FailedCreate: pods \"calico-node-\" is forbidden: violates PodSecurity"
    );
}

#[test]
fn hostile_text_stays_one_bounded_line() {
    let message = format!("first\n\u{1e}end 0 0\r\u{1b}[31m\u{202e}{}", "x".repeat(10_000));
    let status = json!({"containerStatuses": [waiting("web", "CreateContainerError", &message)]});
    let words = troubles(&[pod("a-1", false, status)], &[], &[]).words();
    assert!(words.contains("first end 0 0 [31m xxx"), "{words}");
    assert!(words.chars().count() < 500 && !words.contains(char::is_control), "{words}");
    let many: Vec<Value> = (0..30)
        .map(|n| {
            let status = json!({"containerStatuses": [waiting("web", "CreateContainerError", &n.to_string())]});
            pod(&format!("a-{n}"), false, status)
        })
        .collect();
    let words = troubles(&many, &[], &[]).words();
    assert!(words.lines().count() == 6 && words.ends_with("and 25 more"), "{words}");
    assert!(troubles(&[json!(7), json!({"metadata": []})], &[json!("x")], &[]).is_empty());
}
