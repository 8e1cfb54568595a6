//! `nodeRegistration`: how a host presents itself, the same for `init` and `join`.

use serde::Serialize;

use crate::inventory::cluster::{self, Role};
use crate::inventory::{Cluster, Host};
use crate::kube::paths;

/// What the templates call `node`.
#[derive(Serialize)]
pub(super) struct NodeRegistration {
    name: String,
    address: String,
    cri_socket: &'static str,
    taints: Vec<Taint>,
    ignore_preflight_errors: Vec<String>,
    /// A worker's taints as the kubelet's flag takes them; empty without any.
    register_with_taints: String,
}

/// As the configuration files of kubeadm have it.
#[derive(Serialize)]
struct Taint {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    effect: String,
}

impl From<&cluster::Taint> for Taint {
    fn from(taint: &cluster::Taint) -> Self {
        let value = (!taint.value().is_empty()).then(|| taint.value().to_owned());
        Self { key: taint.key().to_owned(), value, effect: taint.effect().to_owned() }
    }
}

impl NodeRegistration {
    pub(super) fn of(cluster: &Cluster, host: &Host) -> Self {
        let keeps_pods_away = host.is_control_plane() && !host.roles.contains(&Role::Worker);
        let mut taints: Vec<cluster::Taint> = keeps_pods_away.then(cluster::Taint::control_plane).into_iter().collect();
        for taint in &host.taints {
            // The API server refuses two taints of the same key and effect.
            if !taints.iter().any(|other| taint.replaces(other)) {
                taints.push(taint.clone());
            }
        }
        let as_flag = taints.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        Self {
            name: host.name.to_string(),
            address: host.address.to_string(),
            cri_socket: paths::CRI_SOCKET,
            taints: taints.iter().map(Taint::from).collect(),
            ignore_preflight_errors: cluster.kubeadm.ignore_preflight_errors.clone(),
            register_with_taints: if host.is_control_plane() { String::new() } else { as_flag },
        }
    }
}
