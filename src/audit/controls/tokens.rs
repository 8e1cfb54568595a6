//! Tokens and credentials that nobody needs any more.

use super::secrets::no_api;
use crate::audit::control::{Check, Control, Verdict, nsa};
use crate::audit::seen::api::Api;
use crate::audit::seen::files::Purpose;
use crate::audit::seen::{Node, Whole};

fn of(whole: &Whole<'_>, judge: impl Fn(&Api) -> Verdict) -> Verdict {
    whole.api.as_ref().map_or_else(no_api, |(_, api)| judge(api))
}

fn super_admin(node: &Node<'_>) -> Verdict {
    if node.files.is_empty() {
        return Verdict::NotChecked("no file was seen".to_owned());
    }
    let there =
        node.files.iter().any(|file| file.purpose == Purpose::Kubeconfig && file.path.ends_with("/super-admin.conf"));
    Verdict::of(
        !there,
        if there { "/etc/kubernetes/super-admin.conf is there" } else { "there is no super-admin.conf" },
    )
}

fn requests(whole: &Whole<'_>) -> Verdict {
    of(whole, |api| {
        let open = api.all("CertificateSigningRequest").filter(|request| request.get("conditions").is_empty());
        let open: Vec<String> =
            open.map(|request| format!("{} for {}", request.get("name"), request.get("signer"))).collect();
        Verdict::unless(&open, "no request waits")
    })
}

pub(super) const CONTROLS: &[Control] = &[
    Control::new("CIS-5.1.7", "No kubeconfig that passes by all roles lies on a control plane", Check::ControlPlane(super_admin))
        .high()
        .unscored()
        .how("super-admin.conf, which is in group system:masters")
        .remedy("rm /etc/kubernetes/super-admin.conf; kubeadm init phase kubeconfig super-admin makes it anew when it is needed"),
    Control::new("FORGE-BOOTSTRAP-TOKENS", "No token for joining is left", Check::Cluster(|whole| {
        of(whole, |api| Verdict::unless(&api.bootstrap_tokens, "there is none"))
    }))
    .high()
    .how("secrets of type bootstrap.kubernetes.io/token; their values stay where they are")
    .remedy("kubeadm token delete; forge up INVENTORY deletes its own")
    .also(&[nsa::ACCESS]),
    Control::new("FORGE-UPLOADED-CERTIFICATES", "The control plane's uploaded certificates are deleted", Check::Cluster(|whole| {
        of(whole, |api| Verdict::of(!api.uploaded_certificates, if api.uploaded_certificates { "kube-system/kubeadm-certs is there" } else { "there are none" }))
    }))
    .how("whether the secret is there"),
    Control::new("FORGE-ETERNAL-TOKENS", "No service-account token lives for ever", Check::Cluster(|whole| {
        of(whole, |api| Verdict::unless(&api.eternal_tokens, "there is none"))
    }))
    .how("secrets of type kubernetes.io/service-account-token")
    .remedy("give the program a projected token, which is renewed, and delete the secret")
    .also(&[nsa::ACCESS]),
    Control::new("FORGE-REQUESTS", "No certificate request waits for an answer", Check::Cluster(requests))
        .how("certificate signing requests without a condition")
        .remedy("forge up INVENTORY approves kubelets' requests that are right; look at any other, then kubectl certificate approve or deny"),
];
