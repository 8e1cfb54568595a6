//! `kubeadm`: overrides, except of what the inventory has a key for or forge's own work depends on.

use serde_json::{Map, Value};

use crate::inventory::cluster::Kubeadm;
use crate::inventory::finding::Findings;
use crate::inventory::model::Inventory;

/// What an override must not touch, and why.
const OWNED: [(&str, &str, &str); 16] = [
    ("clusterConfiguration", "apiVersion", FORGE_WRITES),
    ("clusterConfiguration", "kind", FORGE_WRITES),
    ("clusterConfiguration", "clusterName", "use `cluster.name`"),
    ("clusterConfiguration", "kubernetesVersion", "use `cluster.kubernetes`"),
    ("clusterConfiguration", "controlPlaneEndpoint", "use `cluster.endpoint`"),
    ("clusterConfiguration", "networking.podSubnet", "use `cluster.podSubnet`"),
    ("clusterConfiguration", "networking.serviceSubnet", "use `cluster.serviceSubnet`"),
    ("clusterConfiguration", "certificatesDir", "forge keeps certificates in /etc/kubernetes/pki"),
    ("clusterConfiguration", "etcd.external", "forge runs etcd on the control planes"),
    ("clusterConfiguration", "etcd.local.dataDir", "forge keeps etcd's data in /var/lib/etcd"),
    ("kubeletConfiguration", "apiVersion", FORGE_WRITES),
    ("kubeletConfiguration", "kind", FORGE_WRITES),
    ("kubeletConfiguration", "staticPodPath", "forge keeps static pods in /etc/kubernetes/manifests"),
    ("kubeProxyConfiguration", "apiVersion", FORGE_WRITES),
    ("kubeProxyConfiguration", "kind", FORGE_WRITES),
    ("kubeProxyConfiguration", "clusterCIDR", "use `cluster.podSubnet`"),
];

const FORGE_WRITES: &str = "forge writes it; leave it out";

/// The user's own kubeadm settings.
pub(super) fn kubeadm(inventory: &Inventory, findings: &mut Findings<'_>) -> Kubeadm {
    let kubeadm = Kubeadm {
        cluster_configuration: inventory.kubeadm.cluster_configuration.clone(),
        kubelet_configuration: inventory.kubeadm.kubelet_configuration.clone(),
        kube_proxy_configuration: inventory.kubeadm.kube_proxy_configuration.clone(),
        ignore_preflight_errors: inventory.kubeadm.ignore_preflight_errors.clone(),
    };
    for (section, key, reason) in OWNED {
        let settings = match section {
            "clusterConfiguration" => &kubeadm.cluster_configuration,
            "kubeletConfiguration" => &kubeadm.kubelet_configuration,
            _ => &kubeadm.kube_proxy_configuration,
        };
        if has(settings, key) {
            let path: Vec<&str> = ["kubeadm", section].into_iter().chain(key.split('.')).collect();
            findings.at_key(&path, format!("`{section}.{key}` cannot be overridden"), "").help(reason);
        }
    }
    kubeadm
}

fn has(settings: &Map<String, Value>, key: &str) -> bool {
    let mut steps = key.split('.');
    let first = steps.next().and_then(|step| settings.get(step));
    steps.try_fold(first, |value, step| value.map(|value| value.get(step))).flatten().is_some()
}
