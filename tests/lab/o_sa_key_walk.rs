//! A rotation of the signing key from its beginning to its end on three control planes, killed at every step, while pods and
//! clients go on.

use std::collections::BTreeSet;

use crate::rotation::{
    Client, api_server_comes_back, api_server_goes, assert_nowhere, assert_refused, three_control_planes,
    watch_command_lines,
};
use crate::sa_key::*;
use crate::support::*;

#[test]
#[ignore = "restarts nine API servers one after the other, ten minutes: lab/test --all"]
fn o_1_a_rotation_that_dies_at_every_step_logs_no_pod_out() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let (old, token) = (signs(), token_of_a_pod());
    assert!(old.iter().all(|id| *id == old[0]), "{old:?}");
    let mut keys = private_keys();
    watch_command_lines();
    let client = Client::begins("client", &on("cp1", "cat /etc/kubernetes/admin.conf"));
    let pod = Client::begins("pod", &kubeconfig(&token));

    let mut died: BTreeSet<StepName> = BTreeSet::new();
    let walk = |died: &mut BTreeSet<StepName>| loop {
        let watched = until_event(rotation(&[], folder.path()), "step-started", |step| {
            step.1.starts_with("sa-key") && !died.contains(step)
        });
        println!("killed at {:?}", watched.killed);
        assert_eq!(answer(&token), "200", "{:?}", watched.killed);
        if watched.killed.is_empty() {
            break;
        }
        died.extend(watched.killed);
    };
    walk(&mut died);
    keys.extend(private_keys());
    let new = signs();
    assert!(new.iter().all(|id| *id == new[0] && *id != old[0]), "{new:?}");
    let mut both = vec![old[0].clone(), new[0].clone()];
    both.sort_unstable();
    assert_eq!(verifies(), vec![both; 3]);
    println!(
        "{} answers to the pod's old token, {} to the client",
        pod.assert_always_known(),
        client.assert_always_known()
    );
    assert_eq!(rotate(&[], folder.path()).code, 10);

    restart_all_pods();
    assert_eq!(signer(&token_of_a_pod()), new[0]);
    let client = Client::begins("client", &on("cp1", "cat /etc/kubernetes/admin.conf"));
    let pod = Client::begins("pod", &kubeconfig(&token_of_a_pod()));
    loop {
        let watched = until_event(rotation(&[], folder.path()), "step-started", |step| {
            step.1 == "sa-key-remove" && !died.contains(step)
        });
        println!("killed at {:?}", watched.killed);
        if watched.killed.is_empty() {
            break;
        }
        died.extend(watched.killed);
    }
    println!(
        "{} answers to the pod's new token, {} to the client",
        pod.assert_always_known(),
        client.assert_always_known()
    );
    let all = |step: &str| CONTROL_PLANES.map(|host| (host.to_owned(), step.to_owned()));
    let expected: BTreeSet<StepName> =
        ["sa-key-verify", "sa-key-sign", "sa-key-remove"].into_iter().flat_map(all).collect();
    assert_eq!(died, expected);
    assert_eq!(verifies(), vec![vec![new[0].clone()]; 3]);
    assert_eq!(answer(&token), "401", "what the old key signed is refused");
    for host in CONTROL_PLANES {
        assert_eq!(
            on(
                host,
                "ls /var/lib/forge/sa-key-rotation.json /etc/kubernetes/pki/sa-next.key /run/forge/sa-key 2>/dev/null || true"
            ),
            ""
        );
    }
    let plan = plan();
    assert_nowhere(&keys, &plan.all(), folder.path());
    assert_converged();
}

/// A token in a secret has no end: it is named, and the old key stays, until it is signed anew.
#[test]
#[ignore = "restarts nine API servers one after the other, six minutes: lab/test --all"]
fn o_2_what_would_be_logged_out_holds_the_old_key() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    on(
        "cp1",
        "kubectl --kubeconfig=/etc/kubernetes/admin.conf create -f - <<'EOT'\napiVersion: v1\nkind: Secret\n\
         type: kubernetes.io/service-account-token\n\
         metadata: {name: lasting, namespace: default, annotations: {kubernetes.io/service-account.name: default}}\nEOT",
    );
    let verify = rotate(&["--stage", "verify"], folder.path());
    assert_eq!(verify.code, 0, "{}", verify.all());
    assert!(verifies().iter().all(|ids| ids.len() == 2));
    let sign = rotate(&[], folder.path());
    assert_eq!(sign.code, 0, "{}", sign.all());
    restart_all_pods();
    let held = rotate(&[], folder.path());
    assert_eq!(held.code, 5, "{}", held.all());
    assert!(
        held.found()[0].contains("the token in secret default/lasting was signed by the old key"),
        "{}",
        held.all()
    );
    kubectl("-n default patch secret lasting -p '{\"data\":{\"token\":null}}'");
    std::thread::sleep(std::time::Duration::from_secs(3));
    let over = rotate(&[], folder.path());
    assert_eq!(over.code, 0, "{}", over.all());
    assert!(verifies().iter().all(|ids| ids.len() == 1));
    kubectl("-n default delete secret lasting");
    assert_converged();
}

#[test]
#[ignore = "takes three control planes: lab/test --all"]
fn o_3_a_rotation_is_refused_where_it_could_log_somebody_out() {
    three_control_planes();
    let folder = tempfile::tempdir().unwrap();
    let refused = |words: &str| assert_refused(&rotate(&[], folder.path()), words);
    on("cp2", "chmod 640 /etc/kubernetes/pki/sa.key");
    refused("others than root can reach the signing key on cp2");
    on(
        "cp2",
        "chmod 600 /etc/kubernetes/pki/sa.key; cp -p /etc/kubernetes/pki/sa.pub /root/kept; echo >>/etc/kubernetes/pki/sa.pub",
    );
    refused("cp1 and cp2 have different signing keys");
    on("cp2", "mv /root/kept /etc/kubernetes/pki/sa.pub");
    api_server_goes("cp2");
    refused("the API server of cp2 is not ready");
    api_server_comes_back("cp2");
}
