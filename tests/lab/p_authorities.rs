//! New authorities for three control planes: while a client works through the endpoint, and killed at every step of every
//! stage. Run by `cargo test --features lab --test lab p_authorities -- --ignored --test-threads=1`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::rotation::*;
use crate::support::*;

const STAGES: [&str; 3] = ["trust", "sign", "remove"];

/// `forge certs rotate-ca --yes --json` with these words, its journals in a folder, where the kubeconfig is too.
fn rotation(words: &[&str], folder: &Path) -> Command {
    let kubeconfig = folder.join("kubeconfig");
    changing(&["certs", "rotate-ca"], &[&["--kubeconfig", kubeconfig.to_str().unwrap()], words].concat(), folder)
}

/// A folder with the operator's kubeconfig.
fn operator() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let said = run(&["kubeconfig", inventory().to_str().unwrap(), "--output", file.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.all());
    folder
}

/// The operator's own curl, which writes a secret through the endpoint and reads it, over and over, each time with what is in
/// the kubeconfig now. The endpoint has the addresses of all control planes; curl takes the next one where nobody listens.
struct Curl {
    child: Child,
    folder: PathBuf,
}

impl Curl {
    fn begins(folder: &Path) -> Self {
        let addresses: Vec<String> = control_planes().into_iter().map(|(_, address)| address).collect();
        let script = format!(
            "cd {folder}; : >answers; touch stay; umask 077; n=0; run=$$\n\
             ask() {{ curl -sS --max-time 20 --fail --resolve api.lab.example:6443:{addresses} --cacert certificate-authority \
             --cert client-certificate --key client-key -H 'content-type: application/json' \"$@\" 2>complaint; }}\n\
             secrets=https://api.lab.example:6443/api/v1/namespaces/default/secrets\n\
             while [ -e stay ]; do\nn=$((n + 1)); value=$(echo \"value-$n\" | base64)\n\
             cp kubeconfig now\n\
             for part in certificate-authority client-certificate client-key; do\n\
             awk -v key=\"$part-data:\" '$1 == key {{print $2; exit}}' now | base64 -d >$part\ndone\n\
             ask -X POST $secrets -d \"{{\\\"metadata\\\":{{\\\"name\\\":\\\"client-$run-$n\\\"}},\\\"data\\\":{{\\\"v\\\":\\\"$value\\\"}}}}\" >/dev/null \
             && echo ok || echo \"failed to write $n: $(cat complaint)\"\n\
             ask $secrets/client-$run-$n | grep -q \"$value\" && echo ok || echo \"failed to read $n: $(cat complaint)\"\n\
             sleep 0.2\ndone >answers",
            folder = folder.display(),
            addresses = addresses.join(","),
        );
        let child = Command::new("sh").arg("-c").arg(script).stdin(Stdio::null()).spawn().unwrap();
        Self { child, folder: folder.to_path_buf() }
    }

    /// How many answers came, and those that failed.
    fn ends(mut self) -> (usize, Vec<String>) {
        std::fs::remove_file(self.folder.join("stay")).unwrap();
        self.child.wait().unwrap();
        let answers = std::fs::read_to_string(self.folder.join("answers")).unwrap();
        (answers.lines().count(), answers.lines().filter(|line| *line != "ok").map(str::to_owned).collect())
    }
}

/// The certificates of the authorities in these files on a host, one line of each that no other has.
fn authorities(host: &str) -> BTreeSet<String> {
    let files = "/etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/front-proxy-ca.crt";
    let lines = on(
        host,
        &format!("for file in {files}; do [ ! -e $file ] || awk '/BEGIN/ {{n = NR}} NR == n + 4' $file; done"),
    );
    lines.lines().map(str::to_owned).collect()
}

/// Everything that says whom to trust, on every node and in the cluster.
fn trusted() -> String {
    let mut all = String::new();
    for host in NODES {
        all += &on(
            host,
            "cat /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt 2>/dev/null; cd /etc/kubernetes; \
             for file in *.conf; do sed -n \"s/.*certificate-authority-data: //p\" $file | base64 -d; done",
        );
    }
    all += &kubectl("get configmaps -A --field-selector metadata.name=kube-root-ca.crt -o yaml");
    all += &kubectl("-n kube-system get configmap extension-apiserver-authentication -o yaml");
    all + &kubectl(
        "-n kube-public get configmap cluster-info -o jsonpath={.data.kubeconfig} | sed -n \"s/.*certificate-authority-data: //p\" | base64 -d",
    )
}

