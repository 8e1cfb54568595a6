//! What each control plane says of its signing key: the files, the journal, what its API server and controller manager have
//! read; and what one of them says of those who have tokens.

use super::super::certificates;
use super::super::control_planes::{self, ControlPlane, own_server};
use super::super::tokens::seconds;
use crate::host::facts::Probe;
use crate::host::resource::{Content, File, text_of};
use crate::host::{Observed, Resource as _, quote};
use crate::inventory::cluster::Host;
use crate::kube::service_account_key::rotation::Journal;
use crate::kube::service_account_key::{Pod, published, signed_by};
use crate::kube::{paths, staged};

/// One control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// How it is otherwise.
    pub control_plane: ControlPlane,
    /// `600 root:root`: of `sa.key`; empty without it.
    pub mode: String,
    /// SHA-256 of `sa.key`.
    pub key: String,
    /// SHA-256 of the key that will sign, while a rotation keeps it beside.
    pub next_key: String,
    /// `sa.pub`.
    pub public: String,
    /// A journal that can be read.
    pub journal: Option<Journal>,
    /// The version of the forge that left a journal which cannot.
    pub stranger: Option<String>,
    /// The ids of the keys that its API server verifies with, sorted.
    pub verifies: Vec<String>,
    /// The id of the key that its API server signs with; empty when it signed nothing.
    pub signs: String,
    /// Whether its controller manager, which signs too, is older than `sa.key`.
    pub stale_manager: bool,
    /// Whether its API server makes a year of the hour that a pod's token is good for.
    pub extends: bool,
    /// kubeadm's version, `1.36.5`.
    pub version: String,
}

/// Those who have tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Pods with tokens that have not ended.
    pub pods: Vec<Pod>,
    /// Tokens in secrets: `NAMESPACE/NAME`, and the id of the key that signed it.
    pub lasting: Vec<(String, String)>,
}

fn key() -> File {
    File::secret(paths::SA_KEY, Content::Absent)
}

fn next_key() -> File {
    File::secret(paths::SA_NEXT_KEY, Content::Absent)
}

fn public() -> File {
    File::text(paths::SA_PUB, "")
}

/// The questions; one of the control planes is asked who has tokens.
pub fn probes(host: &Host, tells_users: bool) -> Vec<Probe> {
    let server = quote(&own_server(host));
    let processes = certificates::processes();
    let mut probes = control_planes::probes(host);
    probes.extend([
        Probe::quick(key().id(), key().probe()),
        Probe::quick(next_key().id(), next_key().probe()),
        Probe::quick(public().id(), public().probe()),
        Probe::quick("sa-key journal", format!("cat {}", paths::SA_ROTATION)),
        Probe::quick("sa-key kubeadm", "kubeadm version -o short"),
        Probe::quick("sa-key written", format!("stat -c %.3Y {}", paths::SA_KEY)),
        Probe::quick("sa-key processes", processes),
        Probe::quick(
            "sa-key extends",
            format!(
                "grep -q -e '--service-account-extend-token-expiration=false' {}/kube-apiserver.yaml || echo extends",
                paths::MANIFESTS
            ),
        ),
        Probe::slow("sa-key read", format!("{}\nread_keys {server}", READ_KEYS)),
    ]);
    if tells_users {
        probes.push(Probe::slow("sa-key users", USERS.replace("@SERVER@", &server)));
    }
    probes
}

/// Shell that defines `read_keys SERVER`, which prints `jwks JSON` and `header WORD`: the keys that this API server verifies with,
/// and the first part of a token that it signs, which is no secret.
pub(super) const READ_KEYS: &str = r#"read_keys() {
printf 'jwks %s\n' "$(kubectl --server="$1" --request-timeout=10s get --raw /openid/v1/jwks)"
printf 'header %s\n' "$(kubectl --server="$1" --request-timeout=10s create token default -n kube-system --duration=10m | cut -d. -f1)"
}"#;

/// What [`READ_KEYS`] printed.
pub(super) fn read_keys(said: &str) -> (Vec<String>, String) {
    let line = |key: &str| said.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    (published(line("jwks ")), signed_by(line("header ")))
}

/// Lines: `pod NAME MADE LIVES`, `lasting NAME HEADER` separated by tabs, and `answered` when both lists are whole. Of a token
/// in a secret only its first part is printed, and no token is on a command line: `printf` belongs to the shell.
const USERS: &str = r#"[ -e /etc/kubernetes/admin.conf ] || exit 0
ask() { kubectl --server=@SERVER@ --request-timeout=30s get "$@"; }
set -e
ask pods -A --field-selector 'status.phase!=Succeeded,status.phase!=Failed' -o 'jsonpath={range .items[*]}pod{"\t"}{.metadata.namespace}/{.metadata.name}{"\t"}{.metadata.creationTimestamp}{"\t"}{.spec.volumes[*].projected.sources[*].serviceAccountToken.expirationSeconds}{"\n"}{end}'
umask 077
ask secrets -A --field-selector type=kubernetes.io/service-account-token -o 'jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {.data.token}{"\n"}{end}' >"$FORGE/sa-key-lasting"
while read -r name token; do
printf 'lasting\t%s\t%s\n' "$name" "$(printf '%s' "$token" | base64 -d | cut -d. -f1)"
done <"$FORGE/sa-key-lasting"
rm "$FORGE/sa-key-lasting"
echo answered"#;

