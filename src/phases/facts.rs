//! What was seen of all hosts and of the cluster they form.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::control_planes::own_server;
use super::preflight::PackageKeys;
use super::{manifests, policies};
use crate::host::facts::Probe;
use crate::host::{Observed, quote};
use crate::inventory::NodeName;
use crate::inventory::cluster::{Cluster, Host, Taint};
use crate::kube::applied::{Live, Record, STATE, list};
use crate::kube::encryption::rotation::Journal;
use crate::kube::release::{self, Installed, RELEASES};
use crate::kube::{COPIES, COPY_LINE, csr, paths, service_account_key};
use crate::secret::Secret;

/// Exists while `kubeadm init` or `kubeadm join` runs, and afterwards when it was cut off.
pub const INTERRUPTED_INIT: &str = "/var/lib/forge/interrupted-init";
/// See [`INTERRUPTED_INIT`].
pub const INTERRUPTED_JOIN: &str = "/var/lib/forge/interrupted-join";
/// The kubelet's serving certificate, once it was approved.
const SERVING: &str = "/var/lib/kubelet/pki/kubelet-server-current.pem";

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Facts {
    /// Answers per host; empty while the questions are being made.
    pub hosts: BTreeMap<NodeName, Observed>,
    /// The exact Kubernetes version to install, `1.36.5`; `None` while the questions are being made.
    pub version: Option<String>,
    /// The package repositories' keys, where hosts still need them.
    pub keys: PackageKeys,
    /// The encryption configuration to put on control planes that lack it.
    pub encryption: Option<Secret>,
    /// The living cluster, when one of its API servers answered.
    pub living: Option<Living>,
}

/// What an API server told.
#[derive(Clone, Debug, Default)]
pub struct Living {
    /// The control plane that told it.
    pub through: Option<NodeName>,
    /// All nodes.
    pub nodes: Vec<Node>,
    /// The data of our ConfigMap.
    pub record: BTreeMap<String, String>,
    /// The data, as JSON, of the ConfigMaps in which the cluster keeps its settings; see [`crate::kube::copies`].
    pub settings: BTreeMap<String, String>,
    /// What a join leaves behind: `rolebinding/…`, `secret/…`.
    pub leftovers: Vec<String>,
    /// Objects that forge has applied and that are there.
    pub objects: Vec<Live>,
    /// Kubelets' requests for serving certificates.
    pub requests: Vec<Value>,
    /// Helm's releases.
    pub releases: Vec<Installed>,
}

/// A node as the API server sees it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Whether it is Ready.
    pub ready: bool,
    /// The kubelet's version, `v1.36.5`.
    pub version: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Taints.
    pub taints: Vec<Taint>,
}

impl Facts {
    fn membership(&self, host: &NodeName) -> Vec<&str> {
        self.hosts.get(host).map_or_else(Vec::new, |seen| seen.get("membership").lines().collect())
    }

    /// Whether the host is part of a cluster, by its own files.
    pub fn joined(&self, host: &NodeName) -> bool {
        self.membership(host).contains(&paths::KUBELET_KUBECONFIG) && !self.interrupted(host)
    }

    /// Whether `kubeadm init` or `join` was cut off on the host.
    pub fn interrupted(&self, host: &NodeName) -> bool {
        let files = self.membership(host);
        files.contains(&INTERRUPTED_INIT) || files.contains(&INTERRUPTED_JOIN)
    }

    /// Whether the host's kubelet has its serving certificate.
    pub fn serves(&self, host: &NodeName) -> bool {
        self.membership(host).contains(&SERVING)
    }

    /// The cluster CA's certificate in PEM, from the first control plane that is part of the cluster.
    pub fn ca(&self, cluster: &Cluster) -> Option<String> {
        let joined = cluster.control_planes().find(|host| self.joined(&host.name))?;
        self.hosts.get(&joined.name).map(|seen| format!("{}\n", seen.get("ca"))).filter(|pem| pem.len() > 1)
    }

    /// SHA-256 of the host's encryption configuration; empty without one.
    pub fn encryption_sum(&self, host: &NodeName) -> &str {
        let seen = self.hosts.get(host).map_or("", |seen| seen.get(&format!("file {}", paths::ENCRYPTION)));
        seen.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap_or_default()
    }

