//! The templates inside the binary, and what each of them must make.

/// One template of `templates/`.
pub(super) struct Builtin {
    /// Path below `templates/`.
    pub(super) name: &'static str,
    /// The file's text.
    pub(super) text: &'static str,
    /// What the result has to be.
    pub(super) makes: Makes,
}

/// What is checked after rendering.
#[derive(Clone, Copy)]
pub(super) enum Makes {
    /// Kubernetes objects: exactly these `apiVersion`s and `kind`s, in this order.
    Objects(&'static [(&'static str, &'static str)]),
    /// Kubernetes objects with secrets in them: errors do not quote values.
    SecretObjects(&'static [(&'static str, &'static str)]),
    /// YAML without `apiVersion` and `kind`.
    Yaml,
    /// Anything: TOML, or a part that other templates include.
    Text,
}

macro_rules! builtin {
    ($name:literal, $makes:expr) => {
        Builtin { name: $name, text: include_str!(concat!("../../templates/", $name)), makes: $makes }
    };
}

const KUBEADM: &str = "kubeadm.k8s.io/v1beta4";
const API_SERVER: &str = "apiserver.config.k8s.io/v1";
const NETWORK_POLICY: &str = "networking.k8s.io/v1";
const ADMISSION_POLICY: &[(&str, &str)] = &[
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"),
];

/// Every file of `templates/`; a test compares it with the folder.
pub(super) const BUILTIN: &[Builtin] = &[
    builtin!("addons/falco-rules.yaml.tera", Makes::Yaml),
    builtin!("addons/falco.yaml.tera", Makes::Yaml),
    builtin!("addons/kubelet-csr-approver.yaml.tera", Makes::Yaml),
    builtin!("addons/metrics-server.yaml.tera", Makes::Yaml),
    builtin!("addons/namespace.yaml.tera", Makes::Objects(&[("v1", "Namespace")])),
    builtin!("apiserver/admission.yaml.tera", Makes::Objects(&[(API_SERVER, "AdmissionConfiguration")])),
    builtin!("apiserver/audit-policy.yaml.tera", Makes::Objects(&[("audit.k8s.io/v1", "Policy")])),
    builtin!("apiserver/authentication.yaml.tera", Makes::Objects(&[(API_SERVER, "AuthenticationConfiguration")])),
    builtin!("apiserver/encryption.yaml.tera", Makes::SecretObjects(&[(API_SERVER, "EncryptionConfiguration")])),
    builtin!("calico/default-deny.yaml.tera", Makes::Objects(&[("crd.projectcalico.org/v1", "GlobalNetworkPolicy")])),
    builtin!("audit/pods.yaml.tera", Makes::Objects(&[("v1", "Pod"), ("v1", "Pod"), ("v1", "Pod")])),
    builtin!("audit/report.html.tera", Makes::Text),
    builtin!("calico/felix.yaml.tera", Makes::Objects(&[("crd.projectcalico.org/v1", "FelixConfiguration")])),
    builtin!("calico/installation.yaml.tera", Makes::Objects(&[("operator.tigera.io/v1", "Installation")])),
    builtin!("containerd/config.toml.tera", Makes::Text),
    builtin!("containerd/crictl.yaml.tera", Makes::Yaml),
    builtin!("containerd/hosts.toml.tera", Makes::Text),
    builtin!("host/firewall.nft.tera", Makes::Text),
    builtin!("kubeadm/_node-registration.yaml.tera", Makes::Text),
    builtin!("kubeadm/cluster-configuration.yaml.tera", Makes::Objects(&[(KUBEADM, "ClusterConfiguration")])),
    builtin!("kubeadm/discovery.yaml.tera", Makes::SecretObjects(&[("v1", "Config")])),
    builtin!("kubeadm/init-configuration.yaml.tera", Makes::SecretObjects(&[(KUBEADM, "InitConfiguration")])),
    builtin!("kubeadm/join-configuration.yaml.tera", Makes::SecretObjects(&[(KUBEADM, "JoinConfiguration")])),
    builtin!(
        "kubeadm/kube-proxy-configuration.yaml.tera",
        Makes::Objects(&[("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration")])
    ),
    builtin!(
        "kubeadm/kubelet-configuration.yaml.tera",
        Makes::Objects(&[("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration")])
    ),
    builtin!("policies/_images.yaml.tera", Makes::Text),
    builtin!("policies/default-deny.yaml.tera", Makes::Objects(&[(NETWORK_POLICY, "NetworkPolicy"); 2])),
    builtin!("policies/image-registries.yaml.tera", Makes::Objects(ADMISSION_POLICY)),
    builtin!("policies/image-tags.yaml.tera", Makes::Objects(ADMISSION_POLICY)),
    builtin!("policies/service-account.yaml.tera", Makes::Objects(&[("v1", "ServiceAccount")])),
    builtin!("users/request.yaml.tera", Makes::Objects(&[("certificates.k8s.io/v1", "CertificateSigningRequest")])),
    builtin!(
        "verify/canary.yaml.tera",
        Makes::SecretObjects(&[("v1", "Secret"), ("v1", "ServiceAccount"), ("v1", "ConfigMap")])
    ),
    builtin!("verify/namespace.yaml.tera", Makes::Objects(&[("v1", "Namespace")])),
    builtin!("verify/pod.yaml.tera", Makes::Objects(&[("v1", "Pod")])),
];

/// The entry of that name.
pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTIN.iter().find(|builtin| builtin.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_holds_exactly_the_files_of_the_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let files: BTreeSet<String> = crate::render::folder::files_below(&root)
            .unwrap()
            .into_iter()
            .filter(|name| name.ends_with(".tera"))
            .collect();
        let table: BTreeSet<String> = BUILTIN.iter().map(|builtin| builtin.name.to_owned()).collect();
        assert_eq!(files, table);
    }
}
