//! Network policies that are enforced: what pods reach from a namespace that forge has closed, and what reaches them there.

use std::collections::BTreeSet;

use crate::rotation::*;
use crate::support::*;

/// `default` is closed by forge; `open` has no policy and shows that what is refused there could be reached.
const NAMESPACES: [&str; 2] = ["default", "open"];

/// A pod of each namespace runs on each.
const HOSTS: [&str; 2] = ["cp1", "w1"];

/// Something that listens in every pod, on this port.
const LISTENS: u16 = 8080;

/// What any policy of a user's own may open beside forge's.
const ALLOWED: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: to-open, namespace: default}
spec:
  podSelector: {matchLabels: {on: w1}}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: open}}}]
    ports: [{port: 8080}]
";

/// A pod that only holds its network; the tests use it from its host.
fn pod(namespace: &str, host: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {host}, namespace: {namespace}, labels: {{on: {host}}}}}\nspec:\n  \
         nodeName: {host}\n  automountServiceAccountToken: false\n  terminationGracePeriodSeconds: 1\n  \
         tolerations: [{{operator: Exists}}]\n  containers: [{{name: c, image: 'registry.k8s.io/pause:3.10.2'}}]\n"
    )
}

fn create(documents: &str) {
    on_with_input("cp1", "kubectl --kubeconfig=/etc/kubernetes/admin.conf create -f -", documents);
}

fn pods_are_made() {
    // A test that failed leaves its own.
    pods_are_gone();
    kubectl("create namespace open");
    let all = NAMESPACES.into_iter().flat_map(|namespace| HOSTS.map(|host| pod(namespace, host)));
    create(&all.collect::<Vec<_>>().join("---\n"));
    pods_listen();
}

fn pods_are_gone() {
    kubectl("-n default delete pods cp1 w1 --now --ignore-not-found");
    kubectl("delete namespace open --ignore-not-found");
}

/// Runs a script on the pod's host in the pod's network, with the name servers of the pod; `$pid` is its process.
fn inside(namespace: &str, host: &str, script: &str) -> String {
    let label = |name: &str, value: &str| format!("labels.\"io.kubernetes.pod.{name}\"=={value}");
    let ours =
        [label("namespace", namespace), label("name", host), "labels.\"io.cri-containerd.kind\"==container".to_owned()];
    // After a boot the API server's word is old until the kubelet has started the pod again.
    let enter = format!(
        "pid_of() {{ for id in $(ctr -n k8s.io containers ls -q \"{}\" 2>/dev/null); do\n\
         ctr -n k8s.io tasks ls 2>/dev/null | awk -v id=$id \"\\$1 == id {{print \\$2}}\"\ndone; }}\n\
         tries=0; until pid=$(pid_of); [ -n \"$pid\" ] || [ $tries -gt 60 ]; do tries=$((tries + 1)); sleep 1; done\n\
         export pid servers=/run/servers-of-a-pod\n\
         cat /proc/$pid/root/etc/resolv.conf >$servers && nsenter --net=/proc/$pid/ns/net unshare --mount bash -es",
        ours.join(",").replace('"', "\\\"")
    );
    on_with_input(host, &enter, &format!("mount --bind $servers /etc/resolv.conf\n{script}\n"))
}

/// Waits until all of them run, and lets something listen in each.
fn pods_listen() {
    let serve = format!(
        "systemd-run --quiet --collect --property=NetworkNamespacePath=/proc/$pid/ns/net \
         socat TCP-LISTEN:{LISTENS},fork,reuseaddr SYSTEM:true"
    );
    for namespace in NAMESPACES {
        kubectl(&format!("-n {namespace} wait --for=condition=Ready pods cp1 w1 --timeout=120s"));
        for host in HOSTS {
            inside(namespace, host, &serve);
        }
    }
}

fn address(namespace: &str, host: &str) -> String {
    kubectl(&format!("-n {namespace} get pod {host} -o jsonpath={{.status.podIP}}")).trim().to_owned()
}