    /// What a rotation of the encryption key left on the host, while one is under way.
    pub fn rotation(&self, host: &NodeName) -> Option<Journal> {
        serde_json::from_str(self.hosts.get(host)?.get("rotation")).ok()
    }

    /// What a rotation of the service accounts' signing key left on the host, while one is under way.
    pub fn sa_rotation(&self, host: &NodeName) -> Option<service_account_key::rotation::Journal> {
        serde_json::from_str(self.hosts.get(host)?.get("sa-key rotation")).ok()
    }

    /// Kubelets' requests for serving certificates.
    pub fn requests(&self) -> impl Iterator<Item = &Value> {
        self.living.iter().flat_map(|living| &living.requests)
    }

    /// Takes in what an API server told, from the first control plane that has one.
    pub fn look_at_the_cluster(&mut self, cluster: &Cluster) {
        self.living = cluster.control_planes().find_map(|host| {
            let mut living = parse(self.hosts.get(&host.name)?.get("cluster"))?;
            // Before the end of `kubeadm init` there is no node; later on, all of them were deleted.
            if living.nodes.is_empty() && !self.joined(&host.name) {
                return None;
            }
            living.through = Some(host.name.clone());
            Some(living)
        });
    }
}

/// What is asked beyond the resources' own probes.
pub fn probes(host: &Host) -> Vec<Probe> {
    let files = [paths::KUBELET_KUBECONFIG, paths::ADMIN_KUBECONFIG, SERVING, INTERRUPTED_INIT, INTERRUPTED_JOIN];
    let mut probes = vec![
        Probe::quick("membership", format!("ls -d {}", files.join(" "))),
        Probe::quick("ca", format!("cat {}", paths::CA)),
    ];
    if host.is_control_plane() {
        probes.push(Probe::slow("cluster", format!("{STATE}\n{}", cluster_script(host))));
        probes.push(Probe::quick("rotation", format!("cat {}", paths::ROTATION)));
        probes.push(Probe::quick("sa-key rotation", format!("cat {}", paths::SA_ROTATION)));
    }
    probes
}

