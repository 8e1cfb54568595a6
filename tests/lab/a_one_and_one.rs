//! Bare hosts, one control plane and one worker: `up`, and `up` again.

use crate::support::*;

#[test]
fn a_1_bare_hosts_become_a_cluster() {
    bare_hosts(1, 1);
    // A terminal's title without a line break, as many a login prints it before everything else.
    for host in ["cp1", "w1"] {
        on(host, r#"sed -i '1i echo -ne "\\033]0;x\\007"' /home/ops/.bashrc"#);
    }
    let said = up();
    for host in ["cp1", "w1"] {
        on(host, "sed -i 1d /home/ops/.bashrc");
    }
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    let nodes = kubectl("get nodes --no-headers");
    assert_eq!(nodes.lines().filter(|line| line.contains(" Ready ")).count(), 2, "{nodes}");
    kubectl("-n kube-system rollout status deployment/coredns --timeout=60s");
}

#[test]
fn a_2_a_second_up_changes_nothing() {
    assert_converged();
}

#[test]
fn a_3_what_joining_needed_is_gone() {
    assert_eq!(kubectl("-n kube-system get secrets -o name | grep -c bootstrap-token || true").trim(), "0");
    assert_eq!(kubectl("-n kube-system get secret kubeadm-certs --ignore-not-found -o name"), "");
    assert_eq!(
        kubectl("-n kube-public get rolebinding kubeadm:bootstrap-signer-clusterinfo --ignore-not-found -o name"),
        ""
    );
    for host in ["cp1", "w1"] {
        let left = "find /run/forge /etc/kubernetes/super-admin.conf /etc/kubernetes/forge/discovery.conf -type f 2>/dev/null \
                    | grep -v -e /run/forge/lock -e /run/forge/holder -e /run/forge/refused-sysctls || true";
        assert_eq!(on(host, left), "");
    }
}

#[test]
fn a_4_the_kubeconfig_is_private_and_names_the_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let words = ["kubeconfig", inventory().to_str().unwrap(), "--output", path.to_str().unwrap()].map(str::to_owned);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(run(&words).code, 0);
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&path).unwrap().contains("server: https://api.lab.example:6443"));
    assert_eq!(run(&words).code, 2, "an existing file is not overwritten");
    let merged = run(&[words.as_slice(), &["--merge"]].concat());
    assert_eq!(merged.code, 0, "{}", merged.all());
}

/// What the lab gives its hosts, as a machine would have it.
#[test]
fn a_5_hosts_have_a_bpf_file_system_and_a_memory_limit() {
    for host in ["cp1", "w1"] {
        assert_eq!(on(host, "stat -f -c %T /sys/fs/bpf; stat -c %a /sys/fs/bpf"), "bpf_fs\n1700\n");
        let limit = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true";
        let limit: u64 = on(host, limit).trim().parse().unwrap();
        assert!(limit <= 6 << 30, "{host}: {limit}");
    }
}
