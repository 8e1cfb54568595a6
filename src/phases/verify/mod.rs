//! Looks at the cluster from outside and says what was found: evidence, not promises.

mod evidence;

pub use evidence::Evidence;

use super::control_planes::own_server;
use super::{Site, id, unrendered};
use crate::error::{Exit, Problem};
use crate::host::{Difference, Script};
use crate::inventory::cluster::{Cni, Host};
use crate::kube::trouble::GATHER;
use crate::kube::{ETCDCTL, NAMESPACE, canary_namespace, canary_pod, canary_secret, paths, record};
use crate::plan::{Heard, Late, Plan, Step, StepId, Talk, Turn, Work};
use crate::report::Outcome;
use crate::secret::{Secret, hex};

/// The step's name.
pub const STEP: &str = "verify";

/// The step, after `needs`: when anything else is in the plan, when what is wanted was never verified to the end, or when a
/// node is not as it was then.
///
/// # Errors
/// A template cannot be rendered, or there is no randomness for the canary.
pub fn step(
    server: &Host,
    site: Site<'_>,
    plan: &Plan,
    needs: Vec<StepId>,
    evidence: &Late<Vec<Evidence>>,
) -> Result<Option<Step>, Problem> {
    let wanted = fingerprint(site);
    let verified = site.facts.living.as_ref().and_then(|living| living.record.get("verified"));
    if plan.is_empty() && verified == Some(&wanted) && every_node_is_ready(site) {
        return Ok(None);
    }
    let random =
        Secret::random(24).map_err(|error| Problem::new(Exit::Failed, "no canary could be made").cause(error))?;
    let canary = format!("canary-{}", hex(random.expose()));
    let script = script(server, site, &canary)?;
    Ok(Some(Step {
        id: id(server, STEP),
        title: "cluster looked at from outside".to_owned(),
        runs_on: server.name.clone(),
        needs,
        after: Vec::new(),
        changes: vec![Difference::new(format!("namespace {NAMESPACE}: a secret and a pod per node, for a moment"))],
        work: Work::Talk(Box::new(Verification {
            script: Some(script),
            expected: evidence::Expected::of(site, canary),
            fingerprint: wanted,
            evidence: evidence.clone(),
        })),
    }))
}

/// Whether the API server sees a Ready node for each host. Without a pod network none can be.
fn every_node_is_ready(site: Site<'_>) -> bool {
    let nodes = site.facts.living.as_ref().map_or(&[][..], |living| &living.nodes);
    let ready = |host: &Host| nodes.iter().any(|node| node.ready && node.name == host.name.as_str());
    matches!(site.cluster.cni, Cni::None) || site.cluster.hosts.iter().all(ready)
}

/// What was verified: the inventory's meaning and the program that read it.
fn fingerprint(site: Site<'_>) -> String {
    let wanted = serde_json::json!([site.cluster, site.facts.version, env!("CARGO_PKG_VERSION")]);
    Secret::new(wanted.to_string()).sha256()
}

struct Verification {
    script: Option<Script>,
    expected: evidence::Expected,
    fingerprint: String,
    evidence: Late<Vec<Evidence>>,
}

impl Talk for Verification {
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem> {
        let Some(heard) = heard else { return Ok(Turn::Run(self.script.take().unwrap_or_default())) };
        if self.evidence.get().is_some() {
            return Ok(Turn::Done(Outcome::Done));
        }
        let evidence = evidence::judge(&self.expected, &heard);
        let failed: Vec<String> = evidence
            .iter()
            .filter(|evidence| !evidence.passed)
            .map(|evidence| format!("{}: {}", evidence.check, evidence.found))
            .collect();
        let _ = self.evidence.set(evidence);
        if failed.is_empty() {
            return Ok(Turn::Run(record("verified", &self.fingerprint)));
        }
        Err(Problem::new(Exit::Verification, "the cluster is not as it should be")
            .cause(failed.join("\n"))
            .next("mend the cause and run the same command again"))
    }
}

