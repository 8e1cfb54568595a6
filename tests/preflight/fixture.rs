//! A cluster of three hosts and the answers of healthy ones, to be changed one answer at a time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use forge::host::facts::Observed;
use forge::inventory::cluster::*;
use forge::inventory::host_security::HostSecurity;
use forge::phases::preflight::{self, Finding};

pub const PIN: &str = "FA5F730DCE77897E013A84C3C4026587D2A3B815";

pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/preflight/fixtures").join(name)
}

fn host(name: &str, address: &str, role: Role) -> Host {
    Host {
        name: NodeName::new(name).unwrap(),
        address: address.parse().unwrap(),
        roles: vec![role],
        labels: BTreeMap::new(),
        taints: Vec::new(),
        ssh: Ssh { user: "ops".to_owned(), port: 22, identity_file: None, bastion: None },
    }
}

/// cp1, w1 and w2; packages signed by the key in `packages.asc`.
pub fn cluster() -> Cluster {
    let source = |url: &str| PackageSource { url: url.to_owned(), key: PackageKey::Path(file("packages.asc")) };
    Cluster {
        name: "prod".to_owned(),
        kubernetes: KubernetesVersion { minor: 36, patch: None },
        endpoint: Endpoint { host: "api.prod.example".to_owned(), port: 6443 },
        pod_subnet: "10.244.0.0/16".parse().unwrap(),
        service_subnet: "10.96.0.0/12".parse().unwrap(),
        hosts: vec![
            host("cp1", "192.0.2.11", Role::ControlPlane),
            host("w2", "192.0.2.22", Role::Worker),
            host("w1", "192.0.2.21", Role::Worker),
        ],
        kubeadm: Kubeadm::default(),
        security: Security {
            pod_security: PodSecurity {
                enforce: "baseline".to_owned(),
                audit: "restricted".to_owned(),
                warn: "restricted".to_owned(),
                exempt_namespaces: Vec::new(),
            },
            network_policy: NetworkPolicy { default_deny_namespaces: Vec::new() },
            images: Images { forbid_latest: true, allowed_registries: Vec::new() },
            encryption: Encryption { provider: EncryptionProvider::Secretbox, resources: Vec::new() },
            audit: Audit { policy: None, webhook: None, max_age: 30, max_backup: 10, max_size: 100 },
            oidc: Vec::new(),
            sysctls: BTreeMap::new(),
            host: HostSecurity::default(),
        },
        cni: Cni::Calico(Calico {
            version: "3.33.0".to_owned(),
            encapsulation: "VXLANCrossSubnet".to_owned(),
            wireguard: true,
            manifests: Vec::new(),
        }),
        addons: Addons { falco: Some(falco()), ..Addons::default() },
        sources: Sources {
            kubernetes_packages: source("http://packages.example/v1.36/deb/"),
            containerd_packages: source("http://packages.example/linux/{distribution}"),
            registries: BTreeMap::new(),
            helm: Helm { version: "4.3.0".to_owned(), sha256: [("amd64".to_owned(), "0".repeat(64))].into() },
            artifacts: BTreeMap::new(),
        },
        proxy: Proxy::default(),
        audit: Auditing::default(),
        rotation: Rotation { certificates: Age::Days(90), encryption_key: Age::Days(90), tokens: Age::Hours(24) },
        known_hosts: PathBuf::from("/nonexistent/known_hosts"),
        directory: PathBuf::from("/nonexistent"),
    }
}

fn falco() -> BuiltinAddon {
    let chart = Chart {
        repo: "https://charts.example".to_owned(),
        name: "falco".to_owned(),
        version: "9.2.0".to_owned(),
        sha256: None,
    };
    BuiltinAddon { chart, values: serde_json::Map::new() }
}

/// Both sources' keys by URL and fingerprint.
pub fn with_pinned_keys(mut cluster: Cluster, base: &str, pin: &str) -> Cluster {
    for source in [&mut cluster.sources.kubernetes_packages, &mut cluster.sources.containerd_packages] {
        source.key = PackageKey::Url { url: format!("{base}/packages.asc"), fingerprint: pin.to_owned() };
    }
    cluster
}

/// The answers of all hosts.
#[derive(Clone)]
pub struct Answers {
    pub cluster: Cluster,
    pub seen: BTreeMap<NodeName, Observed>,
}

