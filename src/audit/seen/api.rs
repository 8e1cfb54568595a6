//! What the API server and etcd tell of the whole cluster, asked on one control plane.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ARGUMENTS;
use crate::host::facts::Probe;
use crate::host::{Observed, quote};
use crate::inventory::cluster::Host;
use crate::kube::{API_SERVER_PORT, ETCDCTL};
use crate::render::{RenderError, Templates};

/// Kinds that are listed. Each is there since Kubernetes 1.30.
const KINDS: &str = "nodes,namespaces,clusterroles,roles,clusterrolebindings,rolebindings,serviceaccounts,networkpolicies,\
    certificatesigningrequests,daemonsets,pods";

/// What is taken of every object. What a kind has not is empty; values of variables and commands are left where they are.
const FIELDS: &[(&str, &str)] = &[
    ("kind", ".kind"),
    ("namespace", ".metadata.namespace"),
    ("name", ".metadata.name"),
    ("phase", ".status.phase"),
    ("deleted", ".metadata.deletionTimestamp"),
    ("roleRef", ".roleRef"),
    ("subjects", ".subjects"),
    ("rules", ".rules"),
    ("automount", ".automountServiceAccountToken"),
    ("version", ".status.nodeInfo.kubeletVersion"),
    ("account", ".spec.serviceAccountName"),
    ("hostNetwork", ".spec.hostNetwork"),
    ("hostPID", ".spec.hostPID"),
    ("hostIPC", ".spec.hostIPC"),
    ("hostPaths", ".spec.volumes[*].hostPath.path"),
    ("hostPorts", ".spec.containers[*].ports[*].hostPort"),
    ("images", ".spec.containers[*].image"),
    ("initImages", ".spec.initContainers[*].image"),
    ("debugImages", ".spec.ephemeralContainers[*].image"),
    ("podContext", ".spec.securityContext"),
    ("contexts", ".spec.containers[*].securityContext"),
    ("initContexts", ".spec.initContainers[*].securityContext"),
    ("podSelector", ".spec.podSelector"),
    ("policyTypes", ".spec.policyTypes"),
    ("ingress", ".spec.ingress"),
    ("signer", ".spec.signerName"),
    ("conditions", ".status.conditions[*].type"),
];

/// One object of the API.
#[derive(Clone, Debug, Default)]
pub struct Object(BTreeMap<&'static str, String>);

impl Object {
    /// A field of [`FIELDS`] as text; empty when the object has none.
    pub fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    /// A field as JSON.
    pub fn json(&self, field: &str) -> Value {
        serde_json::from_str(self.get(field)).unwrap_or_default()
    }

    /// Several JSON values in one field, one per container.
    pub fn each(&self, fields: &[&str]) -> Vec<Value> {
        let values = fields.iter().flat_map(|field| serde_json::Deserializer::from_str(self.get(field)).into_iter());
        values.map_while(Result::ok).collect()
    }

    /// `namespace/name`.
    pub fn place(&self) -> String {
        match self.get("namespace") {
            "" => self.get("name").to_owned(),
            namespace => format!("{namespace}/{}", self.get("name")),
        }
    }
}

/// What was told.
#[derive(Clone, Debug, Default)]
pub struct Api {
    objects: Vec<Object>,
    /// Bootstrap tokens: the name of each one's secret.
    pub bootstrap_tokens: Vec<String>,
    /// Service-account tokens that never expire: `namespace/name`.
    pub eternal_tokens: Vec<String>,
    /// Whether the certificates that `kubeadm init` uploads are still there.
    pub uploaded_certificates: bool,
    /// Secrets in etcd by what stands in front of their bytes; `None` when etcd did not answer.
    pub in_etcd: Option<Stored>,
    /// Pod → what the API server said to it in a dry run; empty when it was accepted.
    pub tried: BTreeMap<String, String>,
}

/// How secrets are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Encryption prefix → how many.
    pub by_prefix: BTreeMap<String, usize>,
    /// Prefix and key of each secret that has another prefix than the first most common one; at most 20 per prefix.
    pub examples: Vec<(String, String)>,
}

/// What stands for a secret without an encryption prefix.
pub const PLAINTEXT: &str = "plaintext";

impl Api {
    /// All objects of a kind.
    pub fn all(&self, kind: &str) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(move |object| object.get("kind") == kind)
    }
}

const OBJECTS: &str = "audit objects";
const TOKENS: &str = "audit tokens";
const ETCD: &str = "audit etcd";
const TRIED: &str = "audit tried";