impl Server {
    /// Reads the answers.
    pub fn parse(seen: &Observed) -> Self {
        let sum = |file: File| {
            let line = seen.get(&file.id()).lines().nth(1).unwrap_or_default();
            line.split_whitespace().next().unwrap_or_default().to_owned()
        };
        let (verifies, signs) = read_keys(seen.get("sa-key read"));
        let written: f64 = seen.get("sa-key written").parse().unwrap_or(f64::MAX);
        let manager =
            seen.get("sa-key processes").lines().find_map(|line| line.strip_prefix("kube-controller-manager "));
        let started: Option<f64> = manager.and_then(|started| started.parse().ok());
        Self {
            control_plane: ControlPlane::parse(seen),
            mode: seen.get(&key().id()).lines().next().unwrap_or_default().to_owned(),
            key: sum(key()),
            next_key: sum(next_key()),
            public: text_of(seen.get(&public().id())),
            journal: staged::journal(seen.get("sa-key journal")),
            stranger: staged::stranger(seen.get("sa-key journal")),
            verifies,
            signs,
            stale_manager: started.is_none_or(|started| started <= written),
            extends: !seen.get("sa-key extends").is_empty(),
            version: seen.get("sa-key kubeadm").trim_start_matches('v').to_owned(),
        }
    }
}

/// What the control plane that was asked said of those who have tokens; `None` when it did not say everything.
pub fn users<'a>(mut seen: impl Iterator<Item = &'a Observed>) -> Option<Users> {
    read_users(seen.find_map(|seen| seen.answers.get("sa-key users"))?)
}

fn read_users(text: &str) -> Option<Users> {
    let mut users = Users::default();
    let mut lines = text.lines().rev();
    if lines.next() != Some("answered") {
        return None;
    }
    for line in lines {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["pod", name, made, lives] => {
                let lives: Vec<i64> = lives.split_whitespace().filter_map(|life| life.parse().ok()).collect();
                if !lives.is_empty() {
                    users.pods.push(Pod { name: name.to_owned(), made: seconds(made)?, lives });
                }
            }
            ["lasting", name, header] => users.lasting.push((name.to_owned(), signed_by(header))),
            _ => return None,
        }
    }
    Some(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9sZCJ9";

    #[test]
    fn a_control_plane_is_read_from_its_answers() {
        let read = format!("jwks {{\"keys\":[{{\"kid\":\"old\"}},{{\"kid\":\"new\"}}]}}\nheader {HEADER}");
        let answers = [
            ("file /etc/kubernetes/pki/sa.key", "600 root:root\nabc  -"),
            ("file /etc/kubernetes/pki/sa.pub", "600 root:root\nUFVCTElD"),
            ("sa-key kubeadm", "v1.36.5"),
            ("sa-key written", "1795567800.250"),
            ("sa-key processes", "etcd 1795567000.120\nkube-controller-manager 1795567900.000"),
            ("sa-key extends", ""),
            ("sa-key read", &read),
        ];
        let answers = answers.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
        let server = Server::parse(&Observed { answers, ..Observed::default() });
        assert_eq!((&*server.mode, &*server.key, &*server.public), ("600 root:root", "abc", "PUBLIC"));
        assert_eq!((server.verifies, &*server.signs), (vec!["new".to_owned(), "old".to_owned()], "old"));
        assert_eq!((server.stale_manager, server.extends, &*server.version), (false, false, "1.36.5"));
        assert!(Server::parse(&Observed::default()).stale_manager, "one that does not run has read nothing");
    }

    #[test]
    fn those_who_have_tokens_are_known_only_when_all_of_them_were_listed() {
        let said = format!(
            "pod\tkube-system/etcd-cp1\t2026-11-25T00:52:26Z\t\n\
             pod\tshop/web\t1970-01-02T00:00:01Z\t3607 600\nlasting\tci/deployer\t{HEADER}\n"
        );
        assert_eq!(read_users(&said), None);
        let users = read_users(&format!("{said}answered")).unwrap();
        assert_eq!(users.pods, [Pod { name: "shop/web".to_owned(), made: 86_401, lives: vec![3607, 600] }]);
        assert_eq!(users.lasting, [("ci/deployer".to_owned(), "old".to_owned())]);
        assert_eq!(read_users("answered"), Some(Users::default()));
    }
}
