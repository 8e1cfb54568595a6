//! What each simulated host answers: as a node of the converged cluster, or as a freshly installed machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forge::host::{Observed, Resource};
use forge::inventory::cluster::{Cluster, Host};
use forge::inventory::load;
use forge::kube::applied::Record;
use forge::kube::{copies, paths};
use forge::phases::preflight::package_keys;
use forge::phases::{Facts, Site, host, policies};
use forge::render::Templates;
use forge::secret::Secret;

const VERSION: &str = "1.36.5";
const SERVING: &str = "/var/lib/kubelet/pki/kubelet-server-current.pem";

/// In which state the hosts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is left to do.
    Converged,
    /// Everything is.
    Bare,
}

/// Host → its answers as frames.
#[derive(Debug, Default)]
pub struct Answers(BTreeMap<String, String>);

impl Answers {
    /// The answers of all hosts of the inventory.
    pub fn of(inventory: &Path, state: State) -> Self {
        let cluster = load(inventory).unwrap();
        let templates = Templates::load(None).unwrap();
        let mut facts = Facts { version: Some(VERSION.to_owned()), ..Facts::default() };
        for (number, host) in cluster.hosts.iter().enumerate() {
            facts.hosts.insert(host.name.clone(), of_machine((&cluster, &templates), host, number, state));
        }
        if state == State::Converged {
            facts.keys = package_keys(&cluster, &facts.hosts).unwrap();
            for host in &cluster.hosts {
                let site = Site { cluster: &cluster, facts: &facts, templates: &templates };
                let resources = host::resources(host, site).unwrap();
                let answers: Vec<_> =
                    resources.iter().map(|resource| (resource.id(), wanted(resource.as_ref()))).collect();
                facts.hosts.get_mut(&host.name).unwrap().answers.extend(answers);
            }
        }
        let frames = |seen: &Observed| {
            seen.answers.iter().fold(String::new(), |mut frames, (key, answer)| {
                let _ = write!(frames, "\x1eprobe {key}\n{answer}\n\n");
                frames
            })
        };
        Self(facts.hosts.iter().map(|(name, seen)| (name.to_string(), frames(seen))).collect())
    }

    /// One host's.
    pub fn frames(&self, host: &str) -> &str {
        self.0.get(host).map_or("", String::as_str)
    }
}

