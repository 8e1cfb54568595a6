//! Every probe's shell is sound, changes nothing it leaves behind, and comes to an end.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use forge::host::facts::{Observed, Probe, program};
use forge::host::frames::Tag;
use forge::inventory::cluster::Cni;
use forge::inventory::cluster::*;
use forge::phases::preflight::{host_facts, probes};
use forge::phases::settings;
use forge::plan::{Turn, Work};
use forge::render::Templates;

use super::fixture::*;

fn every_probe() -> Vec<Probe> {
    let mut odd = cluster();
    odd.proxy.http = Some("http://me:it&is;ecret@proxy:3128".to_owned());
    odd.proxy.no_proxy = vec!["10.0.0.0/8".to_owned(), ".example".to_owned()];
    odd.hosts[2].address = "2001:db8::21".parse().unwrap();
    odd.cni = Cni::None;
    let odd = with_pinned_keys(odd, "http://packages.example/{distribution}", PIN);
    let templates = Templates::load(None).unwrap();
    let of = |cluster: &Cluster| -> Vec<Probe> {
        let settings = |host| settings::probes(cluster, &templates, host).unwrap();
        cluster.hosts.iter().flat_map(|host| [probes(cluster, host), settings(host)].concat()).collect()
    };
    of(&cluster()).into_iter().chain(of(&odd)).collect()
}

