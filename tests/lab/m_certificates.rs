//! Certificates of a living cluster: listed, renewed while clients work, killed at every step, and brought back when all of
//! them have expired. On the three control planes that the file before made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::rotation::*;
use crate::support::*;

fn list() -> Said {
    run(&["certs", "list", inventory().to_str().unwrap(), "--json"])
}

fn renew(more: &[&str]) -> Said {
    renew_by(&inventory(), more)
}

/// The same with another inventory.
fn renew_by(inventory: &Path, more: &[&str]) -> Said {
    run(&[&["certs", "renew", inventory.to_str().unwrap(), "--yes", "--json"], more].concat())
}

/// A renewal with these words, its journals in a folder.
fn renewal(words: &[&str], journals: &Path) -> Command {
    changing(&["certs", "renew"], words, journals)
}

/// Host and port → the serial that is served there.
fn served(said: &Said) -> BTreeMap<(String, u64), String> {
    let rows = said.of("certificate").into_iter().filter(|row| row["servedSerial"].is_string());
    rows.map(|row| {
        ((text(&row["host"]).to_owned(), row["port"].as_u64().unwrap()), text(&row["servedSerial"]).to_owned())
    })
    .collect()
}

fn admin() -> String {
    on("cp1", "cat /etc/kubernetes/admin.conf")
}

/// A line out of each private key on every node: kubeadm's, those in kubeconfigs, and the kubelets'.
fn private_keys() -> Vec<String> {
    let files = "find /etc/kubernetes/pki /var/lib/kubelet/pki -name '*.key' -o -name '*-current.pem' | sort";
    let look = format!(
        "{files} | while read -r file; do sed -n '/PRIVATE KEY/{{n;p;q}}' \"$file\"; done; \
         sed -n 's/^ *client-key-data: //p' /etc/kubernetes/*.conf | cut -c 81-160"
    );
    let lines = NODES.iter().flat_map(|host| on(host, &look).lines().map(str::to_owned).collect::<Vec<_>>());
    lines.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The secret halves of the bootstrap tokens that there are.
fn bootstrap_tokens() -> Vec<String> {
    let ask = "-n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o jsonpath='{range .items[*]}{.data.token-secret}{\"\\n\"}{end}'";
    let tokens = kubectl(ask).lines().map(|token| on("cp1", &format!("echo {token} | base64 -d"))).collect::<Vec<_>>();
    assert!(!tokens.is_empty(), "there is no token for the worker");
    tokens
}

/// Every port serves what is in its file, and nothing is wrong.
fn assert_all_well(said: &Said) {
    assert_eq!(said.code, 0, "{}", said.all());
    for row in said.of("certificate") {
        assert_eq!(row["notes"], Value::Array(Vec::new()), "{row}");
    }
}

#[test]
fn m_1_every_certificate_of_every_node_is_listed_in_one_round_trip() {
    let said = list();
    assert_all_well(&said);
    assert_eq!(said.finished()["roundTrips"], 1);
    let rows = said.of("certificate");
    let of = |host: &str| rows.iter().filter(|row| row["host"] == host).count();
    assert_eq!((of("cp1"), of("cp2"), of("cp3"), of("w1")), (17, 17, 17, 3), "{}", said.all());
    assert_eq!(served(&said).len(), 3 * 6 + 1);
    let soon = run(&["certs", "list", inventory().to_str().unwrap(), "--json", "--warn-days", "400"]);
    assert_eq!(soon.code, 6, "{}", soon.all());
}

#[test]
#[ignore = "takes three control planes and eight minutes: lab/test --all"]
fn m_2_a_renewal_is_served_on_every_port_and_no_client_notices() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let before = list();
    let mut secrets = private_keys();
    watch_command_lines();
    let client = Client::begins("client", &admin());
    let workers_turn = |(host, step): &StepName| host == "w1" && step == "certs-kubelet";
    let said = meanwhile(renewal(&[], folder.path()), workers_turn, || secrets.extend(bootstrap_tokens()));
    assert_eq!(said.code, 0, "{}", said.all());
    let asked = client.assert_never_failed();
    assert!(asked > 50, "only {asked} answers");
    secrets.extend(private_keys());
    assert!(secrets.len() > 60, "{} secrets", secrets.len());
    assert_nowhere(&secrets, &said.all(), folder.path());
    let after = list();
    assert_all_well(&after);
    let (before, after) = (served(&before), served(&after));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (port, serial) in &before {
        assert_ne!(serial, &after[port], "{port:?}");
    }
    let again = renew(&["--within", "30"]);
    assert_eq!(again.planned(), Vec::<String>::new(), "{}", again.all());
}

