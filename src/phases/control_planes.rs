//! Whether all control planes are there and well, and no others: a key may only change where every API server can follow.

use std::collections::BTreeMap;

use super::facts::{INTERRUPTED_INIT, INTERRUPTED_JOIN};
use super::preflight::Finding;
use crate::error::{Exit, Problem};
use crate::host::facts::Probe;
use crate::host::{Observed, quote};
use crate::inventory::NodeName;
use crate::inventory::cluster::Host;
use crate::kube::{API_SERVER_PORT, ETCDCTL, paths};

/// What one control plane says of itself and of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlPlane {
    /// Whether it is part of a cluster, and was not cut off while it joined.
    pub joined: bool,
    /// SHA-256 of the cluster's CA.
    pub ca: String,
    /// `ok`, or what the API server at the host's own address said instead.
    pub ready: String,
    /// Reasons why etcd's member is not well; empty when it is.
    pub etcd: String,
    /// Names of all members of etcd; the address of one that has not started.
    pub members: Vec<String>,
    /// Names of all nodes that are control planes.
    pub all: Vec<String>,
}

/// The questions.
pub fn probes(host: &Host) -> Vec<Probe> {
    let server = quote(&own_server(host));
    vec![
        Probe::quick(
            "control plane membership",
            format!("ls -d {} {INTERRUPTED_INIT} {INTERRUPTED_JOIN}", paths::KUBELET_KUBECONFIG),
        ),
        Probe::quick("control plane ca", format!("sha256sum <{}", paths::CA)),
        Probe::slow("control plane server", SERVER.replace("@SERVER@", &server)),
        Probe::slow("control plane etcd", format!("{ETCDCTL}\netcdctl endpoint health 2>&1 || true")),
        Probe::slow("control plane members", format!("{ETCDCTL}\netcdctl member list")),
    ]
}

/// The API server of a host, never the endpoint.
pub fn own_server(host: &Host) -> String {
    format!("https://{}", std::net::SocketAddr::new(host.address, API_SERVER_PORT))
}

/// Lines: `ready WORDS`, `node/NAME` for each control plane. One that is not ready is asked again for some seconds: a host that is busy
/// for a moment fails a check of its API server.
const SERVER: &str = r#"[ -e /etc/kubernetes/admin.conf ] || exit 0
ask() { kubectl --server=@SERVER@ --request-timeout=10s "$@"; }
for try in 1 2 3 4; do
ready=$(ask get --raw /readyz 2>&1 | tail -n 1)
[ "$ready" != ok ] || break
sleep "$try"
done
printf 'ready %s\n' "$ready"
ask get nodes -l node-role.kubernetes.io/control-plane -o name"#;

impl ControlPlane {
    /// Reads the answers.
    pub fn parse(seen: &Observed) -> Self {
        let server = seen.get("control plane server");
        let etcd = seen.get("control plane etcd");
        let well = etcd.lines().any(|line| line.contains("is healthy"));
        Self {
            joined: seen.get("control plane membership") == paths::KUBELET_KUBECONFIG,
            ca: seen.get("control plane ca").split_whitespace().next().unwrap_or_default().to_owned(),
            ready: ready(server.lines().find_map(|line| line.strip_prefix("ready ")).unwrap_or_default()),
            etcd: if well { String::new() } else { etcd.lines().next_back().unwrap_or("it says nothing").to_owned() },
            members: seen.get("control plane members").lines().filter_map(member).collect(),
            all: server.lines().filter_map(|line| line.strip_prefix("node/")).map(str::to_owned).collect(),
        }
    }

    /// Whether the node is one of the control planes that the API server knows.
    fn knows(&self, name: &NodeName) -> bool {
        self.all.iter().any(|known| known == name.as_str())
    }
}

/// A member's name in `ID, started, NAME, PEER, CLIENT, false`; kubeadm gives it that of its node.
fn member(line: &str) -> Option<String> {
    let mut fields = line.split(", ").skip(2);
    let (name, peer) = (fields.next()?, fields.next()?);
    Some(if name.is_empty() { peer } else { name }.to_owned())
}

