//! What Kubernetes needs: kubeadm's configuration, policies, certificates.
//!
//! Everything here is a pure function of the cluster; one file per artefact. YAML comes from `templates/` only.

pub mod addons;
pub mod applied;
pub mod certificates;
pub mod csr;
pub mod differences;
pub mod encryption;
pub mod images;
pub mod kubeconfig;
pub mod merge;
pub mod paths;
pub mod pki;
pub mod release;
pub mod service_account_key;
pub mod staged;
pub mod tigera;
pub mod trouble;
pub mod user;
pub mod workload;

mod admission;
mod audit_policy;
mod audit_webhook;
mod authentication;
mod calico;
mod canary;
mod cluster_configuration;
mod containerd;
mod discovery;
mod etcd;
mod init_configuration;
mod join_configuration;
mod join_secrets;
mod kube_proxy_configuration;
mod kubelet_configuration;
mod node_registration;
mod overrides;
mod policies;
mod registry_hosts;
mod settings_record;
mod shell;
mod static_pods;
mod tls;
mod two_authorities;
mod waiting;
mod would_write;

pub use admission::admission_config;
pub use audit_policy::audit_policy;
pub use audit_webhook::audit_webhook;
pub use authentication::authentication_config;
pub use calico::{calico_felix, calico_installation};
pub use canary::{NAMESPACE, canary_namespace, canary_pod, canary_secret};
pub use containerd::{containerd_config, crictl_config};
pub use discovery::discovery_kubeconfig;
pub use etcd::ETCDCTL;
pub use init_configuration::{aside_config, init_config, phase_config};
pub use join_configuration::join_config;
pub use join_secrets::JoinSecrets;
pub use overrides::overridden_hardening;
pub use policies::{namespaces as policed_namespaces, policies};
pub use registry_hosts::registry_hosts;
pub use settings_record::{COPIES, COPY_LINE, Copy, copies, settle};
pub use static_pods::{STATIC_PODS, others_answer};
pub use two_authorities::TWO_AUTHORITIES;
pub use waiting::{WATCH, record};
pub use would_write::{COMPONENTS, KUBELET_FILES, WOULD_WRITE};

/// The port that API servers listen on, which is kubeadm's default; the endpoint may have another one in front.
pub const API_SERVER_PORT: u16 = 6443;