fn fed(program: &mut Command, input: &str) -> Output {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn shellcheck_has_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let files = every_probe().into_iter().enumerate().map(|(number, probe)| {
        let file = folder.path().join(format!("{number} {}", probe.key));
        std::fs::write(&file, probe.shell).unwrap();
        file
    });
    let output = Command::new("shellcheck").args(["-s", "sh"]).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Whatever a bare host is asked about its resources, and told to put right.
fn every_resource() -> Vec<(String, String)> {
    let cluster = cluster();
    let templates = forge::render::Templates::load(None).unwrap();
    let hosts = cluster.hosts.iter().map(|host| (host.name.clone(), Observed::default())).collect();
    let facts = forge::phases::Facts { hosts, ..forge::phases::Facts::default() };
    let site = forge::phases::Site { cluster: &cluster, facts: &facts, templates: &templates };
    let mut all = Vec::new();
    for host in &cluster.hosts[..2] {
        let probes = forge::phases::host::resources(host, site).unwrap();
        all.extend(probes.iter().map(|resource| (resource.id(), resource.probe())));
        for step in forge::phases::host::steps(host, site).unwrap() {
            let script = match step.work {
                Work::Changes(script) => script,
                Work::Talk(mut talk) => match talk.next(None).unwrap() {
                    Turn::Run(script) => script,
                    _ => panic!("{} begins with a script", step.title),
                },
            };
            all.push((step.title, script.text().to_owned()));
        }
    }
    all
}

/// What the programs around it define, and what is meant: a script in quotes is for another shell.
const AROUND: &str = "# shellcheck disable=SC2016,SC2034,SC2317\nFORGE=\nwarn() { :; }\nemit() { :; }\n";

#[test]
fn shellcheck_has_nothing_to_say_about_resources() {
    let folder = tempfile::tempdir().unwrap();
    let files = every_resource().into_iter().enumerate().map(|(number, (title, shell))| {
        let file = folder.path().join(format!("{number} {}", title.replace('/', " ")));
        std::fs::write(&file, format!("{AROUND}{shell}\n")).unwrap();
        file
    });
    let output = Command::new("shellcheck").args(["-s", "sh"]).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The functions that steps are made of, each called once, as shellcheck wants it.
#[test]
fn shellcheck_has_nothing_to_say_about_the_functions_of_steps() {
    use forge::kube::applied::STATE;
    use forge::kube::{ETCDCTL, STATIC_PODS, WOULD_WRITE, settle};
    let script = format!(
        "#!/bin/sh\nset -eu\nFORGE=$1\n{ETCDCTL}\n{STATIC_PODS}\n{WOULD_WRITE}\n{STATE}\n{}\n\
         restart etcd a\nroll a b etcd\nrewrite etcd b\nreplaced etcd c\nanswers etcd c\n\
         would_write \"$FORGE\" b c\nstate kubectl\nsettle a=b\n",
        settle()
    );
    let output = fed(Command::new("shellcheck").arg("-"), &script);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn dash_can_read_it() {
    for probe in every_probe() {
        let output = fed(Command::new("dash").args(["-n"]), &probe.shell);
        assert!(output.status.success(), "{}: {}", probe.key, String::from_utf8_lossy(&output.stderr));
    }
    assert!(
        fed(Command::new("dash").args(["-n"]), &program(&every_probe(), None, &Tag::random().unwrap()))
            .status
            .success()
    );
}

#[test]
fn keys_are_distinct_on_every_host() {
    let cluster = cluster();
    for host in &cluster.hosts {
        let mut keys: Vec<String> = probes(&cluster, host).into_iter().map(|probe| probe.key).collect();
        let asked = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), asked);
    }
}

/// Runs probes as the facts program does, without its frames.
pub fn ask(probes: &[Probe]) -> Observed {
    let mut observed = Observed::default();
    for probe in probes {
        let output = Command::new("sh").env("LC_ALL", "C").arg("-c").arg(&probe.shell).output().unwrap();
        let answer = String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned();
        observed.answers.insert(probe.key.clone(), answer);
    }
    observed
}

#[test]
fn this_machine_answers_and_nothing_hangs() {
    // Nobody listens on port 9: refused at once.
    let mut cluster = with_pinned_keys(cluster(), "http://127.0.0.1:9", PIN);
    cluster.sources.kubernetes_packages.url = "http://127.0.0.1:9/".to_owned();
    cluster.sources.containerd_packages =
        PackageSource { url: "http://127.0.0.1:9".to_owned(), key: PackageKey::Path(file("packages.asc")) };
    cluster.endpoint.host = "localhost".to_owned();
    // Host 0 asks host 1, which is this machine: one port that is open and many that refuse.
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    cluster.hosts[1].address = "127.0.0.1".parse().unwrap();
    let observed = ask(&probes(&cluster, &cluster.hosts[0]));
    drop(open);

    let facts = host_facts(&observed);
    assert!(facts.cpus.unwrap() > 0 && facts.memory.unwrap() > 100, "{facts:?}");
    assert!(!facts.distribution.is_empty() && !facts.kernel.is_empty() && !facts.hostname.is_empty(), "{facts:?}");
    assert!(observed.get("preflight disk").lines().count() >= 1);
    assert!(observed.get("preflight identity").starts_with("addresses "), "{}", observed.get("preflight identity"));
    assert!(!observed.get("preflight reach").contains("127.0.0.1"), "a refusal is an answer");
    let kubernetes = observed.get("preflight source kubernetes");
    assert!(kubernetes.starts_with("key-error ") && kubernetes.contains("127.0.0.1:9"), "{kubernetes}");
    let containerd = observed.get("preflight source containerd");
    assert!(containerd.starts_with("error ") && containerd.contains("127.0.0.1:9"), "{containerd}");
}

/// The probes of `host`, moved from `/etc`, `/var/lib` to a folder.
fn moved(cluster: &Cluster, host: usize, root: &std::path::Path) -> Vec<Probe> {
    let mut probes = probes(cluster, &cluster.hosts[host]);
    for probe in &mut probes {
        for folder in ["/etc/kubernetes", "/etc/hosts", "/etc/apt/keyrings", "/var/lib/forge", "/var/lib/etcd"] {
            probe.shell = probe.shell.replace(folder, &format!("{}{folder}", root.display()));
        }
    }
    probes
}

fn put(root: &std::path::Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let file = root.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }
}