/// Nothing of a rotation is left, every certificate is served as it is in its file, and forge has nothing to do.
fn assert_at_rest() {
    for (name, _) in control_planes() {
        assert_eq!(
            on(
                &name,
                "ls -d /var/lib/forge/authorities /etc/kubernetes/pki/ca-signer.crt /etc/kubernetes/forge/manifests/*.yaml 2>/dev/null || true"
            ),
            ""
        );
    }
    let list = run(&["certs", "list", inventory().to_str().unwrap(), "--json"]);
    assert_eq!(list.code, 0, "{}", list.all());
    for row in list.of("certificate") {
        assert_eq!(row["notes"], serde_json::Value::Array(Vec::new()), "{row}");
    }
    assert_converged();
}

/// The private keys of a control plane's authorities, a line of each.
fn keys() -> Vec<String> {
    let keys =
        on("cp1", "cd /etc/kubernetes/pki; sed -n 2p ca.key; sed -n 2p etcd/ca.key; sed -n 2p front-proxy-ca.key");
    keys.lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "takes three control planes and fifteen minutes"]
fn p_1_the_authorities_are_replaced_while_a_client_works() {
    three_control_planes();
    let folder = operator();
    let old_way_in = on("cp1", "cat /etc/kubernetes/admin.conf");
    let (old, old_keys) = (authorities("cp1"), keys());
    let written = Written::new("authorities", 20);
    watch_command_lines();
    let client = Curl::begins(folder.path());
    let mut said = String::new();
    for stage in STAGES {
        let output = rotation(&["--stage", stage], folder.path()).output().unwrap();
        let stopped = Said::of_output(output);
        assert_eq!(stopped.code, 0, "{}", stopped.all());
        said += &stopped.all();
        if stage != "remove" {
            let plan = plan();
            assert_eq!(plan.code, 0, "{}", plan.all());
            assert!(plan.all().contains("a rotation of the authorities was begun"), "{}", plan.all());
            assert!(authorities("w1").len() == 2 && authorities("cp2").len() == 6);
        }
    }
    let (answers, failed) = client.ends();
    println!("{answers} answers, {} failed: {failed:?}", failed.len());
    assert!(answers > 500, "only {answers} answers");
    assert_eq!(failed, Vec::<String>::new());
    let new = keys();
    assert!(new.iter().all(|key| !old_keys.contains(key)));
    assert_nowhere(&[old_keys, new].concat(), &said, folder.path());
    let trusted = trusted();
    for line in &old {
        assert!(!trusted.contains(line), "the old authority is trusted somewhere");
    }
    written.assert_readable(&control_planes());
    // Whoever has only what the old authority signed is nobody now.
    let ask = "cat >/run/old; kubectl --kubeconfig=/run/old --insecure-skip-tls-verify get nodes 2>&1; rm /run/old";
    let ask = ask.replace("get nodes", "--server=https://127.0.0.1:6443 get nodes");
    let without =
        old_way_in.lines().filter(|line| !line.contains("certificate-authority-data")).collect::<Vec<_>>().join("\n");
    assert!(on_with_input("cp2", &ask, &without).contains("asked for the client to provide credentials"));
    assert_at_rest();
}

/// Kills a run of a stage at each of its steps that is to die; tells how many did.
fn walk(stage: &str, to_die: impl Fn(&StepName) -> bool) -> usize {
    three_control_planes();
    let folder = operator();
    let written = Written::new(&format!("killed-{stage}"), 20);
    // A run that dies while it forgets the rotation has come to its end: the next one would begin another.
    let to_die = |step: &StepName| to_die(step) && step.1 != "authorities-forget";
    let died = kill_at_every_step(|| rotation(&["--stage", stage], folder.path()), to_die, &written);
    println!("{stage}: died at {} steps", died.len());
    died.len()
}

#[test]
#[ignore = "takes three control planes and ten minutes"]
fn p_2_the_stage_trust_survives_being_killed_at_every_step() {
    assert!(walk("trust", |_| true) >= 12);
}

#[test]
#[ignore = "takes three control planes and ten minutes"]
fn p_3_the_stage_sign_survives_being_killed_at_every_step() {
    assert!(walk("sign", |_| true) >= 12);
}

#[test]
#[ignore = "takes three control planes and ten minutes"]
fn p_4_the_stage_remove_survives_being_killed_at_every_step() {
    assert!(walk("remove", |_| true) >= 12);
    // Runs that were killed have left their tokens, which last for an hour.
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_at_rest();
}