/// What does not come from a resource.
fn of_machine((cluster, templates): (&Cluster, &Templates), host: &Host, number: usize, state: State) -> Observed {
    let name = &host.name;
    let mut seen = Observed::default();
    let mut says = |key: &str, answer: String| drop(seen.answers.insert(key.to_owned(), answer));
    says(
        "preflight system",
        format!(
            "distribution debian\nrelease \"12\"\ncodename bookworm\npretty-name \"Debian GNU/Linux 12 (bookworm)\"\n\
             kernel 6.1.0-40-amd64\narchitecture amd64\ninit systemd\ncpus 4\nmemory 7953\nhostname {name}\n\
             machine-id {number:032x}\ncgroup cgroup2fs\nkmsg there\nsysctls writable"
        ),
    );
    says("preflight disk", "/ 20000000".to_owned());
    says("preflight identity", format!("mac 52:54:00:00:{:02x}:{:02x}", number >> 8, number & 255));
    if state == State::Bare {
        let offers = ["kubeadm", "kubelet", "kubectl"].map(|name| format!("offers {name} {VERSION}-1.1"));
        says("preflight source kubernetes", format!("updated\n{}", offers.join("\n")));
        says("preflight source containerd", "updated\noffers containerd.io 2.3.6-1~debian.12~bookworm".to_owned());
        return seen;
    }
    let sum = "a".repeat(64);
    let mut membership = vec![paths::KUBELET_KUBECONFIG, SERVING];
    let endpoint = &cluster.endpoint;
    let mut told = format!("joined\nkubelet-server https://{endpoint}\nca {sum}  -");
    if host.is_control_plane() {
        membership.push(paths::ADMIN_KUBECONFIG);
        let _ = write!(
            told,
            "\nadmin-server https://{endpoint}\nadmin-cluster {}\ncontrol-plane\nleftover {}/etcd.yaml\n\
             api-server {VERSION}\nkubeadm hi  {VERSION}-1.1",
            cluster.name,
            paths::MANIFESTS
        );
        says(&format!("file {}", paths::ENCRYPTION), format!("600 root:root\n{sum}  -"));
        says("cluster", of_api_server(cluster, templates));
    }
    says("preflight membership", told);
    says("membership", membership.join("\n"));
    says("ca", format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", "A".repeat(1400)));
    says("preflight ports", "*:10250 users:((\"kubelet\",pid=2,fd=9))".to_owned());
    seen
}

/// All nodes, and the record that this inventory was verified by this forge (`phases/verify`).
fn of_api_server(cluster: &Cluster, templates: &Templates) -> String {
    let node = |host: &Host| {
        let name = &host.name;
        format!(
            "node\t{name}\tTrue\tv{VERSION}\t{{\"beta.kubernetes.io/arch\":\"amd64\",\"beta.kubernetes.io/os\":\"linux\",\
             \"kubernetes.io/arch\":\"amd64\",\"kubernetes.io/hostname\":\"{name}\",\"kubernetes.io/os\":\"linux\"}}\t"
        )
    };
    let nodes: Vec<String> = cluster.hosts.iter().map(node).collect();
    let verified = serde_json::json!([cluster, VERSION, env!("CARGO_PKG_VERSION")]).to_string();
    let policies = policies::set(Site { cluster, facts: &Facts::default(), templates }).unwrap().hashes();
    let mut record = serde_json::json!({
        "verified": Secret::new(verified).sha256(),
        "applied-policies": Record { sources: policies, ..Record::default() }.text(),
    });
    let mut settings = String::new();
    for copy in copies(templates, cluster, VERSION).unwrap() {
        let data = serde_json::json!({ copy.key: copy.wanted.to_string() }).to_string();
        record[copy.name] = copy.note(&data).into();
        let _ = write!(settings, "\nconfig\t{}\t{data}", copy.name);
    }
    format!("{}{settings}\nconfig\tforge\t{record}", nodes.join("\n"))
}

/// The answer in which a resource finds nothing to change, read from how it would put itself right.
fn wanted(resource: &dyn Resource) -> String {
    let (id, script) = (resource.id(), resource.apply());
    let (kind, name) = id.split_once(' ').unwrap_or((&id, ""));
    let written = script.files().first().map(|(_, content)| content.expose());
    // `sysctl vm.x: ? → 1`
    let aim = || {
        resource
            .differ("?")
            .map_or_else(String::new, |change| change.summary.rsplit(" → ").next().unwrap_or_default().to_owned())
    };
    let after =
        |word: &str| script.text().split(word).nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or("644");
    let answer = match (kind, written) {
        ("hostname", _) => format!("{0}\n{0}", aim()),
        ("hosts", Some(block)) => String::from_utf8_lossy(block).into_owned(),
        ("kernel", _) => "there".to_owned(),
        ("packages", _) => packages(script.text()),
        ("modes", _) if name == "of packaged files" => {
            let paths = script.text().split(" in ").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or_default();
            let mode = script.text().split("root root 0").nth(1).map_or("600", |rest| &rest[..3]);
            let both = |path| format!("file root root {mode} {path}\noverride root root {mode} {path}\n");
            paths.split_whitespace().map(both).collect()
        }
        ("sshd", Some(lines)) => String::from_utf8_lossy(lines).into_owned(),
        ("nftables", _) if script.text().contains("--file") => "same".to_owned(),
        ("audit", _) => "20 20".to_owned(),
        ("sysctl" | "directory" | "mode", _) => aim(),
        ("service", _) => {
            "ActiveState=active\nUnitFileState=enabled\nExecMainStartTimestampMonotonic=9000000\nUptime=9000.00"
                .to_owned()
        }
        ("user", _) => format!("{name}\n{name}"),
        ("file", Some(content)) if resource.probe().contains("base64") => {
            format!("{} root:root\n{}", after(" -m "), STANDARD.encode(content))
        }
        ("file", Some(content)) => format!("{} root:root\n{}  -", after(" -m "), Secret::new(content).sha256()),
        ("file", None) if script.text().contains("chmod") => {
            format!("{} root:root\n{}  -", after("chmod "), "a".repeat(64))
        }
        _ => String::new(),
    };
    assert_eq!(resource.differ(answer.trim_end()), None, "{id} is not answered well");
    answer.trim_end().to_owned()
}

/// What dpkg and apt-mark say when the packages that this script installs are there.
fn packages(script: &str) -> String {
    let words = |before: &str| {
        let line = script.split(before).nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
        line.split(" >")
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .map(|word| word.trim_matches('\''))
            .collect::<Vec<_>>()
    };
    let installed = words("--force-confold ").into_iter().fold(String::new(), |told, word| {
        let (name, version) = word.split_once('=').unwrap_or((word, "1"));
        format!("{told}hi  {name} {}\n", version.replace('*', "1"))
    });
    installed + &words("apt-mark hold ").join("\n")
}
