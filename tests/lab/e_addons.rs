//! Add-ons: metrics-server by Helm, from the lab's chart repository; a changed value, a foreign hand, an image that is not there.

use crate::support::*;

/// The lab's own add-ons, as `lab/inventory.yaml` has them.
const METRICS: &str = "  metricsServer: {";

/// On the cluster that the tests before have made.
#[test]
fn e_1_metrics_server_serves_over_the_kubelets_signed_certificates() {
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    let arguments =
        kubectl("-n kube-system get deployment metrics-server -o jsonpath={.spec.template.spec.containers[0].args}");
    assert!(!arguments.contains("insecure"), "{arguments}");
    // Usage is known after the second look at a node.
    let kubectl_top = "kubectl --kubeconfig=/etc/kubernetes/admin.conf top nodes --no-headers";
    let top = on("cp1", &format!("for try in $(seq 60); do {kubectl_top} && break; sleep 1; done"));
    let nodes = kubectl("get nodes --no-headers");
    for node in nodes.lines().filter_map(|line| line.split(' ').next()) {
        assert!(top.lines().any(|line| line.starts_with(node) && line.contains('%')), "{node}: {top}");
    }
    assert_eq!(on("cp1", "stat -c '%a %U:%G' /usr/local/lib/forge/helm-*/helm").trim(), "755 root:root");
    assert_eq!(on("cp1", "ls -d /root/.cache/helm /root/.config/helm /root/.local/share/helm 2>/dev/null || true"), "");
    assert_converged();
}

#[test]
fn e_2_a_changed_value_is_named_and_rolled_out() {
    let changed = Changed::by(&[(METRICS, "  metricsServer: {values: {replicas: 2}, ")]);
    let plan = changed.plan();
    assert!(
        plan.planned()
            .contains(&"cp1: release metrics-server in kube-system: values: change (content not shown)".to_owned()),
        "{}",
        plan.all()
    );
    let said = changed.up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    assert_eq!(kubectl("-n kube-system get deployment metrics-server -o jsonpath={.status.readyReplicas}"), "2");
    assert_eq!(changed.up().planned(), Vec::<String>::new());
}

#[test]
fn e_3_what_somebody_else_did_with_helm_is_named_and_mended() {
    // By hand, past forge, with the value of the test before still in the release: the inventory has one replica.
    let helm = "KUBECONFIG=/etc/kubernetes/admin.conf /usr/local/lib/forge/helm-*/helm";
    let chart = "http://10.77.0.1:8080/artifacts/charts";
    on(
        "cp1",
        &format!("{helm} upgrade metrics-server metrics-server --repo {chart} --devel -n kube-system --set replicas=0"),
    );
    let plan = plan();
    let planned = plan.planned();
    assert!(planned.iter().any(|line| line.contains("is not what forge applied")), "{}", plan.all());
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_eq!(kubectl("-n kube-system get deployment metrics-server -o jsonpath={.status.readyReplicas}"), "1");
    // As a machine that lost its power in the middle of Helm's work leaves it.
    let newest = "kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system get secrets -l owner=helm,status=deployed -o name";
    on(
        "cp1",
        &format!(
            "kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system label --overwrite $({newest}) status=pending-upgrade"
        ),
    );
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(said.planned().iter().any(|line| line.contains("was left pending-upgrade")), "{}", said.all());
    assert_converged();
}

#[test]
fn e_4_an_image_that_cannot_be_pulled_fails_within_a_minute_and_is_taken_back() {
    let said = Changed::by(&[(METRICS, "  metricsServer: {values: {image: 'lab.local/nothing:v1'}, ")]).up();
    assert_eq!(said.code, 1, "{}", said.all());
    let found = said.found();
    let words = [
        "the release metrics-server in kube-system does not come up",
        "kube-system/metrics-server-",
        "container metrics-server (lab.local/nothing:v1)",
        "ImagePull",
    ];
    for word in words {
        assert!(found.iter().any(|line| line.contains(word)), "{word}: {}", said.all());
    }
    let step = said.of("step-finished").into_iter().find(|event| event["step"] == "metrics-server").unwrap();
    assert!(step["elapsedMs"].as_u64().unwrap() < 60_000, "{}", said.all());
    assert_eq!(kubectl("-n kube-system get deployment metrics-server -o jsonpath={.status.readyReplicas}"), "1");
    let mended = up();
    assert_eq!(mended.code, 0, "{}", mended.all());
    assert_converged();
}

#[test]
fn e_5_values_from_a_file_are_nowhere_to_be_seen_and_what_is_not_wanted_goes() {
    let own = "  helm:\n    - {name: metrics-server, chart: metrics-server, repo: 'http://10.77.0.1:8080/artifacts/charts', version: \
               3.14.0-lab.1, namespace: metrics, valuesFile: values.yaml, wait: false}\n  metricsServer: {enabled: false, ";
    let changed = Changed::by(&[(METRICS, own)]).with("values.yaml", "replicas: 0\nunused: swordfish-of-the-lab\n");
    let said = changed.up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(!said.all().contains("swordfish"), "a value was shown");
    let releases = kubectl("get secrets -A -l owner=helm --no-headers");
    assert!(!releases.contains("kube-system") && releases.contains("metrics "), "{releases}");
    // Nobody serves the metrics' API now, and no namespace can end: that keeps nothing from being verified.
    kubectl("-n kube-system patch configmap forge --type merge -p '{\"data\":{\"verified\":\"not yet\"}}'");
    let verified = changed.up();
    assert_eq!(verified.code, 0, "{}", verified.all());
    assert_evidence(&verified);
    let gone = up();
    assert_eq!(gone.code, 0, "{}", gone.all());
    assert!(
        gone.planned()
            .contains(&"cp1: release metrics-server in metrics: uninstall (no longer in the inventory)".to_owned()),
        "{}",
        gone.all()
    );
    assert_eq!(kubectl("-n metrics get deployments,secrets -o name"), "");
    kubectl("delete namespace metrics");
    assert_converged();
}
