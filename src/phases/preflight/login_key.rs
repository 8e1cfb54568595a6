//! The key that forge logs in with stays good: the inventory's own settings of sshd must not refuse its type.

use super::finding::Finding;
use super::seen::Seen;
use crate::inventory::Cluster;

/// The setting, and what it was called before OpenSSH 8.5.
const KEYWORDS: [&str; 2] = ["PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes"];

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    let sshd = &cluster.security.host.sshd;
    let setting = sshd.settings.iter().find_map(|(keyword, value)| {
        let known = KEYWORDS.iter().any(|known| known.eq_ignore_ascii_case(keyword));
        Some((keyword, value.as_deref()?)).filter(|_| known && sshd.enabled)
    });
    let Some((keyword, value)) = setting else { return Vec::new() };
    let refused = hosts.iter().filter(|seen| !accepts(value, &seen.observed.login_key));
    refused
        .map(|seen| {
            let (name, key) = (&seen.host.name, &seen.observed.login_key);
            let what = format!("security.sshd.settings.{keyword} would shut forge out of {name}");
            let next = format!("add {}, or log in with a key of another type", names(key).join(" or "));
            Finding::fatal(seen.host, what, next).cause(format!("forge logs in to {name} with a key of the type {key}"))
        })
        .collect()
}

/// What signatures of a key type are called: an RSA key's by their hash.
fn names(key: &str) -> Vec<&str> {
    if key == "ssh-rsa" { vec!["rsa-sha2-512", "rsa-sha2-256"] } else { vec![key] }
}

/// Whether a list lets a key in, as far as words tell: patterns are left to sshd and the second login.
fn accepts(list: &str, key: &str) -> bool {
    let named = |list: &str| list.split(',').any(|word| names(key).contains(&word.trim()));
    match list.chars().next() {
        _ if key.is_empty() || list.contains(['*', '?']) => true,
        Some('+' | '^') => true,
        Some('-') => !named(&list[1..]),
        _ => named(list),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_accepts_the_keys_that_it_names() {
        let ed25519 = "ssh-ed25519";
        for list in ["ssh-ed25519", "rsa-sha2-512,ssh-ed25519", "+ssh-rsa", "^ssh-rsa", "-ssh-rsa", "ssh-*"] {
            assert!(accepts(list, ed25519), "{list}");
        }
        for list in ["ecdsa-sha2-nistp256", "-ssh-ed25519", "sk-ssh-ed25519@openssh.com"] {
            assert!(!accepts(list, ed25519), "{list}");
        }
        assert!(accepts("rsa-sha2-256", "ssh-rsa") && !accepts("ssh-ed25519", "ssh-rsa"));
        assert!(accepts("ecdsa-sha2-nistp256", ""), "nobody told which key it was");
    }
}
