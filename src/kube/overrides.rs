//! Which of forge's hardening the user's kubeadm settings replace, so that a plan can show it.

use serde_json::{Map, Value};

use crate::inventory::Cluster;
use crate::kube::merge::{self, Replaced};
use crate::kube::{cluster_configuration, kube_proxy_configuration, kubelet_configuration};
use crate::render::{RenderError, Templates};

/// Paths whose values are hardening; everything else in the documents is plumbing.
const CLUSTER: [&str; 7] = [
    "encryptionAlgorithm",
    "certificateValidityPeriod",
    "apiServer.extraArgs",
    "apiServer.extraVolumes",
    "controllerManager.extraArgs",
    "scheduler.extraArgs",
    "etcd.local.extraArgs",
];
const KUBELET: [&str; 15] = [
    "authentication",
    "authorization",
    "readOnlyPort",
    "rotateCertificates",
    "serverTLSBootstrap",
    "protectKernelDefaults",
    "makeIPTablesUtilChains",
    "eventRecordQPS",
    "streamingConnectionIdleTimeout",
    "seccompDefault",
    "podPidsLimit",
    "tlsMinVersion",
    "tlsCipherSuites",
    "enableProfilingHandler",
    "enableDebugFlagsHandler",
];
const KUBE_PROXY: [&str; 1] = ["metricsBindAddress"];

/// Our hardening that the inventory's `kubeadm` section changes or removes. Paths begin with the section's key:
/// `clusterConfiguration.apiServer.extraArgs.profiling`.
///
/// # Errors
/// When a template is broken.
pub fn overridden_hardening(
    templates: &Templates,
    cluster: &Cluster,
    version: &str,
) -> Result<Vec<Replaced>, RenderError> {
    let user = &cluster.kubeadm;
    let mut found = Vec::new();
    let mut look = |section: &str, ours: &Value, theirs: &Map<String, Value>, hardening: &[&str]| {
        let replaced = merge::replaced(ours, &Value::Object(theirs.clone()));
        let relevant = replaced.into_iter().filter(|one| hardening.iter().any(|path| is_below(path, &one.path)));
        found.extend(relevant.map(|one| Replaced { path: format!("{section}.{}", one.path), ..one }));
    };
    let ours = cluster_configuration::ours(templates, cluster, version)?;
    look("clusterConfiguration", &ours, &user.cluster_configuration, &CLUSTER);
    look("kubeletConfiguration", &kubelet_configuration::ours(templates)?, &user.kubelet_configuration, &KUBELET);
    let ours = kube_proxy_configuration::ours(templates)?;
    look("kubeProxyConfiguration", &ours, &user.kube_proxy_configuration, &KUBE_PROXY);
    Ok(found)
}

fn is_below(parent: &str, path: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
