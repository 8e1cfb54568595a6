//! Keys and tokens are replaced while the cluster runs. The whole crash matrix is in `n_rotate_all.rs`.

use crate::rotation::*;
use crate::support::*;

/// Killed once at each stage, with everybody looking: what is not killed here is in `n_rotate_all.rs`.
#[test]
fn l_1_a_rotation_that_dies_at_every_stage_keeps_every_secret_readable() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let servers = control_planes();
    let written = Written::new("rotated", 200);
    let before = writers();
    let mut keys = keys_on("cp1");
    let somebody = Somebody::begins();
    watch_command_lines();
    let mut said = String::new();
    let deaths = [
        ("cp3", "encryption-prepare"),
        ("cp3", "encryption-promote"),
        ("cp1", "encryption-rewrite"),
        ("cp3", "encryption-prune"),
    ];
    for (host, step) in deaths {
        let watched =
            until_event(rotation(&[], folder.path()), "step-started", |(at, name)| at == host && name == step);
        assert!(watched.killed.contains(&(host.to_owned(), step.to_owned())), "{step}: {:?}", watched.killed);
        written.assert_readable(&servers);
        keys.extend(keys_on("cp1"));
        if step == "encryption-promote" {
            let warned = plan();
            said.push_str(&warned.all());
            assert!(warned.all().contains("forge rotate encryption-key INVENTORY"), "{}", warned.all());
        }
    }
    let last = rotate(&[], folder.path());
    assert_eq!(last.code, 0, "{}", last.all());
    said.push_str(&last.all());
    written.assert_readable(&servers);
    println!("somebody wrote and read {} secrets meanwhile", somebody.ends());
    assert_at_rest();
    let after = writers();
    assert_ne!(before[0], after[0]);
    assert_eq!(prefixes(), after[0], "in etcd");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 2, "one old key and one new one, made once");
    assert_nowhere(&keys, &said, folder.path());
    assert_converged();
}

#[test]
#[ignore = "every stage waits for API servers that look once a minute: lab/test --all"]
fn l_2_a_rotation_is_refused_where_it_could_lose_something() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let file = "/etc/kubernetes/forge/encryption/config.yaml";
    let refused = |words: &str| assert_refused(&rotate(&[], folder.path()), words);
    on("cp2", &format!("chmod 644 {file}"));
    refused("others than root can reach the encryption key on cp2");
    on("cp2", &format!("chmod 600 {file}; cp -p {file} /root/kept; echo >>{file}"));
    refused("cp1 and cp2 have different encryption configurations");
    on("cp2", &format!("mv /root/kept {file}"));
    api_server_goes("cp2");
    refused("the API server of cp2 is not ready");
    api_server_comes_back("cp2");
    assert_at_rest();
}

#[test]
#[ignore = "every stage waits for API servers that look once a minute: lab/test --all"]
fn l_3_tokens_and_leftovers_go_and_long_lived_tokens_go_by_name() {
    three_control_planes();
    on(
        "cp1",
        "kubeadm token create --kubeconfig /etc/kubernetes/admin.conf >/dev/null; touch /etc/kubernetes/forge/discovery.conf",
    );
    on(
        "cp1",
        "kubectl --kubeconfig=/etc/kubernetes/admin.conf create -f - <<'EOT'\napiVersion: v1\nkind: Secret\n\
         type: kubernetes.io/service-account-token\n\
         metadata: {name: long-lived, namespace: default, annotations: {kubernetes.io/service-account.name: default}}\nEOT",
    );
    let tokens = |more: &[&str]| {
        let inventory = inventory();
        run(&[&["rotate", "tokens", inventory.to_str().unwrap(), "--yes", "--json"], more].concat())
    };
    let first = tokens(&[]);
    assert_eq!(first.code, 0, "{}", first.all());
    for word in ["bootstrap token kube-system/bootstrap-token-", "file /etc/kubernetes/forge/discovery.conf: remove"] {
        assert!(first.planned().iter().any(|line| line.contains(word)), "{word}: {}", first.all());
    }
    assert!(
        first.all().contains("token of service account default in default/long-lived never expires"),
        "{}",
        first.all()
    );
    assert_eq!(kubectl("get secrets -A --field-selector type=bootstrap.kubernetes.io/token -o name"), "");
    assert_eq!(on("cp1", "ls /etc/kubernetes/forge/discovery.conf 2>/dev/null || true"), "");
    assert_eq!(tokens(&["--delete", "default/other"]).code, 2);
    assert_eq!(tokens(&["--delete", "default/long-lived"]).code, 0);
    assert_eq!(kubectl("get secrets -A --field-selector type=kubernetes.io/service-account-token -o name"), "");
    assert!(tokens(&[]).planned().is_empty());
}

#[test]
#[ignore = "every stage waits for API servers that look once a minute: lab/test --all"]
fn l_4_status_holds_ages_against_the_inventory() {
    three_control_planes();
    let inventory = inventory();
    let status = run(&["status", inventory.to_str().unwrap(), "--strict", "--json"]);
    assert_eq!(status.code, 0, "{}", status.all());
    let rows = status.of("status");
    assert_eq!(rows.iter().filter(|row| row["what"] == "encryption").count(), 3);
    // The certificates are some minutes old at least.
    let file = Changed::by(&[("\nhosts:\n", "\nrotation: {certificates: 1h, encryptionKey: 1h}\nhosts:\n")]);
    let strict = file.run("status", &["--strict", "--json"]);
    let hours_today: u32 = on("cp1", "date -u +%-H").trim().parse().unwrap();
    assert_eq!(strict.code, if hours_today > 1 { 6 } else { strict.code }, "{}", strict.all());
    assert_eq!(file.run("status", &["--json"]).code, 0);
}
