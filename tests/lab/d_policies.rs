//! Policies and manifests: what the real API server lets in and what it refuses, and that what forge applied stays as it is.

use crate::support::*;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Policies that the lab's own inventory does not have.
const POLICIES: &str = "security:
  images: {allowedRegistries: [registry.k8s.io, mirror.example:5000/team]}
  networkPolicy: {defaultDenyNamespaces: [default, closed]}
";

/// And manifests.
const MANIFESTS: &str = "addons:
  manifests:
    - {path: shop.yaml}
    - {path: widget.yaml}
";

const SHOP: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: shop, namespace: shop, labels: {app: shop}}
data: {colour: red}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
# It is there already, and not forge's to delete.
apiVersion: v1
kind: Namespace
metadata: {name: kube-public, labels: {example.com/seen: \"yes\"}}
";

/// A definition and an object of its kind in one file, in the wrong order.
const WIDGET: &str = "apiVersion: lab.example/v1
kind: Widget
metadata: {name: one}
spec: {size: 1}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.lab.example}
spec:
  group: lab.example
  scope: Cluster
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

fn with_more(shop: &str) -> Changed {
    Changed::by(&[("security:\n", POLICIES), ("addons:\n", MANIFESTS)])
        .with("shop.yaml", shop)
        .with("widget.yaml", WIDGET)
}

/// What the API server says to a pod, without keeping it: `None` when it would let it in.
fn refusal(namespace: &str, spec: &str) -> Option<String> {
    let pod = format!("{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"x\"}},\"spec\":{spec}}}");
    let kubectl = "kubectl --kubeconfig=/etc/kubernetes/admin.conf";
    let output = try_on("cp1", &format!("echo '{pod}' | {kubectl} -n {namespace} create --dry-run=server -f -"));
    (!output.status.success()).then(|| String::from_utf8(output.stderr).unwrap())
}

fn of_image(image: &str) -> String {
    format!("{{\"containers\":[{{\"name\":\"c\",\"image\":\"{image}\"}}]}}")
}

fn assert_refused(spec: &str, words: &str) {
    let said = refusal("default", spec).unwrap_or_else(|| panic!("was let in: {spec}"));
    assert!(said.contains(words), "{spec}: {said}");
}

const TAGS: &str = "an image needs a tag other than latest, or a digest: ";
const REGISTRIES: &str = "an image is from none of the allowed registries: ";

#[test]
fn d_1_images_need_a_tag_or_a_digest() {
    some_cluster();
    for image in ["nginx", "nginx:latest", "mirror.example:5000/nginx", "mirror.example:5000/team/nginx:latest"] {
        assert_refused(&of_image(image), &format!("{TAGS}{image}"));
    }
    for image in ["nginx:1.27", "mirror.example:5000/nginx:1.27"] {
        assert_eq!(refusal("default", &of_image(image)), None);
    }
    for name in ["nginx", "nginx:latest", "mirror.example:5000/nginx"] {
        assert_eq!(refusal("default", &of_image(&format!("{name}@{DIGEST}"))), None);
    }
    let good = "\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1.27\"}]";
    for more in [
        "\"initContainers\":[{\"name\":\"i\",\"image\":\"init\"}]",
        "\"volumes\":[{\"name\":\"v\",\"image\":{\"reference\":\"init\"}}]",
    ] {
        assert_refused(&format!("{{{good},{more}}}"), &format!("{TAGS}init"));
    }
    assert_eq!(refusal("kube-system", &of_image("nginx")), None, "the cluster's own namespaces are left alone");
}

#[test]
fn d_2_nobody_gets_round_it_by_a_controller_a_change_or_a_debugger() {
    kubectl("-n default create deployment web --image=nginx");
    let mut said = String::new();
    for _ in 0..30 {
        said = kubectl("-n default get replicaset -l app=web -o jsonpath={.items[*].status.conditions[*].message}");
        if !said.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    kubectl("-n default delete deployment web");
    assert!(said.contains(&format!("{TAGS}nginx")), "{said}");

    // The default profile adds a capability, which Pod Security would refuse first.
    kubectl("-n default run keeper --image=registry.k8s.io/pause:3.10");
    let admin = "kubectl --kubeconfig=/etc/kubernetes/admin.conf -n default";
    for (command, image) in [
        ("set image pod/keeper keeper=nginx:latest", "nginx:latest"),
        ("debug keeper --profile=baseline --image=busybox", "busybox"),
    ] {
        let output = try_on("cp1", &format!("{admin} {command}"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(&format!("{TAGS}{image}")), "{command}: {said}");
    }
    kubectl("-n default debug keeper --profile=baseline --image=busybox:1.37");
    kubectl("-n default delete pod keeper --grace-period=0 --force");
}

#[test]
fn d_3_what_the_inventory_adds_is_applied_and_the_next_run_has_nothing_to_do() {
    let more = with_more(SHOP);
    let said = more.up();
    assert_eq!(said.code, 0, "{}", said.all());
    // Canaries run an image and ask the API with their token, whatever the policies say.
    assert_evidence(&said);
    let again = more.up();
    assert_eq!((again.code, again.planned()), (0, Vec::new()), "{}", again.all());
    assert!(again.finished()["roundTrips"].as_u64().unwrap() <= 2);
    assert_eq!(kubectl("-n shop get configmap shop -o jsonpath={.data.colour}"), "red");
    assert_eq!(kubectl("get widget one -o jsonpath={.spec.size}"), "1");
    for namespace in ["default", "closed"] {
        let policies = kubectl(&format!("-n {namespace} get networkpolicies -o name"));
        assert_eq!(
            policies.lines().collect::<Vec<_>>(),
            ["networkpolicy.networking.k8s.io/forge-allow-dns", "networkpolicy.networking.k8s.io/forge-default-deny"]
        );
        let mounts = format!("-n {namespace} get serviceaccount default -o jsonpath={{.automountServiceAccountToken}}");
        assert_eq!(kubectl(&mounts), "false");
    }
}

#[test]
fn d_4_images_come_from_the_allowed_registries_only() {
    for image in ["registry.k8s.io/pause:3.10", "mirror.example:5000/team/web:1", "mirror.example:5000/team/a/b:1"] {
        assert_eq!(refusal("default", &of_image(image)), None);
    }
    for image in [
        "nginx:1.27",
        "docker.io/library/nginx:1.27",
        "registry.k8s.io.evil.example/pause:3.10",
        "registry.k8s.io:5000/pause:3.10",
        "mirror.example:5000/teamwork/web:1",
        "mirror.example:5000/web:1",
        "evil.example/registry.k8s.io/pause:3.10",
    ] {
        assert_refused(&of_image(image), &format!("{REGISTRIES}{image}"));
    }
}

/// What is broken, and what the plan says of it.
const DRIFT: &[(&str, &str)] = &[
    ("-n default delete networkpolicy forge-default-deny", "NetworkPolicy default/forge-default-deny: create"),
    // Not one of our fields, and yet the end of the policy.
    (
        "-n closed patch networkpolicy forge-default-deny --type merge -p '{\"spec\":{\"ingress\":[{}]}}'",
        "NetworkPolicy closed/forge-default-deny: put back what was changed",
    ),
    (
        "patch validatingadmissionpolicy forge-image-tags --type merge -p \
         '{\"spec\":{\"matchConditions\":[{\"name\":\"never\",\"expression\":\"false\"}]}}'",
        "ValidatingAdmissionPolicy forge-image-tags: put back what was changed",
    ),
    (
        "-n closed patch serviceaccount default --type merge -p '{\"automountServiceAccountToken\":true}'",
        "ServiceAccount closed/default: put back what was changed",
    ),
    (
        "-n shop patch configmap shop --type merge -p '{\"data\":{\"colour\":\"blue\"}}'",
        "ConfigMap shop/shop: put back what was changed",
    ),
    ("delete widget one", "Widget one: create"),
];

#[test]
fn d_5_what_somebody_changed_is_named_and_put_back() {
    let more = with_more(SHOP);
    for (command, _) in DRIFT {
        kubectl(command);
    }
    // A field that nobody asked forge for is nobody's mistake.
    kubectl("-n shop annotate configmap shop example.com/note=mine");
    let plan = more.plan();
    assert_eq!(plan.code, 10, "{}", plan.all());
    let mut planned = plan.planned();
    planned.retain(|line| !line.contains("namespace forge-verify"));
    let mut expected: Vec<String> = DRIFT.iter().map(|(_, line)| format!("cp1: {line}")).collect();
    expected.sort_unstable();
    planned.sort_unstable();
    assert_eq!(planned, expected);
    let said = more.up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_eq!(kubectl("-n closed get networkpolicy forge-default-deny -o jsonpath={.spec.ingress}"), "");
    let conditions = "get validatingadmissionpolicy forge-image-tags -o jsonpath={.spec.matchConditions[*].name}";
    assert_eq!(kubectl(conditions), "spec-changed");
    assert_eq!(kubectl("-n closed get serviceaccount default -o jsonpath={.automountServiceAccountToken}"), "false");
    assert_eq!(kubectl("-n shop get configmap shop -o jsonpath={.data.colour}"), "red");
    assert_eq!(
        kubectl("-n shop get configmap shop -o jsonpath={.metadata.annotations}"),
        "{\"example.com/note\":\"mine\"}"
    );
    assert_eq!(more.plan().code, 0);
}

#[test]
fn d_6_a_refusal_is_told_in_the_api_servers_words() {
    let said = with_more(&SHOP.replace("{colour: red}", "{colour: [red]}")).up();
    assert_eq!(said.code, 1, "{}", said.all());
    let found = said.found();
    assert!(
        found.iter().any(|line| line.contains("manifests could not be applied") && line.contains(".data.colour")),
        "{found:?}"
    );
}

#[test]
fn d_7_what_leaves_the_inventory_is_deleted_and_what_was_there_before_stays() {
    let plan = plan();
    let planned = plan.planned();
    for line in [
        "cp1: Namespace shop: delete, with everything in it",
        "cp1: CustomResourceDefinition widgets.lab.example: delete, with all objects of that kind",
        "cp1: Namespace kube-public: was there before forge; take back what forge had set",
        "cp1: NetworkPolicy closed/forge-default-deny: delete",
        "cp1: ValidatingAdmissionPolicy forge-image-registries: delete",
        "cp1: ServiceAccount closed/default: was there before forge; take back what forge had set",
    ] {
        assert!(planned.iter().any(|planned| planned == line), "{line}: {planned:#?}");
    }
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    let left = kubectl("get namespace shop --ignore-not-found -o name");
    assert_eq!(left, "");
    assert_eq!(kubectl("get crd widgets.lab.example --ignore-not-found -o name"), "");
    assert_eq!(kubectl("-n closed get networkpolicies -o name"), "");
    assert_eq!(kubectl("-n closed get serviceaccount default -o jsonpath={.automountServiceAccountToken}"), "");
    assert!(!kubectl("get namespace kube-public -o jsonpath={.metadata.labels}").contains("example.com/seen"));
    assert_eq!(refusal("default", &of_image("docker.io/library/nginx:1.27")), None);
    kubectl("delete namespace closed");
    assert_converged();
}

#[test]
fn d_8_a_person_gets_a_certificate_that_ends_and_gives_nothing_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jane");
    let words = ["--user", "jane@example.com", "--group", "dev", "--group", "ops", "--ttl", "1h", "--output"];
    let inventory = inventory();
    let all = [&["kubeconfig", inventory.to_str().unwrap()], words.as_slice(), &[path.to_str().unwrap()]].concat();
    let said = run(&all);
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(said.stderr.contains("jane@example.com for 1h"), "{}", said.stderr);
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(kubectl("get csr -o name | grep -c forge-user || true").trim(), "0", "the request is left behind");

    let text = std::fs::read_to_string(&path).unwrap();
    let jane = |words: &str| {
        let command = format!(
            "umask 077; cat >/run/jane <<'END'\n{text}\nEND\nkubectl --kubeconfig=/run/jane {words}; code=$?; rm /run/jane; exit $code"
        );
        try_on("cp1", &command)
    };
    let who = jane("auth whoami -o jsonpath={.status.userInfo.username}{.status.userInfo.groups}");
    assert_eq!(String::from_utf8(who.stdout).unwrap(), r#"jane@example.com["dev","ops","system:authenticated"]"#);
    let pods = jane("get pods");
    assert!(
        String::from_utf8(pods.stderr).unwrap().contains("User \"jane@example.com\" cannot list resource \"pods\"")
    );
    kubectl("create rolebinding dev --clusterrole=view --group=dev -n default");
    let pods = jane("-n default get pods");
    kubectl("delete rolebinding dev -n default");
    assert!(pods.status.success(), "{}", String::from_utf8_lossy(&pods.stderr));

    for refused in [["--group", "system:masters"], ["--ttl", "5m"], ["--user", "system:admin"]] {
        let other = folder.path().join("other");
        let base = ["kubeconfig", inventory.to_str().unwrap(), "--output", other.to_str().unwrap()];
        let user = if refused[0] == "--user" { vec![] } else { vec!["--user", "jane"] };
        assert_eq!(run(&[base.as_slice(), &user, &refused].concat()).code, 2, "{refused:?}");
    }
}
