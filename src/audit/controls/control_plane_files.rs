//! Files of the control plane: who may read and who may write them.

use crate::audit::control::{Check, Control, Verdict};
use crate::audit::seen::Node;
use crate::audit::seen::files::{File, Purpose, modes, owners};

const fn file(id: &'static str, title: &'static str, check: fn(&Node<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::ControlPlane(check))
        .high()
        .how("stat on the host")
        .remedy("chmod 600 and chown root:root the file that is named")
}

fn of<'n>(node: &'n Node<'_>, purpose: Purpose, name: &'static str) -> impl Iterator<Item = &'n File> {
    node.files.iter().filter(move |file| file.purpose == purpose && file.path.ends_with(name))
}

fn manifest<'n>(node: &'n Node<'_>, name: &'static str) -> impl Iterator<Item = &'n File> {
    of(node, Purpose::Manifest, name)
}

fn pki<'n>(node: &'n Node<'_>, ending: &'static str) -> impl Iterator<Item = &'n File> {
    of(node, Purpose::Pki, ending).filter(|file| !file.folder)
}

/// `admin.conf`, and `super-admin.conf` where it still is.
fn admin<'n>(node: &'n Node<'_>) -> impl Iterator<Item = &'n File> {
    of(node, Purpose::Kubeconfig, "admin.conf")
}

pub(super) const CONTROLS: &[Control] = &[
    file("CIS-1.1.1", "Only root reads the API server's manifest", |node| {
        modes(manifest(node, "/kube-apiserver.yaml"), 0o600)
    }),
    file("CIS-1.1.2", "The API server's manifest is root's", |node| {
        owners(manifest(node, "/kube-apiserver.yaml"), ROOT)
    }),
    file("CIS-1.1.3", "Only root reads the controller manager's manifest", |node| {
        modes(manifest(node, "/kube-controller-manager.yaml"), 0o600)
    }),
    file("CIS-1.1.4", "The controller manager's manifest is root's", |node| {
        owners(manifest(node, "/kube-controller-manager.yaml"), ROOT)
    }),
    file("CIS-1.1.5", "Only root reads the scheduler's manifest", |node| {
        modes(manifest(node, "/kube-scheduler.yaml"), 0o600)
    }),
    file("CIS-1.1.6", "The scheduler's manifest is root's", |node| {
        owners(manifest(node, "/kube-scheduler.yaml"), ROOT)
    }),
    file("CIS-1.1.7", "Only root reads etcd's manifest", |node| modes(manifest(node, "/etcd.yaml"), 0o600)),
    file("CIS-1.1.8", "etcd's manifest is root's", |node| owners(manifest(node, "/etcd.yaml"), ROOT)),
    file("CIS-1.1.9", "Only root reads the network configuration", |node| {
        modes(of(node, Purpose::Cni, "").filter(|file| !file.folder), 0o600)
    })
    .unscored(),
    file("CIS-1.1.10", "The network configuration is root's", |node| owners(of(node, Purpose::Cni, ""), ROOT))
        .unscored(),
    file("CIS-1.1.11", "Only its owner reads etcd's data", |node| modes(of(node, Purpose::EtcdData, ""), 0o700))
        .remedy("forge up INVENTORY, or chmod 700 the folder"),
    file("CIS-1.1.12", "etcd's data belongs to a user of its own", |node| {
        owners(of(node, Purpose::EtcdData, ""), "etcd:etcd")
    })
    .low()
    .remedy("forge up INVENTORY, or make the user etcd and give it the folder"),
    file("CIS-1.1.13", "Only root reads the administrators' kubeconfigs", |node| modes(admin(node), 0o600)),
    file("CIS-1.1.14", "The administrators' kubeconfigs are root's", |node| owners(admin(node), ROOT)),
    file("CIS-1.1.15", "Only root reads the scheduler's kubeconfig", |node| {
        modes(of(node, Purpose::Kubeconfig, "/scheduler.conf"), 0o600)
    }),
    file("CIS-1.1.16", "The scheduler's kubeconfig is root's", |node| {
        owners(of(node, Purpose::Kubeconfig, "/scheduler.conf"), ROOT)
    }),
    file("CIS-1.1.17", "Only root reads the controller manager's kubeconfig", |node| {
        modes(of(node, Purpose::Kubeconfig, "/controller-manager.conf"), 0o600)
    }),
    file("CIS-1.1.18", "The controller manager's kubeconfig is root's", |node| {
        owners(of(node, Purpose::Kubeconfig, "/controller-manager.conf"), ROOT)
    }),
    file("CIS-1.1.19", "Everything below kubeadm's pki folder is root's", |node| {
        owners(of(node, Purpose::Pki, ""), ROOT)
    }),
    file("CIS-1.1.20", "Only root writes certificates", |node| modes(pki(node, ".crt"), 0o644))
        .unscored()
        .remedy("chmod 644 the certificate that is named"),
    file("CIS-1.1.21", "Only root reads private keys", |node| modes(pki(node, ".key"), 0o600)).unscored(),
    file("FORGE-API-SERVER-FILES", "Only root reads what the API server is configured by", |node| {
        modes(of(node, Purpose::ApiServerConfig, ""), 0o600)
    })
    .remedy("forge up INVENTORY, or chmod 600 the file that is named: the encryption key is among them"),
    file("FORGE-AUDIT-LOG-FILES", "Only root reads the audit log", |node| {
        modes(of(node, Purpose::AuditLog, ""), 0o700)
    })
    .remedy(
        "forge up INVENTORY, or chmod 700 the folder and 600 the log: commands that were executed in pods stand in it",
    ),
];

const ROOT: &str = "root:root";

#[cfg(test)]
mod tests {
    use super::super::find;
    use crate::audit::judge::tests::{node, verdict};

    #[test]
    fn each_file_has_its_own_control() {
        let files = "manifest\t600\troot:root\tregular file\t/etc/kubernetes/manifests/etcd.yaml\n\
            kubeconfig\t600\troot:root\tregular file\t/etc/kubernetes/admin.conf\n\
            kubeconfig\t640\troot:root\tregular file\t/etc/kubernetes/super-admin.conf\n\
            etcd-data\t700\troot:root\tdirectory\t/var/lib/etcd\n\
            pki\t755\troot:root\tdirectory\t/etc/kubernetes/pki\n\
            pki\t644\troot:root\tregular file\t/etc/kubernetes/pki/ca.crt\n\
            pki\t640\troot:root\tregular file\t/etc/kubernetes/pki/etcd/ca.key\n";
        let node = node(&[("audit files", files)]);
        for (id, expected) in [
            ("CIS-1.1.7", "pass: /etc/kubernetes/manifests/etcd.yaml is 600"),
            ("CIS-1.1.1", "not applicable: there is no such file"),
            ("CIS-1.1.12", "fail: /var/lib/etcd belongs to root:root"),
            ("CIS-1.1.13", "fail: /etc/kubernetes/super-admin.conf is 640"),
            ("CIS-1.1.14", "pass: all 2 files"),
            ("CIS-1.1.19", "pass: all 3 files"),
            ("CIS-1.1.20", "pass: /etc/kubernetes/pki/ca.crt is 644"),
            ("CIS-1.1.21", "fail: /etc/kubernetes/pki/etcd/ca.key is 640"),
        ] {
            assert_eq!(verdict(find(id).unwrap(), &node), expected, "{id}");
        }
    }
}