/// kubectl writes what the API server said about each of its checks in one line, with `\n` between them.
fn ready(words: &str) -> String {
    let failed: Vec<&str> = words.split("\\n").filter(|check| check.starts_with("[-]")).collect();
    if failed.is_empty() { words.to_owned() } else { failed.join(", ") }
}

/// How the control planes stand towards a rotation with this journal and these stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing<Journal, Stage> {
    /// All have the same files, and no rotation has begun.
    Still,
    /// A rotation has begun.
    Begun(Box<Journal>, BTreeMap<NodeName, Stage>),
}

/// Whether a key may be touched: all control planes are well, and then nothing is wrong with the `files` of any.
///
/// # Errors
/// All reasons why it may not.
pub fn ready_for_a_key<S>(
    servers: &BTreeMap<NodeName, S>,
    of: impl Fn(&S) -> &ControlPlane,
    files: impl Fn(&NodeName, &S) -> Option<Finding>,
) -> Result<(), Vec<Finding>> {
    let mut found = findings(&servers.iter().map(|(name, server)| (name, of(server))).collect());
    if found.is_empty() {
        found.extend(servers.iter().filter_map(|(name, server)| files(name, server)));
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// A rotation that was begun and that this forge cannot finish.
pub fn cannot_go_on(forge: &str, why: &str) -> Problem {
    Problem::new(Exit::Preflight, "the rotation that was begun cannot be gone on with")
        .cause(format!("forge {forge} began it, and {why}"))
}

/// A rotation of a later forge's on one host, in a journal that this one does not understand.
pub fn not_ours(name: &NodeName, stranger: Option<&str>) -> Option<Finding> {
    let forge = stranger?;
    let what = format!("{name} is in the middle of a rotation that this forge cannot follow");
    let cause = format!("forge {forge} left its journal in another format");
    Some(fatal(name, what, cause, format!("finish it with forge {forge}")))
}

/// All reasons why no key may be touched now.
fn findings(servers: &BTreeMap<&NodeName, &ControlPlane>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = servers.iter().filter_map(|(name, server)| down(name, server)).collect();
    findings.extend(outside(servers));
    findings
}

/// A reason about one control plane.
pub fn fatal(name: &NodeName, what: String, cause: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { host: Some(name.clone()), fatal: true, what, cause: cause.into(), next: next.into() }
}

fn down(name: &NodeName, server: &ControlPlane) -> Option<Finding> {
    if !server.joined {
        let cause = format!("there is no {}, or a join was cut off", paths::KUBELET_KUBECONFIG);
        return Some(fatal(name, format!("{name} is not part of the cluster yet"), cause, "forge up INVENTORY"));
    }
    let next = format!("mend {name} first: a key may only change when every API server can load it");
    if server.ready != "ok" {
        let said = if server.ready.is_empty() { "it says nothing" } else { &server.ready };
        return Some(fatal(name, format!("the API server of {name} is not ready"), said, next));
    }
    (!server.etcd.is_empty()).then(|| fatal(name, format!("etcd of {name} is not healthy"), &*server.etcd, next))
}

/// An API server that is not in the inventory would go on with the old key. It may be there although nobody knows its node:
/// what it needs is a member of etcd, and kubeadm gives it one of its own.
fn outside(servers: &BTreeMap<&NodeName, &ControlPlane>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((first, server)) = servers.iter().next() {
        let known = |node: &&String| servers.keys().any(|name| name.as_str() == *node);
        let members = server.members.iter().filter(|member| !known(member) && !server.all.contains(member));
        findings.extend(members.map(|member| {
            Finding {
                host: None,
                fatal: true,
                what: format!("{member} is a member of etcd and not a control plane of the inventory"),
                cause: format!(
                    "etcdctl member list on {first}: an API server may run there and go on with the old key"
                ),
                next: "add it to the inventory; or reset that machine (kubeadm reset), which also takes it out of etcd"
                    .to_owned(),
            }
        }));
        let strangers = server.all.iter().filter(|node| !known(node));
        findings.extend(strangers.map(|node| Finding {
            host: None,
            fatal: true,
            what: format!("{node} is a control plane of the cluster and not of the inventory"),
            cause: format!("the API server of {first} knows it by its label node-role.kubernetes.io/control-plane"),
            next: "add it to the inventory, or remove it from the cluster".to_owned(),
        }));
        let other = servers.iter().find(|(name, other)| other.ca != server.ca || !server.knows(name));
        findings.extend(other.filter(|_| server.ready == "ok").map(|(name, _)| {
            let cause = "their CAs differ, or one API server does not know the other's node";
            fatal(
                name,
                format!("{name} is not a control plane of the cluster of {first}"),
                cause,
                "check the inventory",
            )
        }));
    }
    findings
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As it should be, one of two.
    pub(in super::super) fn well() -> ControlPlane {
        ControlPlane {
            joined: true,
            ca: "cafe".to_owned(),
            ready: "ok".to_owned(),
            etcd: String::new(),
            members: vec!["cp1".to_owned(), "cp2".to_owned()],
            all: vec!["cp1".to_owned(), "cp2".to_owned()],
        }
    }

    #[test]
    fn of_a_server_that_is_not_ready_only_what_failed_is_told() {
        let words = r#"Error from server (InternalError): an error on the server ("[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok"#;
        assert_eq!(ready(words), "[-]etcd failed: reason withheld");
        assert_eq!(ready("error: connection refused"), "error: connection refused");
    }

    #[test]
    fn a_control_plane_is_read_from_its_answers() {
        let answers = [
            ("control plane membership", "/etc/kubernetes/kubelet.conf"),
            ("control plane ca", "cafe  -"),
            ("control plane server", "ready ok\nnode/cp1\nnode/cp2"),
            ("control plane etcd", "127.0.0.1:2379 is healthy: successfully committed proposal: took = 5.1ms"),
            (
                "control plane members",
                "8e9e, started, cp1, https://192.0.2.11:2380, https://192.0.2.11:2379, false\n\
                 9f1a, started, cp2, https://192.0.2.12:2380, https://192.0.2.12:2379, false",
            ),
        ];
        let answers = answers.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
        assert_eq!(ControlPlane::parse(&Observed { answers, ..Observed::default() }), well());
    }

    #[test]
    fn no_key_is_touched_while_a_control_plane_is_missing_or_unknown() {
        let (cp1, cp2) = (NodeName::new("cp1").unwrap(), NodeName::new("cp2").unwrap());
        let found = |one: &ControlPlane, two: &ControlPlane| {
            let found = findings(&[(&cp1, one), (&cp2, two)].into());
            found.into_iter().map(|finding| finding.what).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(found(&well(), &well()), "");
        type Break = fn(&mut ControlPlane);
        let table: [(Break, &str); _] = [
            (|server| server.joined = false, "cp2 is not part of the cluster yet"),
            (|server| server.ready = String::new(), "the API server of cp2 is not ready"),
            (|server| server.ready = "[-]etcd failed".to_owned(), "the API server of cp2 is not ready"),
            (|server| server.etcd = "context deadline exceeded".to_owned(), "etcd of cp2 is not healthy"),
            (|server| server.ca = "other".to_owned(), "cp2 is not a control plane of the cluster of cp1"),
        ];
        for (change, expected) in table {
            let mut server = well();
            change(&mut server);
            assert_eq!(found(&well(), &server), expected);
        }
        let mut stranger = well();
        stranger.all.push("cp9".to_owned());
        assert_eq!(found(&stranger, &well()), "cp9 is a control plane of the cluster and not of the inventory");
        let mut forgotten = well();
        forgotten.members.push("cp4".to_owned());
        assert_eq!(found(&forgotten, &well()), "cp4 is a member of etcd and not a control plane of the inventory");
        assert_eq!(member("1a, unstarted, , https://192.0.2.14:2380, , true").unwrap(), "https://192.0.2.14:2380");
    }
}