pub const SYSTEM: &str = "distribution debian\nrelease \"12\"\ncodename bookworm\n\
    pretty-name \"Debian GNU/Linux 12 (bookworm)\"\nkernel 6.1.0-40-amd64\narchitecture amd64\ninit systemd\ncpus 2\n\
    memory 1953\nhostname debian\nmachine-id MACHINE\ncgroup cgroup2fs\nkmsg there\nsysctls writable";

const OFFERS: &str = "updated\noffers kubeadm 1.36.3-1.1\noffers kubelet 1.36.3-1.1\noffers kubectl 1.36.3-1.1\n\
    offers kubeadm 1.36.10-2.1\noffers kubelet 1.36.10-2.1\noffers kubectl 1.36.10-2.1";

/// Freshly installed machines.
pub fn bare() -> Answers {
    let cluster = cluster();
    let mut answers = Answers { seen: BTreeMap::new(), cluster };
    for host in answers.cluster.hosts.clone() {
        let name = host.name.as_str().to_owned();
        answers.seen.insert(host.name, Observed::default());
        answers = answers
            .says(&name, "system", &SYSTEM.replace("MACHINE", &format!("id-of-{name}")))
            .says(&name, "falco", "bounding 000001ffffffffff")
            .says(&name, "disk", "/ 20000000")
            .says(&name, "identity", &format!("mac 52:54:00:00:00:{:02x}", name.as_bytes()[0] + name.as_bytes()[1]))
            .says(&name, "source kubernetes", OFFERS)
            .says(&name, "source containerd", "updated\noffers containerd.io 2.3.6-1~debian.12~bookworm");
    }
    answers
}

/// What a control plane of this cluster says of its membership.
pub const CONTROL_PLANE: &str = "joined\nkubelet-server https://192.0.2.11:6443\nadmin-server https://api.prod.example:6443\n\
    admin-cluster prod\ncontrol-plane\nca aaaa  -\nleftover /etc/kubernetes/manifests/etcd.yaml\n\
    api-server 1.36.5\nkubeadm hi  1.36.5-1.1";

pub const WORKER: &str = "joined\nkubelet-server https://api.prod.example:6443\nca aaaa  -";

/// The same machines as nodes of the cluster: they say less.
pub fn joined() -> Answers {
    let mut answers = bare();
    for host in answers.cluster.hosts.clone() {
        let name = host.name.as_str();
        let membership = if host.is_control_plane() { CONTROL_PLANE } else { WORKER };
        answers = answers
            .says(name, "membership", membership)
            .says(name, "source kubernetes", "")
            .says(name, "source containerd", "")
            .says(name, "ports", "*:10250 users:((\"kubelet\",pid=2,fd=9))");
    }
    answers
}

impl Answers {
    /// Replaces one answer.
    pub fn says(mut self, host: &str, key: &str, answer: &str) -> Self {
        let seen = self.seen.get_mut(&NodeName::new(host).unwrap()).unwrap();
        seen.answers.insert(format!("preflight {key}"), answer.to_owned());
        self
    }

    /// Replaces a part of one answer.
    pub fn but(self, host: &str, key: &str, old: &str, new: &str) -> Self {
        let answer = self.seen[&NodeName::new(host).unwrap()].get(&format!("preflight {key}")).to_owned();
        assert!(answer.contains(old), "{answer}");
        self.says(host, key, &answer.replace(old, new))
    }

    pub fn clock(mut self, host: &str, offset: f64) -> Self {
        self.seen.get_mut(&NodeName::new(host).unwrap()).unwrap().clock_offset = offset;
        self
    }

    pub fn wants(mut self, change: impl FnOnce(&mut Cluster)) -> Self {
        change(&mut self.cluster);
        self
    }

    pub fn check(&self) -> Vec<Finding> {
        preflight::check(&self.cluster, &self.seen)
    }

    /// The findings as a person reads them.
    #[track_caller]
    pub fn finds(&self, expected: &str) {
        let found: Vec<String> = self.check().iter().map(words).collect();
        assert_eq!(found.join("\n"), expected);
    }

    pub fn finds_nothing(&self) {
        self.finds("");
    }
}

pub fn words(finding: &Finding) -> String {
    let host = finding.host.as_ref().map_or("all", NodeName::as_str);
    let mut words = format!("{}: {} | {}", if finding.fatal { "error" } else { "warning" }, host, finding.what);
    if !finding.cause.is_empty() {
        words += &format!("\n  cause: {}", finding.cause);
    }
    words + &format!("\n  next: {}", finding.next)
}
