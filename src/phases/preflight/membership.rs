//! To which cluster a host belongs: to this one, to none, or to another, whole or in pieces.

use super::finding::Finding;
use super::seen::Seen;
use crate::host::facts::{Observed, Probe};
use crate::inventory::Cluster;

const KEY: &str = "preflight membership";

/// What a host says about the cluster it is part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Membership {
    /// It has a kubelet.conf.
    pub(super) joined: bool,
    /// `kubeadm init` or `join` was cut off in a run of ours; what lies about is ours.
    pub(super) interrupted: bool,
    /// It has files of an API server.
    control_plane: bool,
    /// `server:` in kubelet.conf.
    kubelet_server: Option<String>,
    /// `server:` in admin.conf.
    admin_server: Option<String>,
    /// The cluster's name in admin.conf.
    admin_cluster: Option<String>,
    /// SHA-256 of the cluster's CA certificate.
    ca: Option<String>,
    /// A rotation of the authorities has begun and is not finished.
    rotating: bool,
    /// Files that kubeadm would refuse to overwrite.
    leftovers: Vec<String>,
    /// Services of other Kubernetes distributions.
    services: Vec<String>,
    /// The kubeadm package that is installed, without the Debian revision; only looked up on control planes.
    pub(super) kubeadm: Option<String>,
    /// The version of the API server's image.
    pub(super) api_server: Option<String>,
}

