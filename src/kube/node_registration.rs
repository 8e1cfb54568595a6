//! `nodeRegistration`: how a host presents itself, the same for `init` and `join`.

use serde::Serialize;

use crate::inventory::cluster::Role;
use crate::inventory::{Cluster, Host};
use crate::kube::paths;
use crate::render::RenderError;

/// The taint that keeps ordinary pods away from control planes.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

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

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Taint {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    effect: String,
}

impl Taint {
    fn as_kubectl_writes_it(&self) -> String {
        let value = self.value.as_ref().map_or_else(String::new, |value| format!("={value}"));
        format!("{}{value}:{}", self.key, self.effect)
    }
}

impl NodeRegistration {
    pub(super) fn of(cluster: &Cluster, host: &Host) -> Result<Self, RenderError> {
        let keeps_pods_away = host.is_control_plane() && !host.roles.contains(&Role::Worker);
        let default = keeps_pods_away.then(|| Taint {
            key: CONTROL_PLANE.to_owned(),
            value: None,
            effect: "NoSchedule".to_owned(),
        });
        let own = host.taints.iter().map(|taint| parse(taint));
        let mut taints: Vec<Taint> = default.into_iter().map(Ok).chain(own).collect::<Result<_, _>>()?;
        // The API server refuses two taints of the same key and effect.
        let mut seen = Vec::new();
        taints.retain(|taint| {
            let id = (taint.key.clone(), taint.effect.clone());
            let new = !seen.contains(&id);
            seen.push(id);
            new
        });
        let as_flag = taints.iter().map(Taint::as_kubectl_writes_it).collect::<Vec<_>>().join(",");
        Ok(Self {
            name: host.name.to_string(),
            address: host.address.to_string(),
            cri_socket: paths::CRI_SOCKET,
            taints,
            ignore_preflight_errors: cluster.kubeadm.ignore_preflight_errors.clone(),
            register_with_taints: if host.is_control_plane() { String::new() } else { as_flag },
        })
    }
}

/// `key=value:Effect` or `key:Effect`, as kubectl writes it.
fn parse(taint: &str) -> Result<Taint, RenderError> {
    let wrong = || RenderError::Value { what: format!("{taint:?} is not a taint: key=value:Effect or key:Effect") };
    let (name, effect) = taint.rsplit_once(':').ok_or_else(wrong)?;
    let (key, value) = match name.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (name, None),
    };
    if key.is_empty() || !matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
        return Err(wrong());
    }
    Ok(Taint { key: key.to_owned(), value, effect: effect.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_are_read_as_kubectl_writes_them() {
        let taint = |key: &str, value: Option<&str>, effect: &str| Taint {
            key: key.into(),
            value: value.map(Into::into),
            effect: effect.into(),
        };
        assert_eq!(parse("gpu=true:NoSchedule").unwrap(), taint("gpu", Some("true"), "NoSchedule"));
        assert_eq!(parse("a.b/c:NoExecute").unwrap(), taint("a.b/c", None, "NoExecute"));
        for text in ["gpu=true:NoSchedule", "a.b/c:NoExecute"] {
            assert_eq!(parse(text).unwrap().as_kubectl_writes_it(), text);
        }
        for wrong in ["", "gpu", "gpu:", ":NoSchedule", "=x:NoSchedule", "gpu:Never"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