/// The harmless pod that has to be accepted for the refusal of others to mean something.
pub const PLAIN: &str = "forge-audit-plain";
/// A privileged pod.
pub const PRIVILEGED: &str = "forge-audit-privileged";
/// A pod whose image has the tag `latest`.
pub const LATEST: &str = "forge-audit-latest";

pub(super) fn probes(earlier: &[&Host], templates: &Templates) -> Result<Vec<Probe>, RenderError> {
    let pods = templates.render("audit/pods.yaml.tera", &serde_json::json!({}))?;
    let servers = earlier.iter().map(|host| std::net::SocketAddr::new(host.address, API_SERVER_PORT).to_string());
    let servers: Vec<String> = servers.map(|server| quote(&server)).collect();
    let ask = format!("{ARGUMENTS}\n{}", ASK.replace("@EARLIER@", &servers.join(" ")));
    let columns: Vec<String> = FIELDS.iter().map(|(_, path)| format!("{{{path}}}")).collect();
    let rows = format!("jsonpath={{range .items[*]}}{}{{\"\\n\"}}{{end}}", columns.join("{\"\\t\"}"));
    Ok(vec![
        Probe::slow(OBJECTS, format!("{ask}\nask get {KINDS} -A -o {}", quote(&rows))),
        Probe::slow(TOKENS, format!("{ask}\n{TOKENS_SHELL}")),
        Probe::slow(TRIED, format!("{ask}\nprintf %s {} | ask create --dry-run=server -f - 2>&1", quote(&pods))),
        Probe::slow(ETCD, format!("{ask}\n{ETCDCTL}\n{ETCD_SHELL}")),
    ])
}

/// Leaves when an earlier control plane answers, since that one is asked too; otherwise defines `ask`, which is kubectl with the
/// host's own API server.
const ASK: &str = r#"for server in @EARLIER@; do
if kubectl --server="https://$server" --request-timeout=3s get --raw /readyz >/dev/null; then exit 0; fi
done
server="https://$(option kube-apiserver advertise-address):$(option kube-apiserver secure-port)"
ask() { kubectl --server="$server" --request-timeout=60s "$@"; }"#;

const TOKENS_SHELL: &str = r#"echo answered
ask get secrets -A --field-selector type=bootstrap.kubernetes.io/token -o 'jsonpath={range .items[*]}bootstrap{"\t"}{.metadata.name}{"\n"}{end}'
ask get secrets -A --field-selector type=kubernetes.io/service-account-token -o 'jsonpath={range .items[*]}eternal{"\t"}{.metadata.namespace}/{.metadata.name}{"\n"}{end}'
ask -n kube-system get secrets --field-selector metadata.name=kubeadm-certs -o 'jsonpath={range .items[*]}uploaded{"\t"}{.metadata.name}{"\n"}{end}'"#;

/// A page at a time: each begins with the last key of the one before. etcdctl's `fields` format has every value on one line, of
/// which only the encryption prefix is kept: nothing of a plaintext secret leaves the host. An etcd that stops answering, which a
/// busy one may do for a moment, leaves no `end`.
const ETCD_SHELL: &str = r#"read_page() {
etcdctl get "$from" /registry/secrets0 --limit=500 -w fields |
sed -n -e 's/^"Key" : "\(.*\)"$/key \1/p' -e 's/^"Value" : "\(k8s:enc:[a-z]*:v[0-9]*:[^:"\\]*:\).*/is \1/p' -e t -e 's/^"Value" : .*/is plaintext/p' -e 's/^"More" : .*/page/p'
}
{
from=/registry/secrets/
last=
while :; do
page=$(read_page)
[ -n "$page" ] || page=$(read_page)
[ -n "$page" ] || exit 0
printf '%s\n' "$page"
from=$(printf '%s\n' "$page" | sed -n 's/^key //p' | tail -n 1)
if [ "$from" = "$last" ]; then break; fi
last=$from
done
echo end
} | awk '$1 == "key" {key = $2} $1 == "is" && key != seen {seen = key; count[$2]++; if (count[$2] <= 20) print "secret", $2, key} $1 == "end" {ended = 1} END {for (prefix in count) print "count", prefix, count[prefix]; if (ended) print "end"}'"#;

