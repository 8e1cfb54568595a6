//! The cluster's own copies of its settings: ConfigMaps of `kube-system` that kubeadm writes and that joins, upgrades and
//! kube-proxy read; and the note of what was written there, by which a change of either side is seen.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::inventory::Cluster;
use crate::kube::{cluster_configuration, kube_proxy_configuration, kubelet_configuration};
use crate::render::{RenderError, Templates};
use crate::secret::hex;

/// One of them.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The ConfigMap.
    pub name: &'static str,
    /// The key of its data that holds the settings.
    pub key: &'static str,
    /// What the inventory asks for.
    pub wanted: Value,
    /// The phase of `kubeadm init` that writes it.
    pub phase: &'static str,
}

impl Copy {
    /// SHA-256 of what the inventory asks for.
    pub fn sum(&self) -> String {
        hex(&Sha256::digest(self.wanted.to_string()))
    }

    /// The words by which [`settle`] knows it.
    pub fn settled(&self) -> String {
        format!("{}={}", self.name, self.sum())
    }

    /// What the note says when `data`, the ConfigMap's data as JSON, was written for what is wanted now.
    pub fn note(&self, data: &str) -> String {
        format!("{}-{}", self.sum(), hex(&Sha256::digest(data)))
    }
}

/// All that a cluster with these settings has.
///
/// # Errors
/// A template is broken.
pub fn copies(templates: &Templates, cluster: &Cluster, version: &str) -> Result<Vec<Copy>, RenderError> {
    let of_cluster = cluster_configuration::merged(templates, cluster, version)?;
    let proxy = of_cluster.pointer("/proxy/disabled") != Some(&Value::Bool(true));
    let copy = |name, key, wanted, phase| Copy { name, key, wanted, phase };
    let mut all = vec![
        copy("kubeadm-config", "ClusterConfiguration", of_cluster, "upload-config kubeadm"),
        copy("kubelet-config", "kubelet", kubelet_configuration::merged(templates, cluster)?, "upload-config kubelet"),
    ];
    if proxy {
        let wanted = kube_proxy_configuration::merged(templates, cluster)?;
        all.push(copy("kube-proxy", "config.conf", wanted, "addon kube-proxy"));
    }
    Ok(all)
}

/// The ConfigMaps of `kube-system` in which a cluster keeps its settings: `forge` and all of [`copies`].
pub const COPIES: [&str; 4] = ["forge", "kubeadm-config", "kubelet-config", "kube-proxy"];

/// How kubectl prints one of them, in the terms of JSONPath: a line `config NAME DATA` separated by tabs, the data as JSON.
pub const COPY_LINE: &str = r#"config{"\t"}{.metadata.name}{"\t"}{.data}{"\n"}"#;

/// See [`settle`].
const SETTLE: &str = r#"settle() {
kubectl -n kube-system get configmaps @COPIES@ --ignore-not-found -o 'jsonpath={range .items[*]}@LINE@{end}' >"$FORGE.copies"
tab=$(printf '\t'); notes=
while IFS=$tab read -r _ name data; do
for word in "$@"; do
[ "${word%%=*}" = "$name" ] || continue
sum=$(printf '%s' "$data" | sha256sum)
notes="$notes,\"$name\":\"${word#*=}-${sum%% *}\""
done
done <"$FORGE.copies"
grep -q "^config${tab}forge${tab}" "$FORGE.copies" || kubectl -n kube-system create configmap forge >/dev/null
kubectl -n kube-system patch configmap forge --type merge -p "{\"data\":{${notes#,}}}" >/dev/null
}"#;

/// Shell that defines `settle NAME=SUM…`: notes in our ConfigMap that what these ConfigMaps hold now was written for settings
/// with this sum.
pub fn settle() -> String {
    SETTLE.replace("@COPIES@", &COPIES.join(" ")).replace("@LINE@", COPY_LINE)
}