/// Runs each stage once with something that happens when the first step that `when` picks begins, waits until `after` has
/// returned, and runs it again. One of the first `left` API servers answers all the while.
fn hinder(name: &'static str, left: usize, when: impl Fn(&StepName) -> bool, what: impl Fn(), after: impl Fn()) {
    three_control_planes();
    let folder = operator();
    let written = Written::new(name, 20);
    let servers = control_planes();
    let reader = Client::reads(name, &servers[..left]);
    for stage in STAGES {
        let first = meanwhile(rotation(&["--stage", stage], folder.path()), &when, &what);
        println!("{stage}: exit {}, {}", first.code, first.found().join("\n"));
        assert_somebody_answers();
        written.assert_readable_soon(&servers[..2]);
        after();
        written.assert_readable_soon(&servers);
        if first.code != 0 {
            let again = Said::of_output(rotation(&["--stage", stage], folder.path()).output().unwrap());
            assert_eq!(again.code, 0, "{}", again.all());
        }
        written.assert_readable(&servers);
    }
    println!("{} answers meanwhile", reader.assert_never_failed());
    assert_at_rest();
}

#[test]
#[ignore = "takes three control planes and fifteen minutes"]
fn p_6_a_control_plane_that_is_cut_off_in_each_stage_costs_nothing() {
    let begins = |(host, step): &StepName| host == "cp1" && step == "authorities-install";
    hinder(
        "cut-off-signer",
        2,
        begins,
        || cut_off("cp3", 180),
        || {
            wait_until_reached("cp3");
            wait_for_lock("cp3");
        },
    );
}

#[test]
#[ignore = "takes three control planes and ten minutes"]
fn p_7_etcds_leader_that_goes_in_each_stage_costs_nothing() {
    let begins = |(host, step): &StepName| host == "cp2" && step == "authorities-install";
    hinder(
        "leaderless-signer",
        3,
        begins,
        || drop(stop_etcds_leader()),
        || CONTROL_PLANES.into_iter().for_each(wait_for_api_server),
    );
}

/// A pod that nothing starts anew.
const LONE: &str = "apiVersion: v1
kind: Pod
metadata: {name: lone, namespace: default}
spec:
  containers: [{name: c, image: registry.k8s.io/pause:3.10}]
  volumes: [{name: authority, configMap: {name: kube-root-ca.crt}}]
";

#[test]
#[ignore = "takes three control planes and fifteen minutes"]
fn p_8_a_lone_pod_keeps_the_old_authorities_and_a_hosts_power_may_go() {
    three_control_planes();
    let folder = operator();
    let written = Written::new("powerless-signer", 20);
    let servers = control_planes();
    let stage = |stage: &str| rotation(&["--stage", stage], folder.path());
    let ends = |name: &str| Said::of_output(stage(name).output().unwrap());
    on_with_input("cp1", "kubectl --kubeconfig=/etc/kubernetes/admin.conf create -f -", LONE);
    let held = ends("trust");
    assert_eq!(held.code, 6, "{}", held.all());
    assert!(held.all().contains("nothing starts these anew: default/lone"), "{}", held.all());
    kubectl("-n default delete pod lone --now");
    let goes_on = ends("trust");
    assert_eq!(goes_on.code, 0, "{}", goes_on.all());
    for name in ["sign", "remove"] {
        let begins = |(host, step): &StepName| host == "cp2" && step == "authorities-install";
        let stopped = meanwhile(stage(name), begins, || power_goes_while_it_restarts("cp2"));
        println!("{name}: exit {}, {}", stopped.code, stopped.found().join("\n"));
        assert!(matches!(stopped.code, 1 | 4), "{}", stopped.all());
        written.assert_readable_soon(&[servers[0].clone(), servers[2].clone()]);
        power_comes_back("cp2");
        let again = ends(name);
        assert_eq!(again.code, 0, "{}", again.all());
        written.assert_readable(&servers);
    }
    // What a host's kernel was told is gone with its power.
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_at_rest();
}

/// What every run of the tests sees of it. The hosts are given up afterwards, in the middle of a rotation.
#[test]
fn p_5_new_authorities_are_trusted_although_forge_was_killed_on_every_control_plane() {
    assert!(walk("trust", |step| step.1 == "authorities-install" && step.0 != "w1") >= 3);
}