/// What a pod could want to reach: addresses and ports with a name each.
fn targets() -> Vec<(String, String)> {
    let mut all = vec![
        ("the API's service".to_owned(), "10.96.0.1/443".to_owned()),
        ("the API server".to_owned(), "10.77.0.11/6443".to_owned()),
        ("the worker's kubelet".to_owned(), "10.77.0.21/10250".to_owned()),
        ("a host outside of the cluster".to_owned(), "10.77.0.1/5000".to_owned()),
    ];
    let dns = kubectl("-n kube-system get pods -l k8s-app=kube-dns -o jsonpath={.items[0].status.podIP}");
    all.push(("the metrics of a pod of CoreDNS".to_owned(), format!("{}/9153", dns.trim())));
    for namespace in NAMESPACES {
        all.extend(
            HOSTS.map(|host| (format!("{namespace}/{host}"), format!("{}/{LISTENS}", address(namespace, host)))),
        );
    }
    all
}

/// The names of those that a pod reaches, but for itself; nothing while it cannot even resolve a name.
fn reached(namespace: &str, host: &str, targets: &[(String, String)]) -> Option<BTreeSet<String>> {
    let own = format!("{namespace}/{host}");
    let others: Vec<&(String, String)> = targets.iter().filter(|(name, _)| *name != own).collect();
    // All at once: what is dropped costs its time only once.
    let at: Vec<&str> = others.iter().map(|(_, at)| at.as_str()).collect();
    let script = format!(
        "getent ahostsv4 kubernetes.default.svc.cluster.local || true\n\
         for at in {}; do {{ timeout 3 bash -c \"</dev/tcp/$at\" && echo $at; }} 2>/dev/null & done; wait",
        at.join(" ")
    );
    let said = inside(namespace, host, &script);
    let open: BTreeSet<&str> = said.lines().collect();
    let names = others.into_iter().filter(|(_, at)| open.contains(at.as_str())).map(|(name, _)| name.clone());
    said.starts_with("10.96.0.1 ").then(|| names.collect())
}

/// The pods in `default` resolve names and neither reach anything nor are reached; those in `open` reach everything else.
fn assert_enforced() {
    let targets = targets();
    for host in HOSTS {
        // A pod that has just started gets its rules a moment later.
        wait_until(&format!("default/{host} is closed"), || {
            reached("default", host, &targets) == Some(BTreeSet::new())
        });
    }
    for host in HOSTS {
        let own = format!("open/{host}");
        let names = targets.iter().map(|(name, _)| name.clone());
        let reachable: BTreeSet<String> = names.filter(|name| !name.starts_with("default/") && *name != own).collect();
        wait_until(&format!("open/{host} reaches what it may, no pod in default"), || {
            reached("open", host, &targets).as_ref() == Some(&reachable)
        });
        assert_eq!(reached("default", host, &targets), Some(BTreeSet::new()), "default/{host}");
    }
}

#[test]
fn d_9_a_closed_namespace_has_dns_and_nothing_else_before_and_after_the_hosts_start_again() {
    some_cluster();
    pods_are_made();
    assert_enforced();

    create(ALLOWED);
    let targets = targets();
    let may: BTreeSet<String> = HOSTS.map(|host| format!("open/{host}")).into();
    wait_until("what a user's own policy allows is reached", || {
        reached("default", "w1", &targets).as_ref() == Some(&may)
    });
    assert_eq!(reached("default", "cp1", &targets), Some(BTreeSet::new()), "it is not for that pod");
    kubectl("-n default delete networkpolicy to-open");

    for host in HOSTS {
        power(host, "kill");
    }
    for host in HOSTS {
        power(host, "start");
    }
    wait_for_api_server("cp1");
    kubectl("wait --for=condition=Ready nodes --all --timeout=120s");
    kubectl("-n kube-system rollout status deployment/coredns --timeout=120s");
    pods_listen();
    assert_enforced();
    // What a host's kernel was told is gone with its power.
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_converged();
    pods_are_gone();
}

#[test]
#[ignore = "takes five minutes"]
fn d_9_new_authorities_leave_a_closed_namespace_closed() {
    some_cluster();
    pods_are_made();
    assert_enforced();
    let folder = tempfile::tempdir().unwrap();
    for stage in ["trust", "sign", "remove"] {
        let output = changing(&["certs", "rotate-ca"], &["--stage", stage], folder.path()).output().unwrap();
        let said = Said::of_output(output);
        assert_eq!(said.code, 0, "{}", said.all());
        assert_enforced();
    }
    // Pods that come later are closed by an enforcer that has to know the new authorities.
    pods_are_gone();
    pods_are_made();
    assert_enforced();
    pods_are_gone();
    assert_converged();
}