/// Names that the certificate at the API server's port has, on each control plane.
fn served_names() -> Vec<String> {
    let ask = "openssl s_client -connect \"$(hostname -I | cut -d' ' -f1):6443\" </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName";
    CONTROL_PLANES.iter().map(|host| on(host, ask)).collect()
}

#[test]
#[ignore = "takes three control planes and five minutes: lab/test --all"]
fn m_3_other_names_in_the_inventory_make_the_certificate_anew() {
    three_control_planes();
    let names = "kubeadm:\n  clusterConfiguration: {apiServer: {certSANs: [more.lab.example, api.lab.example, localhost, 127.0.0.1, cp1, cp2, cp3]}}\n";
    let changed = Changed::by(&[("kubeadm:\n", names)]);
    let due = |said: &Said, why: &str| said.planned().iter().filter(|line| line.contains(why)).count();
    let only = ["--within", "1", "--only", "apiserver"];
    let unasked = run(&[&["certs", "renew", changed.inventory().to_str().unwrap(), "--json"], &only[..]].concat());
    assert_eq!(unasked.code, 2, "nobody was asked: {}", unasked.all());
    assert_eq!(due(&unasked, "renew (lacks more.lab.example)"), 3, "{}", unasked.all());

    let before = served(&list());
    let client = Client::begins("client", &admin());
    let said = renew_by(&changed.inventory(), &only);
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(served_names().iter().all(|names| names.contains("DNS:more.lab.example")), "{:?}", served_names());
    let after = served(&list());
    // The controller manager and the scheduler make theirs at each start, and start anew when their API server goes.
    let kept = |port: u64| !matches!(port, 10257 | 10259);
    let renewed = before.iter().filter(|(port, serial)| kept(port.1) && after[*port] != **serial);
    assert_eq!(renewed.map(|((_, port), _)| *port).collect::<Vec<_>>(), [6443; 3], "something else was renewed");
    // What the inventory has no more goes again.
    let said = renew(&only);
    assert_eq!(due(&said, "has more.lab.example, which the inventory has not"), 3, "{}", said.all());
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(!served_names().iter().any(|names| names.contains("more.lab.example")), "{:?}", served_names());
    client.assert_never_failed();
    assert_all_well(&list());
    assert_converged();
}

/// Kills a renewal, with these words, at each of its steps that is to die.
fn walk(namespace: &str, words: &[&str], to_die: impl Fn(&StepName) -> bool) -> BTreeSet<StepName> {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let written = Written::new(namespace, 20);
    let died = kill_at_every_step(|| renewal(words, folder.path()), to_die, &written);
    assert_all_well(&list());
    // Runs that were killed have left their tokens, which last for an hour.
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_converged();
    died
}

/// Each run begins anew, which makes this long; what only workers do is in the next one.
#[test]
#[ignore = "takes three control planes and half an hour"]
fn m_6_renewing_everything_survives_being_killed_at_every_step_of_every_control_plane() {
    let is_control_plane = |(host, step): &StepName| CONTROL_PLANES.contains(&host.as_str()) && !step.contains("token");
    let died = walk("renewed", &[], is_control_plane);
    for host in CONTROL_PLANES {
        for step in
            ["certs-backup", "certs-renew", "certs-restart", "certs-proof", "certs-kubelet", "certs-kubelet-proof"]
        {
            assert!(died.contains(&(host.to_owned(), step.to_owned())), "{host} did not die at {step}: {died:?}");
        }
    }
}

#[test]
#[ignore = "takes three control planes and five minutes"]
fn m_9_renewing_kubelets_survives_being_killed_at_every_step() {
    let died = walk("kubelets", &["--only", "kubelet-client", "kubelet-server"], |_| true);
    for step in ["certs-kubelet", "serving-certificate", "certs-kubelet-proof"] {
        assert!(died.contains(&("w1".to_owned(), step.to_owned())), "w1 did not die at {step}: {died:?}");
    }
    assert!(died.iter().any(|(_, step)| step.contains("token")), "{died:?}");
}

