//! What a host is asked about its certificates. Only certificates leave the host, never keys.
//!
//! What is served is seen by a handshake on the host itself: half of the ports listen on its loopback address only, and a
//! hardened sshd forwards nothing. `openssl` is on every Debian and Ubuntu that has `ca-certificates`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value;

use crate::error::Problem;
use crate::host::facts::Probe;
use crate::host::{Observed, quote};
use crate::inventory::NodeName;
use crate::inventory::cluster::{Cluster, Host};
use crate::kube::pki::rotation::{JOURNAL, Journal};
use crate::kube::pki::{self, Component, Node, Place};
use crate::kube::{API_SERVER_PORT, ETCDCTL, csr, paths, staged};
use crate::phases::control_planes::own_server;
use crate::phases::unrendered;
use crate::render::Templates;

const ROTATION: &str = "certificates/rotation";

/// The questions.
pub fn probes(host: &Host) -> Vec<Probe> {
    let mut probes = vec![
        Probe::quick("certificates/clock", "date +%s.%N"),
        Probe::quick("certificates/kubeadm", "kubeadm version -o short"),
    ];
    for place in Place::of(host.is_control_plane()) {
        if !place.path.is_empty() {
            probes.push(Probe::quick(format!("certificate/{}", place.name), file(place.path)));
        }
        if let Some((port, loopback)) = place.port {
            let address = if loopback { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host.address };
            probes.push(Probe::slow(format!("served/{}", place.name), handshake(SocketAddr::new(address, port))));
        }
    }
    if host.is_control_plane() {
        probes.push(rotation_probe());
        probes.push(Probe::quick("certificates/processes", processes()));
        probes.push(Probe::slow("certificates/health", health(host)));
        probes.push(Probe::slow("certificates/requests", requests(host)));
    }
    probes
}

/// When the file was written, then its certificates and nothing else of it.
fn file(path: &str) -> String {
    let certificates = if path.ends_with(".conf") {
        "sed -n 's/^ *client-certificate-data: *//p' \"$file\" | base64 -d"
    } else {
        "sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/p' \"$file\""
    };
    format!("file={}\n[ -e \"$file\" ] || exit 0\nstat -L -c %.3Y \"$file\"\n{certificates}", quote(path))
}

/// A server shows its certificate before it asks for the client's, so that no credential is needed.
fn handshake(address: SocketAddr) -> String {
    format!(
        "if ! command -v openssl >/dev/null; then echo 'no openssl'; exit 0; fi\n\
         timeout 20 openssl s_client -connect {} </dev/null | \
         sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/p'",
        quote(&address.to_string())
    )
}

/// `NAME STARTED` of the process that listens on each component's port, and `NAME aside` for a manifest that was left aside.
pub fn processes() -> String {
    let mut text = format!(
        "now=$(date +%s.%N); hz=$(getconf CLK_TCK)\n\
         started() {{\n\
         pid=$(ss -H -l -t -n -p \"sport = :$2\" | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p' | head -n 1)\n\
         [ ! -e \"{aside}/$1.yaml\" ] || echo \"$1 aside\"\n\
         [ -n \"$pid\" ] || return 0\n\
         awk -v name=\"$1\" -v now=\"$now\" -v hz=\"$hz\" \
         'NR == FNR {{up = $1; next}} {{printf \"%s %.3f\\n\", name, now - up + $22 / hz}}' /proc/uptime \"/proc/$pid/stat\"\n\
         }}\n",
        aside = paths::ASIDE,
    );
    for component in Component::ALL {
        text.push_str(&format!("started {} {}\n", component.name(), component.port()));
    }
    text
}

/// The host's own API server, asked as anybody may ask it, and its own member of etcd. Certificates are not judged here: an
/// expired one is no reason why a server should not be well.
fn health(host: &Host) -> String {
    let server = quote(&SocketAddr::new(host.address, API_SERVER_PORT).to_string());
    format!(
        "{ETCDCTL}\n\
         ready=$(printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' | timeout 20 openssl s_client -quiet -connect {server} | tail -n 1)\n\
         [ \"$ready\" != ok ] || echo 'api ok'\n\
         ! etcdctl --endpoints=https://127.0.0.1:2379 --command-timeout=15s endpoint health >/dev/null || echo 'etcd ok'\n\
         echo \"members $(etcdctl --endpoints=https://127.0.0.1:2379 --command-timeout=15s member list | wc -l)\""
    )
}

/// The requests of kubelets for serving certificates.
fn requests(host: &Host) -> String {
    let server = quote(&own_server(host));
    format!(
        "kubectl --server={server} --request-timeout=15s get csr \
         --field-selector spec.signerName={} -o json",
        csr::SIGNER
    )
}

/// What all hosts answered.
pub fn seen(cluster: &Cluster, observed: &BTreeMap<NodeName, Observed>) -> BTreeMap<NodeName, Node> {
    let node = |host: &Host| {
        let observed = observed.get(&host.name)?;
        Some((host.name.clone(), pki::read(host.is_control_plane(), |key| observed.get(key))))
    };
    cluster.hosts.iter().filter_map(node).collect()
}

/// The certificate of the cluster's CA in PEM, from a control plane that has one; empty without any.
pub fn ca<'a>(cluster: &Cluster, observed: &'a BTreeMap<NodeName, Observed>) -> &'a str {
    let answers = cluster.control_planes().filter_map(|host| observed.get(&host.name));
    let written = answers.filter_map(|seen| seen.get("certificate/ca").split_once('\n')).next();
    written.map_or("", |(_, pem)| pem)
}

/// Asks for the journal that [`rotation`] reads.
pub fn rotation_probe() -> Probe {
    Probe::quick(ROTATION, format!("cat {}/{JOURNAL}", paths::AUTHORITIES))
}

/// What a rotation of the authorities left on a host, while one is under way.
pub fn rotation(seen: &Observed) -> Option<Journal> {
    serde_json::from_str(seen.get(ROTATION)).ok()
}

/// The version of the forge that left it, where its journal is in another format than this one's.
pub fn rotation_of_a_stranger(seen: &Observed) -> Option<String> {
    staged::stranger(seen.get(ROTATION))
}

/// The names that the API server's certificate should have on a control plane; none on a worker.
///
/// # Errors
/// A template cannot be rendered.
pub fn names(host: &Host, node: &Node, cluster: &Cluster, templates: &Templates) -> Result<BTreeSet<String>, Problem> {
    if !host.is_control_plane() || node.version.is_empty() {
        return Ok(BTreeSet::new());
    }
    pki::api_server_sans(templates, cluster, host, &node.version).map_err(unrendered)
}

/// The hosts whose kubelet waits for the approval of a serving certificate that it may have.
pub fn pending(cluster: &Cluster, observed: &BTreeMap<NodeName, Observed>) -> Vec<NodeName> {
    let answers = cluster.control_planes().filter_map(|host| observed.get(&host.name));
    let lists = answers.filter_map(|seen| serde_json::from_str::<Value>(seen.get("certificates/requests")).ok());
    let Some(list) = lists.into_iter().next() else { return Vec::new() };
    let requests = list["items"].as_array().cloned().unwrap_or_default();
    let waits = |host: &&Host| requests.iter().any(|request| csr::may_have(request, &host.name, &[host.address]));
    cluster.hosts.iter().filter(waits).map(|host| host.name.clone()).collect()
}
