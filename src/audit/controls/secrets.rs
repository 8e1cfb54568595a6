//! Secrets at rest, looked at in etcd's own bytes.

use crate::audit::control::{Check, Control, Verdict, some};
use crate::audit::seen::api::{PLAINTEXT, Stored};
use crate::audit::seen::{Node, Whole};

/// Every secret begins with the prefix of the key that encrypts now.
fn ciphertext(whole: &Whole<'_>) -> Verdict {
    let Some((_, api)) = &whole.api else { return no_api() };
    let Some(stored) = &api.in_etcd else { return Verdict::NotChecked("etcd was not read".to_owned()) };
    let group = whole.control_planes().find_map(|node| node.documents.encryption.as_ref()?.0.of_secrets()?.prefix());
    match group {
        Some(prefix) => judge(stored, &prefix),
        None => Verdict::Fail(format!("the API servers write plaintext; {}", words(stored))),
    }
}

fn judge(stored: &Stored, prefix: &str) -> Verdict {
    let total: usize = stored.by_prefix.values().sum();
    // KMS writes what comes after the name itself.
    let good = |found: &str| found == prefix;
    let other: Vec<String> = stored
        .examples
        .iter()
        .filter(|(found, _)| !good(found))
        .map(|(found, key)| format!("{} ({found})", key.trim_start_matches("/registry/secrets/")))
        .collect();
    let count: usize = stored.by_prefix.iter().filter(|(found, _)| !good(found)).map(|(_, count)| count).sum();
    if total == 0 {
        return Verdict::Pass("there is no secret".to_owned());
    }
    if count == 0 {
        return Verdict::Pass(format!("all {total} secrets begin with {prefix}"));
    }
    Verdict::Fail(format!("{count} of {total} secrets do not begin with {prefix}: {}", some(&other)))
}

fn words(stored: &Stored) -> String {
    let words: Vec<String> = stored.by_prefix.iter().map(|(prefix, count)| format!("{count} × {prefix}")).collect();
    words.join(", ").replace(PLAINTEXT, "no prefix")
}

pub(super) fn no_api() -> Verdict {
    Verdict::NotChecked("no API server answered".to_owned())
}

fn same(whole: &Whole<'_>) -> Verdict {
    let sums = whole.control_planes().map(|node| {
        let sum = node.documents.encryption.as_ref().map_or("none", |(_, sum)| &sum[..sum.len().min(12)]);
        (node.host.name.to_string(), sum.to_owned())
    });
    let sums: Vec<(String, String)> = sums.collect();
    let Some((_, first)) = sums.first() else { return Verdict::NotChecked("no control plane answered".to_owned()) };
    if sums.iter().all(|(_, sum)| sum == "none") {
        return Verdict::NotApplicable("no encryption configuration could be read: see CIS-1.2.27".to_owned());
    }
    let words: Vec<String> = sums.iter().map(|(name, sum)| format!("{name}: {sum}")).collect();
    Verdict::of(sums.iter().all(|(_, sum)| sum == first), some(&words))
}

fn loaded(node: &Node<'_>) -> Verdict {
    let Some((_, sum)) = &node.documents.encryption else {
        return Verdict::NotApplicable("no encryption configuration could be read".to_owned());
    };
    let loaded = &node.proofs.loaded_encryption;
    if loaded.is_empty() {
        return Verdict::NotChecked(
            "the API server does not tell what it has loaded; before Kubernetes 1.34 none does".to_owned(),
        );
    }
    let short = |sum: &str| sum.chars().take(12).collect::<String>();
    Verdict::of(sum == loaded, format!("file {}, loaded {}", short(sum), short(loaded)))
}

pub(super) const CONTROLS: &[Control] = &[
    Control::new(
        "FORGE-ETCD-CIPHERTEXT",
        "Every secret is ciphertext of the present key in etcd's bytes",
        Check::Cluster(ciphertext),
    )
    .high()
    .how("etcdctl pages through all secrets; on the host all but the encryption prefix is cut off")
    .remedy("write what is named anew: kubectl get secrets -A -o json | kubectl replace -f -"),
    Control::new(
        "FORGE-ENCRYPTION-SAME",
        "All control planes have the same encryption configuration",
        Check::Cluster(same),
    )
    .high()
    .how("SHA-256 of the file on each control plane")
    .remedy("finish the rotation that was begun, or copy the file of the API server that reads all secrets"),
    Control::new(
        "FORGE-ENCRYPTION-LOADED",
        "The API server has loaded the encryption configuration that lies there",
        Check::ControlPlane(loaded),
    )
    .high()
    .how("the hash in each API server's own metrics against the file's")
    .remedy("wait a minute for the automatic reload, or restart the API server; its log says why a file was refused"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_straggler_fails_and_is_named() {
        let secretbox = "k8s:enc:secretbox:v1:b:";
        let mut stored = Stored {
            by_prefix: [(secretbox.to_owned(), 40)].into(),
            examples: vec![(secretbox.into(), "/registry/secrets/a/b".into())],
        };
        assert_eq!(
            judge(&stored, secretbox),
            Verdict::Pass("all 40 secrets begin with k8s:enc:secretbox:v1:b:".into())
        );
        stored.by_prefix.insert(PLAINTEXT.into(), 1);
        stored.examples.push((PLAINTEXT.into(), "/registry/secrets/web/db".into()));
        assert_eq!(
            judge(&stored, secretbox),
            Verdict::Fail("1 of 41 secrets do not begin with k8s:enc:secretbox:v1:b:: web/db (plaintext)".into())
        );
    }
}