pub(super) fn read(observed: &Observed) -> Option<Api> {
    let object = |line: &str| {
        let values: Vec<&str> = line.split('\t').collect();
        let fields = FIELDS.iter().map(|(name, _)| *name).zip(values.iter().map(|value| (*value).to_owned()));
        (values.len() == FIELDS.len()).then(|| Object(fields.filter(|(_, value)| !value.is_empty()).collect()))
    };
    let objects: Vec<Object> = observed.get(OBJECTS).lines().filter_map(object).collect();
    if objects.is_empty() {
        return None;
    }
    let mut api =
        Api { objects, in_etcd: stored(observed.get(ETCD)), tried: tried(observed.get(TRIED)), ..Api::default() };
    for line in observed.get(TOKENS).lines() {
        match line.split_once('\t') {
            Some(("bootstrap", name)) => api.bootstrap_tokens.push(name.to_owned()),
            Some(("eternal", name)) => api.eternal_tokens.push(name.to_owned()),
            Some(("uploaded", _)) => api.uploaded_certificates = true,
            _ => {}
        }
    }
    Some(api)
}

fn stored(text: &str) -> Option<Stored> {
    let mut stored = Stored::default();
    let mut complete = false;
    for line in text.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["secret", prefix, key] => stored.examples.push((prefix.to_owned(), key.to_owned())),
            ["count", prefix, count] => {
                stored.by_prefix.insert(prefix.to_owned(), count.parse().unwrap_or_default());
            }
            ["end"] => complete = true,
            _ => {}
        }
    }
    complete.then_some(stored)
}

/// `pod/NAME created (server dry run)`, or an error that names the pod.
fn tried(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for name in [PLAIN, PRIVILEGED, LATEST] {
        for line in text.lines().filter(|line| line.contains(name)) {
            if line.starts_with(&format!("pod/{name} created")) {
                found.insert(name.to_owned(), String::new());
            } else if line.starts_with("Error") || line.starts_with("The Pod") || line.contains("is forbidden") {
                found.insert(name.to_owned(), line.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An API with these objects: field and value pairs.
    pub(crate) fn api(objects: &[&[(&'static str, &str)]]) -> Api {
        let object = |fields: &&[(&'static str, &str)]| {
            Object(fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
        };
        Api { objects: objects.iter().map(object).collect(), ..Api::default() }
    }

    #[test]
    fn an_object_is_its_fields_in_their_order() {
        let mut row = vec![""; FIELDS.len()];
        (row[0], row[1], row[2], row[20]) = ("Pod", "web", "shop", r#"{"privileged":true} {"runAsUser":1}"#);
        let mut observed = Observed::default();
        observed.answers.insert(OBJECTS.into(), format!("a line of something else\n{}", row.join("\t")));
        observed
            .answers
            .insert(TOKENS.into(), "answered\nbootstrap\tbootstrap-token-abcdef\neternal\tci/deploy\n".into());
        let api = read(&observed).unwrap();
        let pod = api.all("Pod").next().unwrap();
        assert_eq!((pod.place().as_str(), pod.get("account")), ("web/shop", ""));
        assert_eq!(pod.each(&["contexts", "initContexts"]).len(), 2);
        assert_eq!((api.bootstrap_tokens.len(), api.eternal_tokens.len(), api.uploaded_certificates), (1, 1, false));
        assert!(read(&Observed::default()).is_none(), "a silent API server is no cluster");
    }

    #[test]
    fn secrets_are_counted_by_their_prefix_and_an_answer_that_was_cut_off_is_none() {
        let text = "secret k8s:enc:secretbox:v1:a: /registry/secrets/x/y\nsecret plaintext /registry/secrets/x/z\n\
                    count k8s:enc:secretbox:v1:a: 12\ncount plaintext 1\nend\n";
        let stored = super::stored(text).unwrap();
        assert_eq!((stored.by_prefix["k8s:enc:secretbox:v1:a:"], stored.by_prefix[PLAINTEXT]), (12, 1));
        assert_eq!(super::stored(text.trim_end_matches("end\n")), None);
        assert_eq!(super::stored("end\n"), Some(Stored::default()), "there is no secret at all");
    }

    #[test]
    fn a_dry_run_is_accepted_or_refused_with_the_servers_words() {
        let text = "pod/forge-audit-plain created (server dry run)\n\
            Error from server (Forbidden): error when creating \"STDIN\": pods \"forge-audit-privileged\" is forbidden: violates PodSecurity\n";
        let tried = super::tried(text);
        assert_eq!(tried[PLAIN], "");
        assert!(tried[PRIVILEGED].ends_with("violates PodSecurity"));
        assert!(!tried.contains_key(LATEST));
    }
}
