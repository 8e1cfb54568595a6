//! What each control plane says of its encryption configuration: the file, the journal, and what its API server has loaded.

use super::super::facts::{INTERRUPTED_INIT, INTERRUPTED_JOIN};
use crate::host::facts::Probe;
use crate::host::resource::{Content, File};
use crate::host::{Observed, Resource as _, quote};
use crate::inventory::NodeName;
use crate::inventory::cluster::Host;
use crate::kube::encryption::rotation::Journal;
use crate::kube::{API_SERVER_PORT, ETCDCTL, paths};

/// One control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Whether it is part of a cluster, and was not cut off while it joined.
    pub joined: bool,
    /// SHA-256 of the cluster's CA.
    pub ca: String,
    /// `600 root:root`; empty without a file.
    pub mode: String,
    /// SHA-256 of the file.
    pub sum: String,
    /// A journal that can be read.
    pub journal: Option<Journal>,
    /// `ok`, or what the API server at the host's own address said instead.
    pub ready: String,
    /// Reasons why etcd's member is not well; empty when it is.
    pub etcd: String,
    /// SHA-256 of the file that the API server has loaded; empty when it does not tell.
    pub loaded: String,
    /// Names of all nodes that are control planes.
    pub control_planes: Vec<String>,
}

fn file() -> File {
    File::secret(paths::ENCRYPTION, Content::Absent)
}

/// The questions.
pub fn probes(host: &Host) -> Vec<Probe> {
    let address = std::net::SocketAddr::new(host.address, API_SERVER_PORT);
    let server = quote(&format!("https://{address}"));
    vec![
        Probe::quick(file().id(), file().probe()),
        Probe::quick("rotation journal", format!("cat {}", paths::ROTATION)),
        Probe::quick(
            "rotation membership",
            format!("ls -d {} {INTERRUPTED_INIT} {INTERRUPTED_JOIN}", paths::KUBELET_KUBECONFIG),
        ),
        Probe::quick("rotation ca", format!("sha256sum <{}", paths::CA)),
        Probe::slow("rotation server", SERVER.replace("@SERVER@", &server)),
        Probe::slow("rotation etcd", format!("{ETCDCTL}\netcdctl endpoint health 2>&1 || true")),
    ]
}

/// Lines: `ready WORDS`, the metrics as they are, `node/NAME` for each control plane.
const SERVER: &str = r#"[ -e /etc/kubernetes/admin.conf ] || exit 0
ask() { kubectl --server=@SERVER@ --request-timeout=10s "$@"; }
printf 'ready %s\n' "$(ask get --raw /readyz 2>&1 | tail -n 1)"
ask get --raw /metrics | grep '^apiserver_encryption_config_controller_last_config_info{'
ask get nodes -l node-role.kubernetes.io/control-plane -o name"#;

impl Server {
    /// Reads the answers.
    pub fn parse(seen: &Observed) -> Self {
        let mut file = seen.get(&file().id()).lines();
        let first = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
        let server = seen.get("rotation server");
        let etcd = seen.get("rotation etcd");
        let well = etcd.lines().any(|line| line.contains("is healthy"));
        Self {
            joined: seen.get("rotation membership") == paths::KUBELET_KUBECONFIG,
            ca: first(seen.get("rotation ca")),
            mode: file.next().unwrap_or_default().to_owned(),
            sum: first(file.next().unwrap_or_default()),
            journal: serde_json::from_str(seen.get("rotation journal")).ok(),
            ready: ready(server.lines().find_map(|line| line.strip_prefix("ready ")).unwrap_or_default()),
            etcd: if well { String::new() } else { etcd.lines().next_back().unwrap_or("it says nothing").to_owned() },
            loaded: server.lines().find_map(loaded).unwrap_or_default().to_owned(),
            control_planes: server.lines().filter_map(|line| line.strip_prefix("node/")).map(str::to_owned).collect(),
        }
    }

    /// Whether the node is one of the control planes that the API server knows.
    pub(super) fn knows(&self, name: &NodeName) -> bool {
        self.control_planes.iter().any(|known| known == name.as_str())
    }
}

/// kubectl writes what the API server said about each of its checks in one line, with `\n` between them.
fn ready(words: &str) -> String {
    let failed: Vec<&str> = words.split("\\n").filter(|check| check.starts_with("[-]")).collect();
    if failed.is_empty() { words.to_owned() } else { failed.join(", ") }
}

/// The sum in `apiserver_encryption_config_controller_last_config_info{apiserver_id_hash="…",hash="sha256:SUM"} 1`: the API
/// server's own word for what it has loaded, set when it starts and after each reload (Kubernetes 1.34 and later).
fn loaded(line: &str) -> Option<&str> {
    line.split_once(",hash=\"sha256:")?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_server_that_is_not_ready_only_what_failed_is_told() {
        let words = r#"Error from server (InternalError): an error on the server ("[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok"#;
        assert_eq!(ready(words), "[-]etcd failed: reason withheld");
        assert_eq!(ready("error: connection refused"), "error: connection refused");
    }

    #[test]
    fn a_control_plane_is_read_from_its_answers() {
        let answers = [
            ("file /etc/kubernetes/forge/encryption/config.yaml", "600 root:root\nabc  -"),
            ("rotation journal", ""),
            ("rotation membership", "/etc/kubernetes/kubelet.conf"),
            ("rotation ca", "cafe  -"),
            (
                "rotation server",
                "ready ok\napiserver_encryption_config_controller_last_config_info{apiserver_id_hash=\"sha256:1\",hash=\"sha256:abc\"} 1\n\
                 node/cp1\nnode/cp2",
            ),
            ("rotation etcd", "127.0.0.1:2379 is healthy: successfully committed proposal: took = 5.1ms"),
        ];
        let answers = answers.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
        let server = Server::parse(&Observed { answers, ..Observed::default() });
        assert_eq!(
            server,
            Server {
                joined: true,
                ca: "cafe".to_owned(),
                mode: "600 root:root".to_owned(),
                sum: "abc".to_owned(),
                journal: None,
                ready: "ok".to_owned(),
                etcd: String::new(),
                loaded: "abc".to_owned(),
                control_planes: vec!["cp1".to_owned(), "cp2".to_owned()],
            }
        );
    }
}
