//! Clusters to render, and templates to render them with.

use std::collections::BTreeMap;

use forge::inventory::NodeName;
use forge::inventory::cluster::{
    Addons, Age, Audit, Auditing, Calico, Cluster, Cni, Encryption, EncryptionProvider, Endpoint, Helm, Host, Images,
    Kubeadm, KubernetesVersion, NetworkPolicy, PackageKey, PackageSource, PodSecurity, Proxy, Role, Rotation, Security,
    Sources, Ssh,
};
use forge::inventory::host_security::HostSecurity;
use forge::kube::JoinSecrets;
use forge::render::Templates;
use forge::secret::Secret;

/// The exact version that everything is rendered for.
pub(crate) const VERSION: &str = "1.36.5";

/// Our templates, none replaced.
pub(crate) fn templates() -> Templates {
    Templates::load(None).unwrap()
}

/// Join secrets that are the same in every run.
pub(crate) fn secrets() -> JoinSecrets {
    JoinSecrets { token: Secret::new("abcdef.0123456789abcdef"), certificate_key: Secret::new("c0".repeat(32)) }
}

/// What a secret holds, as text.
pub(crate) fn text(secret: &Secret) -> String {
    String::from_utf8(secret.expose().to_vec()).unwrap()
}

/// One host that is everything.
pub(crate) fn single() -> Cluster {
    cluster(vec![host("cp1", "10.0.0.11", &[Role::ControlPlane, Role::Worker])])
}

/// Three control planes and a worker.
pub(crate) fn three_and_one() -> Cluster {
    cluster(vec![
        host("cp1", "10.0.0.11", &[Role::ControlPlane]),
        host("cp2", "10.0.0.12", &[Role::ControlPlane]),
        host("cp3", "10.0.0.13", &[Role::ControlPlane]),
        host("w1", "10.0.0.21", &[Role::Worker]),
    ])
}

/// A host of the cluster by its name.
pub(crate) fn named<'a>(cluster: &'a Cluster, name: &str) -> &'a Host {
    cluster.hosts.iter().find(|host| host.name.as_str() == name).unwrap()
}

/// The cluster's Calico.
pub(crate) fn calico(cluster: &Cluster) -> &Calico {
    match &cluster.cni {
        Cni::Calico(calico) => calico,
        other => panic!("{other:?}"),
    }
}

fn host(name: &str, address: &str, roles: &[Role]) -> Host {
    Host {
        name: NodeName::new(name).unwrap(),
        address: address.parse().unwrap(),
        roles: roles.to_vec(),
        labels: BTreeMap::new(),
        taints: Vec::new(),
        ssh: Ssh { user: "ops".into(), port: 22, identity_file: None, bastion: None },
    }
}

fn cluster(hosts: Vec<Host>) -> Cluster {
    let packages = |url: &str| PackageSource { url: url.into(), key: PackageKey::Path("/key.asc".into()) };
    Cluster {
        name: "prod".into(),
        kubernetes: KubernetesVersion { minor: 36, patch: Some(5) },
        endpoint: Endpoint { host: "api.prod.example".into(), port: 6443 },
        pod_subnet: "10.244.0.0/16".parse().unwrap(),
        service_subnet: "10.96.0.0/12".parse().unwrap(),
        hosts,
        kubeadm: Kubeadm::default(),
        security: Security {
            pod_security: PodSecurity {
                enforce: "baseline".into(),
                audit: "restricted".into(),
                warn: "restricted".into(),
                exempt_namespaces: vec!["kube-system".into()],
            },
            network_policy: NetworkPolicy { default_deny_namespaces: vec!["default".into()] },
            images: Images { forbid_latest: true, allowed_registries: Vec::new() },
            encryption: Encryption { provider: EncryptionProvider::Secretbox, resources: vec!["secrets".into()] },
            audit: Audit { policy: None, webhook: None, max_age: 30, max_backup: 10, max_size: 100 },
            oidc: Vec::new(),
            sysctls: BTreeMap::new(),
            host: HostSecurity::default(),
        },
        rotation: Rotation { certificates: Age::Days(90), encryption_key: Age::Days(90), tokens: Age::Hours(24) },
        cni: Cni::Calico(Calico {
            version: "3.32.1".into(),
            encapsulation: "VXLANCrossSubnet".into(),
            wireguard: false,
            manifests: Vec::new(),
        }),
        addons: Addons::default(),
        sources: Sources {
            kubernetes_packages: packages("https://pkgs.k8s.io"),
            containerd_packages: packages("https://download.docker.com"),
            registries: BTreeMap::new(),
            helm: Helm::default(),
            artifacts: BTreeMap::new(),
        },
        proxy: Proxy::default(),
        audit: Auditing::default(),
        known_hosts: "/lab/known_hosts".into(),
        directory: "/lab".into(),
    }
}