pub(super) fn probe() -> Probe {
    Probe::quick(
        KEY,
        r#"[ -e /etc/kubernetes/kubelet.conf ] && echo joined
for part in init join; do
  [ -e "/var/lib/forge/interrupted-$part" ] && echo interrupted
done
for name in kubelet admin; do
  conf=/etc/kubernetes/$name.conf
  [ -e "$conf" ] || continue
  sed -n "s/^ *server: */$name-server /p" "$conf"
  awk -v key="$name-cluster" '/^[a-z]/ {inside = $1 == "clusters:"} {sub(/^- /, "")} inside && $1 == "name:" {print key, $2; exit}' "$conf"
done
[ -e /etc/kubernetes/pki/apiserver.crt ] || [ -e /etc/kubernetes/admin.conf ] && echo control-plane
[ -e /etc/kubernetes/pki/ca.crt ] && echo "ca $(sha256sum </etc/kubernetes/pki/ca.crt)"
[ -d /var/lib/forge/authorities ] && echo rotating
for left in /etc/kubernetes/manifests/*.yaml /etc/kubernetes/pki/ca.crt /var/lib/etcd/member; do
  [ -e "$left" ] && echo "leftover $left"
done
sed -n 's/^ *image: .*kube-apiserver:v/api-server /p' /etc/kubernetes/manifests/kube-apiserver.yaml
for unit in k3s k3s-agent rke2-server rke2-agent k0scontroller k0sworker snap.microk8s.daemon-kubelite cri-docker; do
  for folder in /etc /usr/local/lib /usr/lib /lib; do
    [ -e "$folder/systemd/system/$unit.service" ] && echo "service $unit.service" && break
  done
done
if [ -e /etc/kubernetes/admin.conf ] || [ -e /var/lib/forge/interrupted-init ]; then
  dpkg-query -W -f 'kubeadm ${db:Status-Abbrev} ${Version}\n' kubeadm
fi"#,
    )
}

impl Membership {
    pub(super) fn parse(observed: &Observed) -> Self {
        let mut found = Self::default();
        for line in observed.get(KEY).lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let text = || Some(rest.trim().trim_matches('"').to_owned());
            match word {
                "joined" => found.joined = true,
                "interrupted" => found.interrupted = true,
                "control-plane" => found.control_plane = true,
                "rotating" => found.rotating = true,
                "kubelet-server" => found.kubelet_server = text(),
                "admin-server" => found.admin_server = text(),
                "admin-cluster" => found.admin_cluster = text(),
                "ca" => found.ca = rest.split_whitespace().next().map(str::to_owned),
                "leftover" => found.leftovers.push(rest.to_owned()),
                "api-server" => found.api_server = text(),
                "service" => found.services.push(rest.to_owned()),
                // `ii` and `hi` are installed; `rc` is a removed package whose configuration is still there.
                "kubeadm" => {
                    let installed = rest.split_once(' ').filter(|(status, _)| status.trim_end().ends_with('i'));
                    found.kubeadm = installed.and_then(|(_, version)| upstream(version.trim()));
                }
                _ => {}
            }
        }
        found
    }
}

/// A package's version without the Debian revision.
fn upstream(version: &str) -> Option<String> {
    version.split('-').next().filter(|version| !version.is_empty()).map(str::to_owned)
}

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = hosts.iter().flat_map(|seen| one(cluster, seen)).collect();
    findings.extend(rotation(hosts).map_or_else(|| authorities(hosts), |finding| vec![finding]));
    findings.extend(orphans(cluster, hosts));
    findings
}

fn one(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Finding> {
    let (host, found, name) = (seen.host, &seen.membership, &seen.host.name);
    let mut findings = Vec::new();
    if !found.services.is_empty() {
        findings.push(
            Finding::fatal(
                host,
                format!("another Kubernetes is installed on {name}"),
                format!("remove it from {name}, or take {name} out of the inventory"),
            )
            .cause(found.services.join(", ")),
        );
    }
    if found.interrupted {
        return findings;
    }
    if !found.joined {
        if !found.leftovers.is_empty() {
            findings.push(
                Finding::fatal(
                    host,
                    format!("{name} holds pieces of another cluster"),
                    format!("if nothing there is needed any more, on {name}: sudo kubeadm reset --force"),
                )
                .cause(found.leftovers.join(", ")),
            );
        }
    } else if let Some(cause) = foreign(cluster, seen) {
        findings.push(
            Finding::fatal(
                host,
                format!("{name} belongs to another cluster"),
                format!(
                    "use the inventory of that cluster, or take {name} out of it first: sudo kubeadm reset --force"
                ),
            )
            .cause(cause),
        );
    } else if host.is_control_plane() != found.control_plane {
        let (is, wanted) = match found.control_plane {
            true => ("control plane", "worker"),
            false => ("worker", "control plane"),
        };
        findings.push(Finding::fatal(
            host,
            format!("{name} is a {is} of this cluster and the inventory makes it a {wanted}"),
            format!("give {name} its role back, or remove the node and kubeadm reset it before it joins anew"),
        ));
    }
    findings
}

/// Why a joined host is not of this cluster. A control plane's kubelet talks to its own API server, so its kubelet.conf
/// names the host's own address rather than the endpoint.
fn foreign(cluster: &Cluster, seen: &Seen<'_>) -> Option<String> {
    let found = &seen.membership;
    let endpoint = format!("https://{}", cluster.endpoint);
    let own = format!("https://{}", std::net::SocketAddr::new(seen.host.address, 6443));
    let differs = |server: &&String| **server != endpoint;
    if let Some(server) = found.admin_server.as_ref().filter(differs) {
        return Some(format!("/etc/kubernetes/admin.conf: server: {server}; the inventory's endpoint is {endpoint}"));
    }
    if let Some(server) = found.kubelet_server.as_ref().filter(differs)
        && !(found.control_plane && *server == own)
    {
        return Some(format!("/etc/kubernetes/kubelet.conf: server: {server}; the inventory's endpoint is {endpoint}"));
    }
    let name = found.admin_cluster.as_ref().filter(|name| **name != cluster.name)?;
    Some(format!("/etc/kubernetes/admin.conf: the cluster is called {name}; the inventory's is {}", cluster.name))
}

/// While the authorities are rotated nobody joins, because a new node would know too few of them; and while nodes are at
/// different stages nothing else is changed.
fn rotation(hosts: &[Seen<'_>]) -> Option<Finding> {
    let rotating = hosts.iter().find(|seen| seen.membership.rotating)?;
    let (joined, bare): (Vec<&Seen<'_>>, _) = hosts.iter().partition(|seen| seen.membership.joined);
    let differ = joined.iter().any(|seen| seen.membership.ca != rotating.membership.ca);
    let cause = match bare.first() {
        Some(seen) => format!("{} cannot join before it is", seen.host.name),
        None if differ => "/etc/kubernetes/pki/ca.crt is not the same on all nodes yet".to_owned(),
        None => "all nodes are at the same stage".to_owned(),
    };
    let what = "a rotation of the authorities was begun and is not finished";
    let next = "forge certs rotate-ca INVENTORY";
    let finding = if differ || !bare.is_empty() { Finding::fatal } else { Finding::warning };
    Some(finding(rotating.host, what, next).cause(cause).of_all())
}

/// All joined hosts must trust the same CA: the first control plane's, or else the first one's that has any.
fn authorities(hosts: &[Seen<'_>]) -> Vec<Finding> {
    let joined = || hosts.iter().filter(|seen| seen.membership.joined && !seen.membership.interrupted);
    let reference = joined()
        .filter(|seen| seen.membership.ca.is_some())
        .min_by_key(|seen| !seen.host.is_control_plane())
        .map(|seen| (&seen.host.name, &seen.membership.ca));
    let Some((first, ca)) = reference else { return Vec::new() };
    let others = joined().filter(|seen| seen.membership.ca.is_some() && seen.membership.ca != *ca);
    others
        .map(|seen| {
            let name = &seen.host.name;
            let words = |ca: &Option<String>| ca.clone().unwrap_or_default();
            Finding::fatal(
                seen.host,
                format!("{name} and {first} belong to different clusters: their CA certificates differ"),
                format!("take {name} out of the inventory, or out of its cluster: sudo kubeadm reset --force"),
            )
            .cause(format!(
                "SHA-256 of /etc/kubernetes/pki/ca.crt: {name} {}, {first} {}",
                words(&seen.membership.ca),
                words(ca)
            ))
        })
        .collect()
}

/// Workers of a cluster whose control planes are all gone: `up` would build a new cluster beside them.
fn orphans(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    let mut control_planes = hosts.iter().filter(|seen| seen.host.is_control_plane());
    let all_seen = control_planes.clone().count() == cluster.control_planes().count();
    if !all_seen || control_planes.any(Seen::is_ours) {
        return Vec::new();
    }
    let workers = hosts.iter().filter(|seen| seen.membership.joined && !seen.membership.interrupted);
    workers
        .map(|seen| {
            let name = &seen.host.name;
            Finding::fatal(
                seen.host,
                format!("{name} is a node of a cluster that no control plane of the inventory runs"),
                format!("restore a control plane, or give {name} up as a node: on {name}: sudo kubeadm reset --force"),
            )
        })
        .collect()
}
