//! Every certificate that a node has, after kubeadm's `cmd/kubeadm/app/phases/certs/certlist.go` and the kubelet's own.

/// Who makes a certificate anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// `kubeadm certs renew NAME`.
    Kubeadm,
    /// The kubelet by a request that the controller manager approves; it is the kubelet's way in.
    KubeletClient,
    /// The kubelet by a request that forge approves.
    KubeletServing,
    /// The program that serves it, in memory, whenever it starts.
    Process,
    /// Nobody: an authority ends with its cluster.
    Nobody,
}

/// A static pod of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// etcd.
    Etcd,
    /// The API server.
    ApiServer,
    /// The controller manager.
    ControllerManager,
    /// The scheduler.
    Scheduler,
}

impl Component {
    /// In the order in which they are restarted: each needs those before it.
    pub const ALL: [Self; 4] = [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Scheduler];

    /// Its manifest's and container's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
        }
    }

    /// The places of the authorities whose certificates it reads when it starts.
    pub fn authorities(self) -> &'static [&'static str] {
        match self {
            Self::Etcd => &["etcd-ca"],
            Self::ApiServer => &["ca", "etcd-ca", "front-proxy-ca"],
            Self::ControllerManager => &["ca", "front-proxy-ca"],
            Self::Scheduler => &[],
        }
    }

    /// The port that nobody else listens on.
    pub fn port(self) -> u16 {
        match self {
            Self::Etcd => 2379,
            Self::ApiServer => 6443,
            Self::ControllerManager => 10257,
            Self::Scheduler => 10259,
        }
    }
}

/// One certificate.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// kubeadm's name for it where kubeadm has one.
    pub name: &'static str,
    /// The file; empty when it is only in memory. A kubeconfig (`….conf`) has it inside.
    pub path: &'static str,
    /// Who renews it.
    pub keeper: Keeper,
    /// Who has to be restarted when it is new.
    pub used_by: Option<Component>,
    /// Where it is served, and whether on the loopback address only.
    pub port: Option<(u16, bool)>,
    /// Whether workers have it too.
    pub everywhere: bool,
}

const fn kubeadm(name: &'static str, path: &'static str, used_by: Option<Component>, port: Option<u16>) -> Place {
    let port = match port {
        Some(port) => Some((port, false)),
        None => None,
    };
    Place { name, path, keeper: Keeper::Kubeadm, used_by, port, everywhere: false }
}

const fn kubelet(name: &'static str, path: &'static str, keeper: Keeper, port: Option<(u16, bool)>) -> Place {
    Place { name, path, keeper, used_by: None, port, everywhere: true }
}

const fn memory(name: &'static str, component: Component, port: u16) -> Place {
    let used_by = Some(component);
    Place { name, path: "", keeper: Keeper::Process, used_by, port: Some((port, true)), everywhere: false }
}

const fn authority(name: &'static str, path: &'static str, everywhere: bool) -> Place {
    Place { name, path, keeper: Keeper::Nobody, used_by: None, port: None, everywhere }
}

/// All of them.
pub const PLACES: &[Place] = &[
    authority("ca", "/etc/kubernetes/pki/ca.crt", true),
    authority("etcd-ca", "/etc/kubernetes/pki/etcd/ca.crt", false),
    authority("front-proxy-ca", "/etc/kubernetes/pki/front-proxy-ca.crt", false),
    kubeadm("apiserver", "/etc/kubernetes/pki/apiserver.crt", Some(Component::ApiServer), Some(6443)),
    kubeadm(
        "apiserver-kubelet-client",
        "/etc/kubernetes/pki/apiserver-kubelet-client.crt",
        Some(Component::ApiServer),
        None,
    ),
    kubeadm("apiserver-etcd-client", "/etc/kubernetes/pki/apiserver-etcd-client.crt", Some(Component::ApiServer), None),
    kubeadm("front-proxy-client", "/etc/kubernetes/pki/front-proxy-client.crt", Some(Component::ApiServer), None),
    kubeadm("etcd-server", "/etc/kubernetes/pki/etcd/server.crt", Some(Component::Etcd), Some(2379)),
    kubeadm("etcd-peer", "/etc/kubernetes/pki/etcd/peer.crt", Some(Component::Etcd), Some(2380)),
    kubeadm("etcd-healthcheck-client", "/etc/kubernetes/pki/etcd/healthcheck-client.crt", None, None),
    kubeadm("admin.conf", "/etc/kubernetes/admin.conf", None, None),
    kubeadm("super-admin.conf", "/etc/kubernetes/super-admin.conf", None, None),
    kubeadm(
        "controller-manager.conf",
        "/etc/kubernetes/controller-manager.conf",
        Some(Component::ControllerManager),
        None,
    ),
    kubeadm("scheduler.conf", "/etc/kubernetes/scheduler.conf", Some(Component::Scheduler), None),
    memory("controller-manager", Component::ControllerManager, 10257),
    memory("scheduler", Component::Scheduler, 10259),
    kubelet("kubelet-client", "/var/lib/kubelet/pki/kubelet-client-current.pem", Keeper::KubeletClient, None),
    kubelet(
        "kubelet-server",
        "/var/lib/kubelet/pki/kubelet-server-current.pem",
        Keeper::KubeletServing,
        Some((10250, false)),
    ),
];

impl Place {
    /// Those of a host, in order.
    pub fn of(control_plane: bool) -> impl Iterator<Item = &'static Self> {
        PLACES.iter().filter(move |place| control_plane || place.everywhere)
    }

    /// The place of the authority that signs it; `None` when it signs itself.
    pub fn authority(&self) -> Option<&'static str> {
        match (self.keeper, self.name) {
            (Keeper::Process | Keeper::Nobody, _) => None,
            (_, "front-proxy-client") => Some("front-proxy-ca"),
            (_, "apiserver-etcd-client" | "etcd-server" | "etcd-peer" | "etcd-healthcheck-client") => Some("etcd-ca"),
            _ => Some("ca"),
        }
    }

    /// Whether a node may go without it.
    pub fn is_optional(&self) -> bool {
        self.name == "super-admin.conf"
    }
}
