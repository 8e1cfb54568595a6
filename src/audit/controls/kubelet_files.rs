//! Files of the kubelet, on every node.

use crate::audit::control::{Check, Control, Verdict};
use crate::audit::seen::Node;
use crate::audit::seen::files::{File, Purpose, modes, owners};

const fn file(id: &'static str, title: &'static str, check: fn(&Node<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::Node(check))
        .high()
        .how("stat on the host")
        .remedy("forge up INVENTORY, or chmod 600 and chown root:root the file that is named")
}

fn of<'n>(node: &'n Node<'_>, purpose: Purpose) -> impl Iterator<Item = &'n File> {
    node.files.iter().filter(move |file| file.purpose == purpose)
}

fn no_proxy_kubeconfig(node: &Node<'_>) -> Verdict {
    match node.programs.flag("kube-proxy", "kubeconfig") {
        Some(path) => Verdict::Manual(format!("kube-proxy runs with --kubeconfig={path}: look at its owner and mode")),
        None => Verdict::NotApplicable("kube-proxy's kubeconfig is a ConfigMap".to_owned()),
    }
}

pub(super) const CONTROLS: &[Control] = &[
    file("CIS-4.1.1", "Only root reads the kubelet's unit and its drop-ins", |node| {
        modes(of(node, Purpose::KubeletUnit), 0o600)
    })
    .low(),
    file("CIS-4.1.2", "The kubelet's unit and its drop-ins are root's", |node| {
        owners(of(node, Purpose::KubeletUnit), ROOT)
    }),
    file("CIS-4.1.3", "Only root reads kube-proxy's kubeconfig", no_proxy_kubeconfig).unscored(),
    file("CIS-4.1.4", "kube-proxy's kubeconfig is root's", no_proxy_kubeconfig).unscored(),
    file("CIS-4.1.5", "Only root reads the kubelet's kubeconfig", |node| {
        modes(of(node, Purpose::KubeletKubeconfig), 0o600)
    }),
    file("CIS-4.1.6", "The kubelet's kubeconfig is root's", |node| owners(of(node, Purpose::KubeletKubeconfig), ROOT)),
    file("CIS-4.1.7", "Only root writes the CA that the kubelet trusts", |node| {
        modes(of(node, Purpose::KubeletCa), 0o644)
    })
    .unscored()
    .remedy("chmod 644 the file that is named"),
    file("CIS-4.1.8", "The CA that the kubelet trusts is root's", |node| owners(of(node, Purpose::KubeletCa), ROOT))
        .unscored(),
    file("CIS-4.1.9", "Only root reads the kubelet's configuration", |node| {
        modes(of(node, Purpose::KubeletConfig), 0o600)
    }),
    file("CIS-4.1.10", "The kubelet's configuration is root's", |node| owners(of(node, Purpose::KubeletConfig), ROOT)),
    file("FORGE-CONTAINERD-FILES", "Only root talks to containerd and writes its configuration", containerd)
        .remedy("chown root:root the file that is named; whoever may use the socket is root on the node"),
];

/// Its socket is 0660 root:root when it makes it; its configuration holds nothing confidential.
fn containerd(node: &Node<'_>) -> Verdict {
    match owners(of(node, Purpose::Containerd), ROOT) {
        Verdict::Pass(_) => {
            let at_most =
                |file: &&File| file.mode & 0o022 == 0 || (file.path.ends_with(".sock") && file.mode & 0o007 == 0);
            let wrong: Vec<String> = of(node, Purpose::Containerd)
                .filter(|file| !at_most(file))
                .map(|file| format!("{} is {:o}", file.path, file.mode))
                .collect();
            Verdict::unless(&wrong, "socket and configuration are root's alone")
        }
        other => other,
    }
}

const ROOT: &str = "root:root";