/// One script that looks at everything and judges nothing: each answer goes back as a value. What needs no pods is looked at
/// while nodes and CoreDNS become ready; values are handed back one after the other, because two at once could mix.
///
/// What it makes goes afterwards; the namespace stays, empty, because Kubernetes ends none while an aggregated API (that of
/// metrics-server, for one) is away, and the next look would have to wait for it.
fn script(server: &Host, site: Site<'_>, canary: &str) -> Result<Script, Problem> {
    let version = site.facts.version.clone().unwrap_or_default();
    let local = own_server(server);
    let mut pods = String::new();
    for host in &site.cluster.hosts {
        pods.push_str(&canary_pod(site.templates, &host.name, &version).map_err(unrendered)?);
        pods.push_str("---\n");
    }
    let servers: Vec<String> = site
        .cluster
        .control_planes()
        .map(|host| format!("{}={}", host.name, std::net::SocketAddr::new(host.address, crate::kube::API_SERVER_PORT)))
        .collect();
    let begin = format!(
        "{ETCDCTL}\n{GATHER}\n\
         ns={NAMESPACE}\n\
         lay() {{\n\
         said=$(kubectl --server={local} create -f \"$1\" 2>&1 >/dev/null) && return\n\
         case $said in\n\
         *'being terminated'*) kubectl wait --for=delete \"namespace/$ns\" --timeout=60s >/dev/null || {{\n\
         kubectl get namespace \"$ns\" -o 'jsonpath={{.status.conditions[?(@.status==\"True\")].message}}'\nexit 1\n}}\n\
         kubectl create -f \"$FORGE/namespace\" >/dev/null ;;\n\
         *\"namespaces \\\"$ns\\\" not found\"*) kubectl create -f \"$FORGE/namespace\" >/dev/null ;;\n\
         *'already exists'*) kubectl delete -f \"$1\" --ignore-not-found --now --timeout=60s >/dev/null ;;\n\
         *) printf '%s\\n' \"$said\"\nexit 1 ;;\nesac\n\
         kubectl --server={local} create -f \"$1\" >/dev/null\n}}\n\
         lay \"$FORGE/canary\""
    );
    let outside = format!(
        "(\n\
         etcdctl get --print-value-only /registry/secrets/$ns/canary | head -c 64 >\"$FORGE/etcd\"\n\
         grep -F '\"requestURI\":\"/api/v1/namespaces/{NAMESPACE}/secrets' {log} | grep -F '\"verb\":\"create\"' | \
         tail -n 1 >\"$FORGE/audit\" || true\n\
         for server in {servers}; do\n\
         ask() {{ /usr/lib/apt/apt-helper -o Acquire::https::CAInfo={ca} -o Acquire::https::Timeout=10 -o Acquire::Retries=0 \
         -o Acquire::https::Proxy=DIRECT download-file \"https://${{server#*=}}$1\" \"$FORGE/answer\" 2>&1 || true; }}\n\
         rm -f \"$FORGE/answer\"; refusal=$(ask /api | tr '\\n\\t' '  ')\n\
         ask /readyz >/dev/null\n\
         printf '%s\\t%s\\t%s\\n' \"${{server%%=*}}\" \"$refusal\" \"$(cat \"$FORGE/answer\" || true)\"\n\
         done >\"$FORGE/anonymous\"\n\
         etcdctl endpoint health --cluster -w json >\"$FORGE/members\" || true\n\
         kubeadm certs check-expiration -o json >\"$FORGE/certificates\" 2>/dev/null || true\n\
         ) &\noutside=$!",
        log = paths::AUDIT_LOG,
        servers = servers.join(" "),
        ca = paths::CA,
    );
    // The pods ask for a name, and a pod that fails once is not tried again for ten seconds: CoreDNS comes first. When the API
    // server was away, a kube-proxy may take half a minute to ask it again, and a pod that fails until then is tried again
    // after 10, 20 and 40 seconds.
    // A pod's phase follows its container's end by a second.
    let ended = "{.status.containerStatuses[*].state.terminated.exitCode}";
    let inside = format!(
        "kubectl wait --for=condition=Ready nodes --all --timeout=180s >/dev/null 2>&1 || true\n\
         kubectl -n kube-system wait --for=condition=Available deployment/coredns --timeout=60s >/dev/null 2>&1 || true\n\
         lay \"$FORGE/canary-pods\"\n\
         kubectl get nodes -o 'jsonpath={{range .items[*]}}{{.metadata.name}} {{.status.conditions[?(@.type==\"Ready\")].status}} \
         {{.status.nodeInfo.kubeletVersion}}{{\"\\n\"}}{{end}}' | emit nodes\n\
         kubectl -n \"$ns\" wait --for=jsonpath='{ended}'=0 pods --all --timeout=120s >/dev/null 2>&1 || \
         {{ gather \"$ns\" .; hand_back; }}\n\
         kubectl -n \"$ns\" get pods -o 'jsonpath={{range .items[*]}}{{.spec.nodeName}} {ended}{{\"\\n\"}}{{end}}' | emit pods\n\
         kubectl delete -f \"$FORGE/canary\" -f \"$FORGE/canary-pods\" --ignore-not-found --wait=false >/dev/null"
    );
    let end = "looked=0\nwait \"$outside\" || looked=$?\n\
         for seen in etcd audit anonymous members certificates; do\n\
         [ ! -e \"$FORGE/$seen\" ] || emit \"$seen\" <\"$FORGE/$seen\"\ndone\nexit \"$looked\"";
    Ok(Script::new(begin)
        // What is looked at has not passed until it does.
        .line("(")
        .then(record("verified", ""))
        .line(") &")
        .line(outside)
        .line(inside)
        .line(end)
        .file("namespace", Secret::new(canary_namespace(site.templates).map_err(unrendered)?))
        .file("canary", canary_secret(site.templates, canary).map_err(unrendered)?)
        .file("canary-pods", Secret::new(pods)))
}
