//! Every path on a host that forge and Kubernetes agree on.

/// kubeadm's folder.
pub const KUBERNETES: &str = "/etc/kubernetes";
/// Static pods of the control plane.
pub const MANIFESTS: &str = "/etc/kubernetes/manifests";
/// Certificates and keys.
pub const PKI: &str = "/etc/kubernetes/pki";
/// No certificates are kept here, on any host.
pub const NO_PKI: &str = "/var/lib/forge/no-pki";
/// The cluster's CA.
pub const CA: &str = "/etc/kubernetes/pki/ca.crt";
/// The key that signs service accounts' tokens.
pub const SA_KEY: &str = "/etc/kubernetes/pki/sa.key";
/// The public keys that their tokens are verified with.
pub const SA_PUB: &str = "/etc/kubernetes/pki/sa.pub";
/// The key that will sign them; on every control plane while it only verifies.
pub const SA_NEXT_KEY: &str = "/etc/kubernetes/pki/sa-next.key";
/// The one certificate that the controller manager signs with, while [`CA`] holds two.
pub const CA_SIGNER: &str = "/etc/kubernetes/pki/ca-signer.crt";
/// The administrator's kubeconfig.
pub const ADMIN_KUBECONFIG: &str = "/etc/kubernetes/admin.conf";
/// Break-glass kubeconfig past RBAC, only where `kubeadm init` ran.
pub const SUPER_ADMIN_KUBECONFIG: &str = "/etc/kubernetes/super-admin.conf";
/// The kubelet's kubeconfig; it exists once the host has joined.
pub const KUBELET_KUBECONFIG: &str = "/etc/kubernetes/kubelet.conf";

/// What forge writes for the API server; mounted into its pod as a folder.
pub const FORGE: &str = "/etc/kubernetes/forge";
/// `AuthenticationConfiguration`.
pub const AUTHENTICATION: &str = "/etc/kubernetes/forge/authentication.yaml";
/// `AdmissionConfiguration`.
pub const ADMISSION: &str = "/etc/kubernetes/forge/admission.yaml";
/// The audit policy.
pub const AUDIT_POLICY: &str = "/etc/kubernetes/forge/audit-policy.yaml";
/// Folder of the encryption configuration.
pub const ENCRYPTION_FOLDER: &str = "/etc/kubernetes/forge/encryption";
/// The kubeconfig of the backend that gets the audit events.
pub const AUDIT_WEBHOOK: &str = "/etc/kubernetes/forge/audit-webhook.conf";
/// `EncryptionConfiguration`.
pub const ENCRYPTION: &str = "/etc/kubernetes/forge/encryption/config.yaml";
/// kubeadm's configuration, only while `init` or `join` runs: it holds the token.
pub const KUBEADM_CONFIG: &str = "/etc/kubernetes/forge/kubeadm.yaml";
/// The discovery kubeconfig, only while `join` runs.
pub const DISCOVERY: &str = "/etc/kubernetes/forge/discovery.conf";

/// Manifests of static pods that are taken away for a moment. It lies where the kubelet's own folder of them does, because a
/// file is only moved in one piece within one file system, and `/var` often is another one.
pub const ASIDE: &str = "/etc/kubernetes/forge/manifests";

/// What forge keeps on a host.
pub const STATE: &str = "/var/lib/forge";
/// Where a rotation of the encryption key stands; on every control plane while it lasts.
pub const ROTATION: &str = "/var/lib/forge/rotation.json";
/// Where a rotation of the service accounts' signing key stands; on every control plane while it lasts.
pub const SA_ROTATION: &str = "/var/lib/forge/sa-key-rotation.json";

/// Folder of the audit log.
pub const AUDIT_FOLDER: &str = "/var/log/kubernetes/audit";
/// The new authorities and the journal of their rotation; on every control plane while it lasts.
pub const AUTHORITIES: &str = "/var/lib/forge/authorities";

/// The audit log.
pub const AUDIT_LOG: &str = "/var/log/kubernetes/audit/audit.log";
/// etcd's data.
pub const ETCD: &str = "/var/lib/etcd";
/// The kubelet's data.
pub const KUBELET: &str = "/var/lib/kubelet";
/// The kubelet's configuration as kubeadm wrote it.
pub const KUBELET_CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// What a host adds to the kubelet's configuration.
pub const KUBELET_INSTANCE_CONFIG: &str = "/var/lib/kubelet/instance-config.yaml";
/// The kubelet's flags.
pub const KUBELET_FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";
/// Network configuration.
pub const CNI: &str = "/etc/cni/net.d";

/// containerd's configuration.
pub const CONTAINERD_CONFIG: &str = "/etc/containerd/config.toml";
/// The user's own containerd settings, imported by ours.
pub const CONTAINERD_DROP_INS: &str = "/etc/containerd/conf.d";
/// One folder per registry, see [`registry_hosts`].
pub const CONTAINERD_REGISTRIES: &str = "/etc/containerd/certs.d";
/// crictl's configuration.
pub const CRICTL_CONFIG: &str = "/etc/crictl.yaml";
/// containerd's socket as Kubernetes writes it.
pub const CRI_SOCKET: &str = "unix:///run/containerd/containerd.sock";

/// Where containerd looks for the mirrors of `registry`.
pub fn registry_hosts(registry: &str) -> String {
    format!("{CONTAINERD_REGISTRIES}/{registry}/hosts.toml")
}
