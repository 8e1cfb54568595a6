//! `forge audit`: clean after `up`; then things are broken by hand, exactly their controls fail, and they are mended.
//!
//! Runs on whatever cluster the files before left, or on one and one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::*;

/// How something that was broken is put right.
#[derive(Clone, Copy)]
enum Mended {
    /// `up` does it.
    Up,
    /// It is not forge's; the operator types this on the same host.
    ByHand(&'static str),
}

use Mended::{ByHand, Up};

/// Host, what breaks it, the control that fails, whether that control is looked at once for the cluster, and the remedy.
type Broken = (&'static str, &'static str, &'static str, bool, Mended);

const ETCDCTL: &str = "etcdctl() { ctr -n k8s.io tasks exec --exec-id t$$ $(ctr -n k8s.io containers list -q \
    'labels.\"io.kubernetes.container.name\"==etcd' | while read -r id; do ctr -n k8s.io tasks list | grep -q \"^$id .*RUNNING\" && echo $id; done) \
    etcdctl --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key \"$@\"; }";

const PLAINTEXT: &str = r#"etcdctl put /registry/secrets/default/plain '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"plain","namespace":"default","uid":"00000000-0000-0000-0000-000000000001","creationTimestamp":"2026-01-01T00:00:00Z"},"type":"Opaque"}' >/dev/null"#;

const ETERNAL: &str = r#"printf '%s' '{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/service-account-token","metadata":{"name":"eternal","namespace":"default","annotations":{"kubernetes.io/service-account.name":"default"}}}' | kubectl create -f -"#;

/// The kubelet takes a manifest that changes in one rename for the same pod.
const EDIT: &str = "edit() { sed \"$2\" \"/etc/kubernetes/manifests/$1.yaml\" >/root/edited && chmod 600 /root/edited && \
    mv /root/edited \"/etc/kubernetes/manifests/$1.yaml\"; }";

const BROKEN: &[Broken] = &[
    // First, because the API server takes a while to come back.
    ("cp1", "edit kube-apiserver s/--audit-log-maxage=30/--audit-log-maxage=1/", "CIS-1.2.17", false, Up),
    ("cp1", "edit kube-scheduler s/--profiling=false/--profiling=true/", "CIS-1.4.1", false, Up),
    ("cp1", "edit kube-controller-manager /--terminated-pod-gc-threshold/d", "CIS-1.3.1", false, Up),
    // Files.
    ("cp1", "chmod 644 /etc/kubernetes/manifests/etcd.yaml", "CIS-1.1.7", false, Up),
    ("cp1", "chmod 644 /etc/kubernetes/admin.conf", "CIS-1.1.13", false, Up),
    ("cp1", "chown nobody /etc/kubernetes/scheduler.conf", "CIS-1.1.16", false, Up),
    ("cp1", "chmod 755 /var/lib/etcd", "CIS-1.1.11", false, Up),
    ("cp1", "chmod 644 /etc/kubernetes/pki/ca.key", "CIS-1.1.21", false, Up),
    ("cp1", "chmod 644 /etc/kubernetes/forge/admission.yaml", "FORGE-API-SERVER-FILES", false, Up),
    (
        "cp1",
        "chmod 666 /run/containerd/containerd.sock",
        "FORGE-CONTAINERD-FILES",
        false,
        ByHand("chmod 660 /run/containerd/containerd.sock"),
    ),
    ("w1", "chmod 644 /var/lib/kubelet/kubeadm-flags.env", "CIS-4.1.9", false, Up),
    ("w1", "chmod 644 \"$(systemctl show kubelet -p FragmentPath --value)\"", "CIS-4.1.1", false, Up),
    ("w1", "chmod 644 /etc/kubernetes/kubelet.conf", "CIS-4.1.5", false, Up),
    ("w1", "chmod 644 /etc/shadow", "FORGE-ACCOUNT-FILES", false, ByHand("chmod 640 /etc/shadow")),
    // Settings.
    (
        "w1",
        "sed -i 's/^podPidsLimit:.*/podPidsLimit: -1/' /var/lib/kubelet/config.yaml && chmod 600 /var/lib/kubelet/config.yaml && systemctl restart kubelet",
        "CIS-4.2.13",
        false,
        Up,
    ),
    ("cp1", "touch /var/lib/kubelet/config.yaml", "FORGE-KUBELET-FRESH", false, ByHand("systemctl restart kubelet")),
    ("cp1", "sed -i '$s/Metadata/None/' /etc/kubernetes/forge/audit-policy.yaml", "CIS-3.2.2", false, Up),
    // The host. Settings of the kernel other than the network's are those of all hosts of the lab.
    ("w1", "sysctl -qw net.ipv4.conf.all.accept_redirects=1", "FORGE-SYSCTL-NETWORK", false, Up),
    ("w1", "nft delete table inet forge", "FORGE-FIREWALL", false, Up),
    ("cp1", "nft insert rule inet forge input tcp dport 2379 accept", "FORGE-FIREWALL-INSIDE", false, Up),
    (
        "w1",
        "sed -i 's/^PasswordAuthentication no/PasswordAuthentication yes/' /etc/ssh/sshd_config.d/00-forge.conf",
        "FORGE-SSHD-PASSWORDS",
        false,
        Up,
    ),
    (
        "cp1",
        "sed -i 's/^X11Forwarding no/X11Forwarding yes/' /etc/ssh/sshd_config.d/00-forge.conf",
        "FORGE-SSHD-TUNNELS",
        false,
        Up,
    ),
    ("w1", "systemctl disable -q --now apt-daily-upgrade.timer", "FORGE-UPDATES", false, Up),
    ("w1", "apt-mark unhold kubelet >/dev/null", "FORGE-HELD", false, Up),
    ("w1", "rm /etc/modprobe.d/forge.conf", "FORGE-MODULES", false, Up),
    ("w1", "rm /etc/security/limits.d/forge.conf", "FORGE-CORE-DUMPS", false, Up),
    (
        "w1",
        "echo 'toor:x:0:0::/root:/usr/sbin/nologin' >>/etc/passwd",
        "FORGE-ACCOUNTS",
        false,
        ByHand("sed -i /^toor:/d /etc/passwd"),
    ),
    // The cluster.
    ("cp1", PLAINTEXT, "FORGE-ETCD-CIPHERTEXT", true, ByHand("etcdctl del /registry/secrets/default/plain >/dev/null")),
    (
        "cp1",
        "kubeadm token create abcdef.0123456789abcdef >/dev/null",
        "FORGE-BOOTSTRAP-TOKENS",
        true,
        ByHand("kubectl -n kube-system delete secrets --field-selector type=bootstrap.kubernetes.io/token"),
    ),
    ("cp1", "kubeadm init phase upload-certs --upload-certs >/dev/null", "FORGE-UPLOADED-CERTIFICATES", true, Up),
    ("cp1", ETERNAL, "FORGE-ETERNAL-TOKENS", true, ByHand("kubectl delete secret eternal")),
    (
        "cp1",
        "kubectl create clusterrolebinding strangers --clusterrole=view --user=system:anonymous",
        "FORGE-STRANGERS-ROLES",
        true,
        ByHand("kubectl delete clusterrolebinding strangers"),
    ),
    (
        "cp1",
        "kubectl create clusterrolebinding boss --clusterrole=cluster-admin --serviceaccount=default:boss",
        "CIS-5.1.1",
        true,
        ByHand("kubectl delete clusterrolebinding boss"),
    ),
    ("cp1", "kubeadm init phase kubeconfig super-admin >/dev/null", "CIS-5.1.7", false, Up),
    ("cp1", "kubectl patch serviceaccount default -p '{\"automountServiceAccountToken\":true}'", "CIS-5.1.5", true, Up),
    ("cp1", "kubectl delete networkpolicies --all", "CIS-5.3.2", true, Up),
    ("cp1", "kubectl delete validatingadmissionpolicybindings --all", "FORGE-IMAGE-TAGS", true, Up),
    (
        "cp1",
        "kubectl label namespace default pod-security.kubernetes.io/enforce=privileged",
        "CIS-5.2.1",
        true,
        ByHand("kubectl label namespace default pod-security.kubernetes.io/enforce-"),
    ),
    (
        "cp1",
        "kubectl -n kube-system run latest --image=registry.k8s.io/pause:latest",
        "FORGE-IMAGES-RUNNING",
        true,
        ByHand("kubectl -n kube-system delete pod latest --now"),
    ),
];

/// `forge audit --json`.
fn audit() -> Said {
    run(&["audit", inventory().to_str().unwrap(), "--json"])
}

/// Control and host (empty for the cluster) of every finding in one of these states.
fn findings(said: &Said, states: &[&str]) -> BTreeSet<(String, String)> {
    let hit = said.of("control").into_iter().filter(|event| states.contains(&text(&event["state"])));
    hit.map(|event| (text(&event["id"]).to_owned(), text(&event["host"]).to_owned())).collect()
}

/// What was found, for a failed assertion.
fn evidence(said: &Said, states: &[&str]) -> String {
    let hit = said.of("control").into_iter().filter(|event| states.contains(&text(&event["state"])));
    hit.map(|event| format!("{} {}: {}\n", text(&event["id"]), event["host"], event["evidence"])).collect()
}

const BAD: &[&str] = &["fail", "not-checked"];

fn assert_clean() {
    let said = audit();
    assert_eq!(evidence(&said, BAD), "");
    assert_eq!(said.code, 0, "{}", said.all());
}

/// Types a command on a host, with what the table's commands use.
fn types(host: &str, command: &str) {
    on(host, &format!("export KUBECONFIG=/etc/kubernetes/admin.conf\n{ETCDCTL}\n{EDIT}\n{{ {command}; }} >/dev/null"));
}

#[test]
fn f_1_after_up_no_control_fails_and_every_host_was_asked_once() {
    if !inventory().exists() || !try_on("cp1", "true").status.success() {
        bare_hosts(1, 1);
    }
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    let said = audit();
    assert_eq!(evidence(&said, BAD), "");
    assert_eq!(said.code, 0, "{}", said.all());
    assert_eq!(said.finished()["roundTrips"], 1);
    assert_eq!(said.finished()["changed"], 0);
    let passed = findings(&said, &["pass"]);
    assert!(passed.len() > 150, "only {} passed: {}", passed.len(), said.all());
    let plan = plan();
    assert_eq!(plan.code, 0, "the audit changed something: {}", plan.all());
}

#[test]
fn f_2_what_is_broken_by_hand_fails_its_own_control_and_no_other() {
    for (host, command, ..) in BROKEN {
        types(host, command);
    }
    // Manifests were edited: until their programs run again the cluster cannot tell.
    on(
        "cp1",
        "sleep 5; i=0; until kubectl --kubeconfig=/etc/kubernetes/admin.conf --server=https://$(hostname -I | cut -d' ' -f1):6443 \
               get --raw /readyz >/dev/null 2>&1 && grep -lz -- --audit-log-maxage=1 /proc/[0-9]*/cmdline >/dev/null; do \
               i=$((i + 1)); [ $i -lt 180 ]; sleep 1; done",
    );
    let said = audit();
    let expected: BTreeSet<(String, String)> = BROKEN
        .iter()
        .map(|(host, _, control, of_cluster, _)| {
            ((*control).to_owned(), if *of_cluster { String::new() } else { (*host).to_owned() })
        })
        .collect();
    assert_eq!(expected.len(), BROKEN.len(), "two breakages have the same control");
    assert!(expected.len() >= 25);
    assert_eq!(findings(&said, BAD), expected, "{}", evidence(&said, BAD));
    assert_eq!(said.code, 6);
}

#[test]
fn f_3_up_mends_what_is_forges_and_the_audit_is_clean_again() {
    for (host, _, _, _, mended) in BROKEN {
        if let ByHand(command) = mended {
            types(host, command);
        }
    }
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_clean();
    assert_converged();
}

#[test]
fn f_5_a_host_that_is_gone_is_not_checked_and_the_others_are() {
    power("w1", "kill");
    let said = audit();
    power("w1", "start");
    assert_eq!(said.code, 4, "{}", said.all());
    assert!(findings(&said, &["fail"]).is_empty(), "{}", evidence(&said, &["fail"]));
    let unchecked = findings(&said, &["not-checked"]);
    assert!(
        unchecked.iter().all(|(_, host)| host == "w1") && unchecked.len() > 50,
        "{}",
        evidence(&said, &["not-checked"])
    );
}

#[test]
fn f_4_the_page_holds_every_control_and_a_waiver_is_shown() {
    let waiver = "audit: {waivers: [{control: CIS-1.1.13, hosts: [cp1], reason: the <backup> reads it, expires: 2999-12-31}]}\nhosts:";
    let changed = Changed::by(&[("hosts:", waiver)]);
    types("cp1", "chmod 640 /etc/kubernetes/admin.conf");
    let page = changed.inventory().with_extension("html");
    let said = changed.run("audit", &["--json", "--html", page.to_str().unwrap()]);
    types("cp1", "chmod 600 /etc/kubernetes/admin.conf");
    assert_eq!(said.code, 0, "{}", evidence(&said, BAD));
    let waived: Vec<&Value> = said.of("control").into_iter().filter(|event| event["state"] == "waived").collect();
    assert_eq!((waived.len(), text(&waived[0]["waiver"]["reason"])), (1, "the <backup> reads it"));
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("the &lt;backup&gt; reads it") && html.contains("CIS-5.6.4") && !html.contains("<script"));
}
