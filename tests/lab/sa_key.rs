//! A cluster whose service accounts' signing key is being rotated: who signs, who verifies, and pods that do not notice.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::rotation::{control_planes, kubeconfig_of};
use crate::support::*;

/// `forge rotate sa-key --yes --json` with these words, its journals in a folder.
pub(crate) fn rotation(words: &[&str], journals: &Path) -> Command {
    changing(&["rotate", "sa-key"], words, journals)
}

/// Runs it to its end.
pub(crate) fn rotate(words: &[&str], journals: &Path) -> Said {
    Said::of_output(rotation(words, journals).output().unwrap())
}

/// The ids of the keys that each API server says it verifies with, in the order of the control planes.
pub(crate) fn verifies() -> Vec<Vec<String>> {
    let ask = |(name, address): (String, String)| {
        let jwks = on(
            &name,
            &format!(
                "kubectl --kubeconfig=/etc/kubernetes/admin.conf --server=https://{address}:6443 get --raw /openid/v1/jwks"
            ),
        );
        let jwks: Value = serde_json::from_str(&jwks).unwrap();
        let mut ids: Vec<String> =
            jwks["keys"].as_array().unwrap().iter().map(|key| text(&key["kid"]).to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    control_planes().into_iter().map(ask).collect()
}

/// The id of the key that signed a token.
pub(crate) fn signer(token: &str) -> String {
    use base64::Engine as _;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    text(&serde_json::from_slice::<Value>(&header).unwrap()["kid"]).to_owned()
}

/// The ids of the keys that each API server signs with.
pub(crate) fn signs() -> Vec<String> {
    let ask = |(name, address): (String, String)| {
        signer(&on(
            &name,
            &format!(
                "kubectl --kubeconfig=/etc/kubernetes/admin.conf --server=https://{address}:6443 -n kube-system create token default --duration=10m"
            ),
        ))
    };
    control_planes().into_iter().map(ask).collect()
}

/// The token of a pod of kube-proxy that runs on the worker, as the kubelet gave it to it.
pub(crate) fn token_of_a_pod() -> String {
    let pod = kubectl(
        "-n kube-system get pods -l k8s-app=kube-proxy --field-selector spec.nodeName=w1,status.phase=Running -o jsonpath={.items[0].metadata.uid}",
    );
    on("w1", &format!("cat /var/lib/kubelet/pods/{pod}/volumes/kubernetes.io~projected/*/token"))
}

/// A kubeconfig with which this token is shown to the cluster's API server.
pub(crate) fn kubeconfig(token: &str) -> String {
    let ca = on("cp1", "base64 -w0 /etc/kubernetes/pki/ca.crt");
    kubeconfig_of(token, &format!("certificate-authority-data: {ca}"))
}

/// The API server's answer to a token, by its status.
pub(crate) fn answer(token: &str) -> String {
    let (name, address) = control_planes().remove(0);
    on_with_input(
        &name,
        &format!(
            "{{ printf 'header = \"Authorization: Bearer '; cat; printf '\"'; }} | curl -sk -o /dev/null -w '%{{http_code}}' -K - https://{address}:6443/api"
        ),
        token,
    )
}

/// Every pod with a token is made anew.
pub(crate) fn restart_all_pods() {
    kubectl("-n kube-system rollout restart daemonset,deployment");
    for workload in kubectl("-n kube-system get daemonset,deployment -o name").lines() {
        kubectl(&format!("-n kube-system rollout status {workload} --timeout=120s"));
    }
    on(
        "cp1",
        "tries=0; while KUBECONFIG=/etc/kubernetes/admin.conf kubectl get pods -A -o jsonpath={.items[*].metadata.deletionTimestamp} | grep -q . && [ $tries -lt 60 ]; do tries=$((tries + 1)); sleep 1; done",
    );
}

/// None of the private signing keys is on a command line, in a log, in what forge keeps, or in what it said and wrote here.
pub(crate) fn private_keys() -> Vec<String> {
    let lines = on("cp1", "cat /etc/kubernetes/pki/sa.key /etc/kubernetes/pki/sa-next.key 2>/dev/null || true");
    lines.lines().filter(|line| line.len() > 40 && !line.contains("---")).map(str::to_owned).collect()
}