/// As kubeadm writes it.
fn kubeconfig(server: &str, cluster: &str) -> String {
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: AAAA\n    server: {server}\n  name: {cluster}\n\
         contexts:\n- context:\n    cluster: {cluster}\n    user: me\n  name: me@{cluster}\ncurrent-context: me@{cluster}\n\
         kind: Config\nusers:\n- name: me\n  user: {{}}\n"
    )
}

#[test]
fn a_node_tells_its_cluster_and_is_asked_nothing_that_takes_time() {
    let root = tempfile::tempdir().unwrap();
    let key = std::fs::read(file("packages.gpg")).unwrap();
    put(
        root.path(),
        &[
            ("etc/kubernetes/kubelet.conf", &kubeconfig("https://192.0.2.11:6443", "prod")),
            ("etc/kubernetes/admin.conf", &kubeconfig("https://api.prod.example:6443", "prod")),
            ("etc/kubernetes/pki/ca.crt", "certificate"),
            ("etc/kubernetes/manifests/kube-apiserver.yaml", "    image: registry.k8s.io/kube-apiserver:v1.36.5\n"),
            ("etc/hosts", "127.0.0.1 localhost\n# BEGIN forge\n192.0.2.11 api.prod.example\n# END forge\n"),
            ("etc/apt/keyrings/x", ""),
        ],
    );
    std::fs::write(root.path().join("etc/apt/keyrings/kubernetes.gpg"), key).unwrap();
    let cluster = with_pinned_keys(cluster(), "http://127.0.0.1:9", PIN);
    let probes = moved(&cluster, 0, root.path());
    let observed = ask(&probes);
    let membership = observed.get("preflight membership").replace(&root.path().display().to_string(), "");
    assert_eq!(
        membership,
        "joined\nkubelet-server https://192.0.2.11:6443\nkubelet-cluster prod\n\
         admin-server https://api.prod.example:6443\nadmin-cluster prod\ncontrol-plane\n\
         ca 03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72  -\n\
         leftover /etc/kubernetes/manifests/kube-apiserver.yaml\nleftover /etc/kubernetes/pki/ca.crt\napi-server 1.36.5"
    );
    for quiet in ["reach", "endpoint", "habits"] {
        assert_eq!(observed.get(&format!("preflight {quiet}")), "", "{quiet}");
    }
    // What every node needs it has; what the pod network needs the inventory may ask for later.
    let modules = probes.iter().find(|probe| probe.key == "preflight modules").unwrap();
    let asked = |module: &str| modules.shell.lines().find(|line| line.contains(module)).unwrap().to_owned();
    assert!(asked("wireguard WIREGUARD").starts_with("set --"), "{}", asked("wireguard"));
    assert!(asked("overlay OVERLAY_FS").contains("/etc/kubernetes/kubelet.conf ] || set --"), "{}", asked("overlay"));
    let missing = observed.get("preflight modules");
    assert!(missing.lines().all(|module| ["vxlan", "wireguard"].contains(&module)), "{missing}");
    // What it has is printed; what it lacks it tries to fetch.
    assert!(observed.get("preflight source kubernetes").starts_with("keyring "));
    assert!(observed.get("preflight source containerd").starts_with("key-error "));

    // And such a node is what the check takes for one of the cluster.
    let same_authority = |host: &str, answers: Answers| {
        answers.but(
            host,
            "membership",
            "ca aaaa",
            "ca 03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72",
        )
    };
    same_authority("w2", same_authority("w1", joined().says("cp1", "membership", &membership))).finds_nothing();
}

#[test]
fn an_address_of_this_machine_is_found_with_its_interface() {
    let mut cluster = cluster();
    cluster.hosts[0].address = "127.0.0.1".parse().unwrap();
    let observed =
        ask(&probes(&cluster, &cluster.hosts[0]).into_iter().filter(|probe| !probe.slow).collect::<Vec<_>>());
    assert_eq!(observed.get("preflight identity"), "mac 00:00:00:00:00:00");
}