/// Questions to the host's own API server, side by side, and as few as can be: a host starts a kubectl for longer than it is
/// answered. Lines: `node NAME READY VERSION LABELS TAINTS` separated by tabs, `request NAME SIGNER SPEC STATUS`,
/// `config CONFIGMAP JSON`, `left KIND/NAME`, `left KIND/NAME DESCRIPTION`, those of [`RELEASES`], and those of [`STATE`] about
/// the objects that the record lists. A server that leaves one of them `unanswered` is not believed at all: what it did not say
/// would look as if it were not there. Of an object whose kind is gone kubectl complains, and rightly finds nothing.
fn cluster_script(host: &Host) -> String {
    let named = |version: &str, kind: &str, namespace: &str, name: &str| json!({ "apiVersion": version, "kind": kind, "metadata": { "namespace": namespace, "name": name } });
    let mut wanted = COPIES.map(|name| named("v1", "ConfigMap", "kube-system", name)).to_vec();
    wanted.push(named("v1", "Secret", "kube-system", "kubeadm-certs"));
    wanted.push(named("rbac.authorization.k8s.io/v1", "RoleBinding", "kube-public", CLUSTER_INFO));
    // The lists of objects stand in lines of their own, for the question that follows.
    let lists: String =
        [manifests::STEP, policies::STEP].map(|set| format!(r#"{{.data['{}']}}{{"\n"}}"#, Record::key(set))).concat();
    let print = format!(
        r#"jsonpath={{range .items[?(@.kind=="ConfigMap")]}}{COPY_LINE}{{end}}{{range .items[?(@.kind!="ConfigMap")]}}left{{"\t"}}{{.kind}}/{{.metadata.name}}{{"\n"}}{{end}}{{range .items[?(@.metadata.name=="forge")]}}{lists}{{end}}"#
    );
    CLUSTER
        .replace("@SERVER@", &quote(&own_server(host)))
        .replace("@NAMED@", &quote(&list(&wanted).to_string()))
        .replace("@PRINT@", &quote(&print))
        .replace("@RELEASES@", RELEASES)
}

/// What kubeadm lets anonymous requests read for joins.
const CLUSTER_INFO: &str = "kubeadm:bootstrap-signer-clusterinfo";

/// See [`cluster_script`].
const CLUSTER: &str = r#"[ -e /etc/kubernetes/admin.conf ] || exit 0
quietly() { kubectl --server=@SERVER@ --request-timeout=5s "$@"; }
ask() { quietly "$@" 2>>"$FORGE/refusals" || echo unanswered; }
ask get nodes,csr -o 'jsonpath={range .items[?(@.kind=="Node")]}node{"\t"}{.metadata.name}{"\t"}{.status.conditions[?(@.type=="Ready")].status}{"\t"}{.status.nodeInfo.kubeletVersion}{"\t"}{.metadata.labels}{"\t"}{.spec.taints}{"\n"}{end}{range .items[?(@.kind=="CertificateSigningRequest")]}request{"\t"}{.metadata.name}{"\t"}{.spec.signerName}{"\t"}{.spec}{"\t"}{.status}{"\n"}{end}' >"$FORGE/nodes" &
ask -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o 'jsonpath={range .items[*]}left{"\t"}secret/{.metadata.name}{"\t"}{.data.description}{"\n"}{end}' >"$FORGE/tokens" &
{
printf '%s' @NAMED@ | ask get -f - --ignore-not-found -o @PRINT@ >"$FORGE/named"
grep '^{' "$FORGE/named" | state quietly >"$FORGE/objects" 2>"$FORGE/complaints"
} &
ask @RELEASES@ >"$FORGE/releases" &
wait
grep -v -e '^Warning: ' -e 'no matches for kind' -e '^ensure CRDs are installed' "$FORGE/complaints" | grep -q . && echo unanswered
cat "$FORGE/nodes" "$FORGE/named" "$FORGE/objects" "$FORGE/tokens" "$FORGE/releases"
echo answered
grep -v '^Warning: ' "$FORGE/refusals" | tail -n 1 | cut -c 1-300 | sed 's/^/silent\t/'"#;

/// `forge` in base64: the description of the tokens that are ours to delete.
const OUR_DESCRIPTION: &str = "Zm9yZ2U=";

/// Whether the host's own API server answered all that it was asked.
pub fn api_server_answers(seen: &Observed) -> bool {
    parse(seen.get("cluster")).is_some()
}

/// Why a control plane that is part of the cluster tells nothing of it, in the words of its kubectl.
pub fn silence(seen: &Observed) -> Option<&str> {
    if api_server_answers(seen) {
        return None;
    }
    let answer = seen.get("cluster");
    let words = answer.lines().find_map(|line| line.strip_prefix("silent\t"));
    let without = if answer.is_empty() { "it was not asked: /etc/kubernetes/admin.conf is missing" } else { "" };
    Some(words.unwrap_or(without))
}

fn parse(text: &str) -> Option<Living> {
    let mut living = Living::default();
    let mut answered = false;
    for line in text.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        match words[..] {
            ["node", name, ready, version, labels, taints] => living.nodes.push(Node {
                name: name.to_owned(),
                ready: ready == "True",
                version: version.to_owned(),
                labels: serde_json::from_str(labels).unwrap_or_default(),
                taints: parse_taints(taints),
            }),
            ["live", ref words @ ..] => living.objects.extend(Live::parse(words)),
            ["config", "forge", data] => living.record = serde_json::from_str(data).unwrap_or_default(),
            ["config", name, data] => drop(living.settings.insert(name.to_owned(), data.to_owned())),
            ["left", secret, description] if description == OUR_DESCRIPTION => living.leftovers.push(secret.to_owned()),
            ["unanswered"] => return None,
            ["answered"] => answered = true,
            ["request", name, csr::SIGNER, spec, status] => living.requests.push(json!({
                "metadata": { "name": name },
                "spec": serde_json::from_str::<Value>(spec).unwrap_or_default(),
                "status": serde_json::from_str::<Value>(status).unwrap_or_default(),
            })),
            ["left", object] => {
                let (kind, name) = object.split_once('/').unwrap_or((object, ""));
                living.leftovers.push(format!("{}/{name}", kind.to_ascii_lowercase()));
            }
            ["release", namespace, name, status, revision, applied] => {
                release::take(&mut living.releases, [namespace, name, status, revision, applied]);
            }
            _ => {}
        }
    }
    answered.then_some(living)
}

fn parse_taints(json: &str) -> Vec<Taint> {
    let taints: Vec<BTreeMap<String, Value>> = serde_json::from_str(json).unwrap_or_default();
    let read = |taint: &BTreeMap<String, Value>| {
        let word = |key: &str| taint.get(key).and_then(Value::as_str).unwrap_or_default();
        Taint::new(word("key"), word("value"), word("effect"))
    };
    taints.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_is_read_from_what_kubectl_prints() {
        let living = parse(
            "node\tcp1\tTrue\tv1.36.5\t{\"disk\":\"ssd\"}\t[{\"effect\":\"NoSchedule\",\"key\":\"a\"},{\"effect\":\"NoExecute\",\"key\":\"b\",\"value\":\"c\"}]\n\
             node\tw1\tUnknown\tv1.36.5\t{}\t\n\
             live\tv1\tConfigMap\tshop\ta\tu-1\t0\tmanifests\tabcd\n\
             config\tforge\t{\"verified\":\"abc\"}\nconfig\tkube-proxy\t{\"config.conf\":\"a\"}\n\
             left\tsecret/bootstrap-token-aaaaaa\tZm9yZ2U=\n\
             left\tsecret/bootstrap-token-bbbbbb\tb3RoZXI=\n\
             left\tRoleBinding/kubeadm:bootstrap-signer-clusterinfo\n\
             request\tcsr-0\tkubernetes.io/kube-apiserver-client-kubelet\t{}\t{}\n\
             request\tcsr-1\tkubernetes.io/kubelet-serving\t{\"username\":\"system:node:w1\"}\t{}\nanswered\n",
        )
        .unwrap();
        let taints: Vec<Taint> = ["a:NoSchedule", "b=c:NoExecute"].map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(living.nodes[0].taints, taints);
        assert_eq!(living.nodes.iter().map(|node| node.ready).collect::<Vec<_>>(), [true, false]);
        assert_eq!(living.record["verified"], "abc");
        assert_eq!(living.settings["kube-proxy"], r#"{"config.conf":"a"}"#);
        assert_eq!(living.objects[0].object.to_string(), "ConfigMap shop/a");
        assert_eq!(living.requests[0]["spec"]["username"], "system:node:w1");
        assert_eq!(
            living.leftovers,
            ["secret/bootstrap-token-aaaaaa", "rolebinding/kubeadm:bootstrap-signer-clusterinfo"]
        );
    }

    #[test]
    fn a_silent_api_server_is_no_cluster() {
        assert!(parse("").is_none());
        let refused = "unanswered\nunanswered\nsilent\tThe connection to the server 192.0.2.11:6443 was refused";
        assert!(parse("node\tcp1\tTrue\tv1.36.5\t{}\t\nunanswered\nanswered\n").is_none() && parse(refused).is_none());
        assert!(parse("node\tcp1\tTrue\tv1.36.5\t{}\t\n").is_none(), "it did not come to its end");
        assert!(parse("answered\n").is_some_and(|living| living.nodes.is_empty()), "every node was deleted");
        let why = |answer: &str| {
            let answers = [("cluster".to_owned(), answer.to_owned())].into();
            silence(&Observed { answers, ..Observed::default() }).map(str::to_owned)
        };
        assert_eq!(why(refused).as_deref(), Some("The connection to the server 192.0.2.11:6443 was refused"));
        assert_eq!(why("").as_deref(), Some("it was not asked: /etc/kubernetes/admin.conf is missing"));
        assert_eq!(why("node\tcp1\tTrue\tv1.36.5\t{}\t\nanswered\nsilent\tsomething"), None);
    }
}
