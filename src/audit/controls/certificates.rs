//! Certificates: how long they last.

use crate::audit::control::{Check, Control, Verdict};
use crate::audit::seen::Node;
use crate::audit::seen::certificates::Seen;

/// Days that a certificate must still be good for: a month to renew it in.
const LEAF: i64 = 30;
/// Days for a CA, whose change is a project.
const CA: i64 = 365;

fn last(seen: Vec<&Seen>, least: i64) -> Verdict {
    let broken = seen.iter().filter_map(|one| one.certificate.as_ref().err().map(|why| format!("{}: {why}", one.path)));
    let mut wrong: Vec<String> = broken.collect();
    let soon = seen.iter().filter(|one| one.days().is_some_and(|days| days < least));
    wrong.extend(soon.map(|one| format!("{}: {} days", one.path, one.days().unwrap_or_default())));
    let first = seen.iter().filter_map(|one| Some((one.days()?, &one.path))).min();
    match first {
        None if wrong.is_empty() => Verdict::NotApplicable("there is no such certificate".to_owned()),
        None => Verdict::unless(&wrong, ""),
        Some((days, path)) => {
            Verdict::unless(&wrong, format!("{} of them; the first to end is {path}, in {days} days", seen.len()))
        }
    }
}

pub(super) const CONTROLS: &[Control] = &[
    Control::new(
        "FORGE-CERTIFICATES",
        "Certificates last another 30 days",
        Check::Node(|node: &Node<'_>| last(node.certificates.iter().filter(|seen| !seen.is_ca()).collect(), LEAF)),
    )
    .high()
    .how("every certificate of kubeadm, the kubelet and the kubeconfigs, by the host's clock")
    .remedy("forge certs renew INVENTORY; without forge kubeadm certs renew all, and a restart of the static pods"),
    Control::new(
        "FORGE-CA",
        "Certificate authorities last another year",
        Check::Node(|node: &Node<'_>| last(node.certificates.iter().filter(|seen| seen.is_ca()).collect(), CA)),
    )
    .high()
    .how("every CA below /etc/kubernetes/pki, by the host's clock")
    .remedy("forge certs rotate-ca INVENTORY, at a time when it suits: it reaches every kubelet, kubeconfig and pod"),
];

#[cfg(test)]
mod tests {
    use super::super::find;
    use crate::audit::judge::tests::{node, verdict};

    #[test]
    fn days_are_counted_by_the_hosts_clock() {
        let pem = std::fs::read_to_string("tests/fixtures/certificates/apiserver.pem").unwrap();
        let not_after = crate::kube::certificates::parse(&pem).unwrap()[0].not_after;
        let with = |days_before: i64, path: &str| {
            let text = format!("=== now {}\n=== {path}\n{pem}", not_after - days_before * 86_400);
            let id = if path.ends_with("ca.crt") { "FORGE-CA" } else { "FORGE-CERTIFICATES" };
            verdict(find(id).unwrap(), &node(&[("audit certificates", text.as_str())]))
        };
        assert!(with(31, "/p/apiserver.crt").starts_with("pass: 1 of them"));
        assert_eq!(with(29, "/p/apiserver.crt"), "fail: /p/apiserver.crt: 29 days");
        assert_eq!(with(-2, "/p/apiserver.crt"), "fail: /p/apiserver.crt: -2 days");
        assert!(with(300, "/p/ca.crt").starts_with("fail"));
    }
}
