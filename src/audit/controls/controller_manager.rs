//! The controller manager's flags.

use super::api_server::HOW;
use crate::audit::control::{Check, Control, Verdict};
use crate::audit::seen::Node;
use crate::audit::seen::programs::{CONTROLLER_MANAGER, has_word};

const fn flag(id: &'static str, title: &'static str, check: fn(&Node<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::ControlPlane(check)).how(HOW).remedy(
        "forge up INVENTORY, unless kubeadm.clusterConfiguration in the inventory sets it; elsewhere: the flag in \
         /etc/kubernetes/manifests/kube-controller-manager.yaml and in kubeadm's ConfigMap",
    )
}

fn judge(node: &Node<'_>, name: &str, good: impl Fn(Option<&str>) -> bool) -> Verdict {
    node.programs.judge(CONTROLLER_MANAGER, name, good)
}

pub(super) const CONTROLS: &[Control] = &[
    flag("CIS-1.3.1", "Pods that have ended are cleared away at a number of your choice", |node| {
        judge(node, "terminated-pod-gc-threshold", |value| {
            value.is_some_and(|value| value.parse::<u32>().is_ok_and(|n| n > 0))
        })
    })
    .low()
    .unscored(),
    flag("CIS-1.3.2", "The controller manager serves no profiles", |node| {
        judge(node, "profiling", |value| value == Some("false"))
    })
    .low(),
    flag("CIS-1.3.3", "Every controller has an account of its own", |node| {
        judge(node, "use-service-account-credentials", |value| value == Some("true"))
    }),
    flag("CIS-1.3.4", "Service-account tokens are signed with a key of their own", |node| {
        judge(node, "service-account-private-key-file", |value| value.is_some_and(|value| !value.is_empty()))
    }),
    flag("CIS-1.3.5", "Pods are given the CA to check the API server by", |node| {
        judge(node, "root-ca-file", |value| value.is_some_and(|value| !value.is_empty()))
    }),
    flag("CIS-1.3.6", "Kubelets' serving certificates are renewed", |node| {
        judge(node, "feature-gates", |value| !has_word(value, "RotateKubeletServerCertificate=false"))
    }),
    flag("CIS-1.3.7", "The controller manager listens on loopback only", |node| {
        judge(node, "bind-address", |value| value.is_some_and(|value| ["127.0.0.1", "::1"].contains(&value)))
    }),
];
