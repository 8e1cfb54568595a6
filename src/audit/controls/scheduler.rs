//! The scheduler's flags.

use super::api_server::HOW;
use crate::audit::control::{Check, Control, Verdict};
use crate::audit::seen::Node;
use crate::audit::seen::programs::SCHEDULER;

const fn flag(id: &'static str, title: &'static str, check: fn(&Node<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::ControlPlane(check)).how(HOW).remedy(
        "forge up INVENTORY, unless kubeadm.clusterConfiguration in the inventory sets it; elsewhere: the flag in \
         /etc/kubernetes/manifests/kube-scheduler.yaml and in kubeadm's ConfigMap",
    )
}

pub(super) const CONTROLS: &[Control] = &[
    flag("CIS-1.4.1", "The scheduler serves no profiles", |node| {
        node.programs.judge(SCHEDULER, "profiling", |value| value == Some("false"))
    })
    .low(),
    flag("CIS-1.4.2", "The scheduler listens on loopback only", |node| {
        node.programs
            .judge(SCHEDULER, "bind-address", |value| value.is_some_and(|value| ["127.0.0.1", "::1"].contains(&value)))
    }),
];