/// Whatever goes while forge renews, the same command brings it to its end. A control plane that is gone before another one
/// restarts keeps that from restarting: the two that are left never stop answering.
#[test]
#[ignore = "takes three control planes and ten minutes"]
fn m_7_a_control_plane_that_is_cut_off_and_etcds_leader_that_goes_cost_nothing() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let written = Written::new("hindered", 20);
    let servers = control_planes();
    let begins = |host: &'static str, step: &'static str| move |(on, name): &StepName| on == host && name == step;
    let reader = Client::reads("hindered", &servers[..2]);
    let cut = meanwhile(renewal(&[], folder.path()), begins("cp1", "certs-renew"), || cut_off("cp3", 180));
    println!("cp3 was cut off: {}", cut.found().join("\n"));
    assert_eq!(cut.code, 1, "{}", cut.all());
    assert!(cut.all().contains("the API server of cp3, which answers: not within 75 seconds"), "{}", cut.all());
    written.assert_readable_soon(&servers[..2]);
    wait_until_reached("cp3");
    println!("{} answers meanwhile", reader.assert_never_failed());
    written.assert_readable_soon(&servers);
    wait_for_lock("cp3");
    let leaderless =
        meanwhile(renewal(&[], folder.path()), begins("cp2", "certs-restart"), || drop(stop_etcds_leader()));
    println!("etcd's leader went: exit {}, {}", leaderless.code, leaderless.found().join("\n"));
    written.assert_readable_soon(&servers);
    let said = renew(&[]);
    assert_eq!(said.code, 0, "{}", said.all());
    written.assert_readable(&servers);
    assert_all_well(&list());
    assert_converged();
}

/// The power of a control plane goes while its manifests lie aside: nothing starts there by itself.
#[test]
#[ignore = "takes three control planes and five minutes"]
fn m_8_a_host_that_loses_its_power_while_it_restarts_comes_back_with_the_same_command() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let written = Written::new("powerless", 20);
    let servers = control_planes();
    let restart = |(host, step): &StepName| host == "cp1" && step == "certs-restart";
    let stopped = meanwhile(renewal(&[], folder.path()), restart, || power_goes_while_it_restarts("cp1"));
    assert!(matches!(stopped.code, 1 | 4), "{}", stopped.all());
    written.assert_readable_soon(&servers[1..]);
    power_comes_back("cp1");
    let said = renew(&[]);
    assert_eq!(said.code, 0, "{}", said.all());
    written.assert_readable(&servers);
    assert_all_well(&list());
    // What a host's kernel was told is gone with its power.
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_converged();
}

/// Kills a renewal of the scheduler's certificates at each of its steps in turn. That kills no client's connection.
#[test]
fn m_4_a_renewal_survives_being_killed_at_every_step() {
    let words = ["certs", "renew", inventory().to_str().unwrap(), "--yes", "--json", "--only", "scheduler.conf"]
        .map(str::to_owned);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut died: BTreeSet<String> = BTreeSet::new();
    loop {
        let watched = run_until(&words, "step-started", |(host, step)| host == "cp1" && !died.contains(step));
        println!("killed at {:?}", watched.killed);
        if watched.killed.is_empty() {
            break;
        }
        died.extend(watched.killed.into_iter().map(|(_, step)| step));
    }
    assert_eq!(died.into_iter().collect::<Vec<_>>(), ["certs-backup", "certs-proof", "certs-renew", "certs-restart"]);
    assert_all_well(&list());
}

#[test]
#[ignore = "takes three control planes and eight minutes: lab/test --all"]
fn m_5_a_cluster_whose_certificates_have_all_expired_comes_back_with_one_command() {
    // For a minute; and the kubelets have lost theirs, so that nothing starts after the power was gone.
    let short = "printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v%s\ncertificateValidityPeriod: 1m0s\n' \
                 \"$(kubeadm version -o short | cut -c2-)\" >/run/short; kubeadm certs renew all --config /run/short";
    CONTROL_PLANES.iter().for_each(|host| drop(on(host, short)));
    let issued = std::time::Instant::now();
    for host in NODES {
        on(host, "rm /var/lib/kubelet/pki/kubelet-client-current.pem; sync");
        power(host, "kill");
    }
    NODES.iter().for_each(|host| power(host, "start"));
    std::thread::sleep(std::time::Duration::from_secs(62).saturating_sub(issued.elapsed()));
    let said = list();
    assert_eq!(said.code, 6, "{}", said.all());
    let notes = |note: &str| said.of("certificate").into_iter().filter(|row| row["notes"][0] == note).count();
    assert!(notes("expired") >= CONTROL_PLANES.len() * 10, "{}", said.all());

    let said = renew(&[]);
    assert_eq!(said.code, 0, "{}", said.all());
    assert_all_well(&list());
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    kubectl("wait --for=condition=Ready nodes --all --timeout=120s");
    assert_converged();
}
