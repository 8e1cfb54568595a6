//! Waiting for workloads, on the host, with a reason when they do not come.

use super::shell::last_words;
use crate::host::{Script, quote};
use crate::secret::Secret;

/// What is said of a container's status: why it waits, or that it ended badly.
macro_rules! status {
    () => {
        r#"{{$c := .}}{{with .state.waiting}}{{$pod.namespace}}/{{$pod.name}}|{{$c.name}}|{{$c.image}}|{{.reason}}|{{with .message}}{{.}}{{end}}{{"\n"}}{{end}}{{with .state.terminated}}{{if ne (print .exitCode) "0"}}{{$pod.namespace}}/{{$pod.name}}|{{$c.name}}|{{$c.image}}|Error|exit code {{.exitCode}}{{"\n"}}{{end}}{{end}}"#
    };
}

/// Shell that defines `stuck PATTERN` and `hopeless TEXT`.
///
/// `stuck` prints a line for each container that does not do its work and each pod that has no node, of the pods whose
/// `NAMESPACE/POD` begins with the extended regular expression: pod, container, image, reason, message, and the last line that
/// it logged when it ran, or a Go program's panic in place of its trace. `hopeless` tells whether such text has a reason that
/// waiting alone does not mend.
pub const STUCK: &str = concat!(
    last_words!(),
    r#"stuck() {
kubectl get pods -A -o go-template='{{range .items}}{{$pod := .metadata}}{{range .status.conditions}}{{if eq (print .type .status) "PodScheduledFalse"}}{{$pod.namespace}}/{{$pod.name}}|||Unscheduled|{{.message}}{{"\n"}}{{end}}{{end}}"#,
    "{{range .status.initContainerStatuses}}",
    status!(),
    "{{end}}{{range .status.containerStatuses}}",
    status!(),
    r#"{{if .state.running}}{{if not .ready}}{{$pod.namespace}}/{{$pod.name}}|{{.name}}|{{.image}}|NotReady|{{"\n"}}{{end}}{{end}}{{end}}{{end}}' | grep -E "^($1)" | while IFS='|' read -r pod container image reason message; do
said=
case $reason in
CrashLoopBackOff | Error) said=$(kubectl -n "${pod%%/*}" logs "${pod#*/}" -c "$container" --previous --tail=60 2>/dev/null | last_words) ;;
NotReady) said=$(kubectl -n "${pod%%/*}" logs "${pod#*/}" -c "$container" --tail=60 2>/dev/null | last_words) ;;
esac
printf '%s%s: %s%s%s\n' "$pod" "${container:+ container $container ($image)}" "$reason" "${message:+: $message}" "${said:+; it said: $said}"
done
}
hopeless() {
printf '%s\n' "$1" | grep -Eq ': (ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|CrashLoopBackOff|CreateContainerConfigError|CreateContainerError|RunContainerError)(: |$)'
}"#
);

/// Shell that defines `watch FILE ARGUMENTS…`: `kubectl get --watch` in the background, a line to the file for all that is there
/// and for every change, begun again when it has ended; and `unwatch`. kubectl takes a tenth of a second of a core to start,
/// and the API server tells of changes: asking it again and again costs a small control plane more than waiting for it.
pub const WATCH: &str = r#"watching=
watch() {
if [ -n "$watching" ] && kill -0 "$watching" 2>/dev/null; then return; fi
lines=$1; shift
: >"$lines"
timeout 300 kubectl get --watch "$@" >>"$lines" 2>/dev/null &
watching=$!
}
unwatch() { kill "$watching" 2>/dev/null || true; wait "$watching" || true; watching=; }"#;

/// The loop around a question; it needs [`STUCK`]. It ends when the question is answered, after five minutes, or when a
/// container has been hopeless for 20 seconds, which a registry that was slow once is not.
fn until(namespaces: &str, question: &str) -> String {
    let pattern = quote(&format!("({})/", namespaces.replace(' ', "|")));
    format!(
        "bad=0; said=; end=$(($(date +%s) + 300)); look=$(($(date +%s) + 5))\nuntil {question}; do\n\
         now=$(date +%s)\n\
         if [ \"$now\" -ge \"$look\" ]; then\n\
         look=$((now + 5)); said=$(stuck {pattern}); if hopeless \"$said\"; then bad=$((bad + 1)); else bad=0; fi\nfi\n\
         if [ \"$bad\" -ge 4 ] || [ \"$now\" -ge \"$end\" ]; then\n\
         [ -n \"$said\" ] || said='not ready after five minutes'\n\
         printf '%s\\n' \"$said\"\nprintf '%s\\n' \"$said\" | emit stuck\nexit 1\nfi\nsleep 0.2\ndone"
    )
}

/// Shell that waits until every workload of these kinds (`daemonsets`, `deployments`) in a namespace has the pods it wants on
/// the nodes that are there. When it fails it hands back `stuck`.
pub fn wait_for_workloads(namespace: &str, kinds: &[&str]) -> String {
    let columns = "{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{.metadata.generation}} \
                   {{or .status.observedGeneration 0}} {{if eq .kind \"DaemonSet\"}}{{.status.desiredNumberScheduled}} \
                   {{or .status.numberReady 0}}{{else}}{{.spec.replicas}} {{or .status.readyReplicas 0}}{{end}}{{\"\\n\"}}{{end}}";
    let wait = |kind: &&str| {
        let question = format!(
            "watch \"$FORGE.workloads\" -n {} {kind} -o go-template={}; awk '{{last[$1] = ($2 != $3 || $4 != $5)}} \
             END {{for (name in last) {{bad += last[name]; seen = 1}} exit bad + !seen}}' \"$FORGE.workloads\"",
            quote(namespace),
            quote(columns)
        );
        format!("{}\nunwatch", until(namespace, &question))
    };
    format!("{STUCK}\n{WATCH}\n{}", kinds.iter().map(wait).collect::<Vec<_>>().join("\n"))
}

/// Shell that waits for the operator's own verdict on its parts.
pub fn wait_for_tigera(parts: &[&str]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| format!("tigerastatus/{part}")).collect();
    let question = format!("kubectl wait --for=condition=Available --timeout=1s {} >/dev/null 2>&1", parts.join(" "));
    format!("{STUCK}\n{}", until("tigera-operator calico-system kube-system", &question))
}

/// A script that notes a value in our ConfigMap `kube-system/forge`, the cluster's own memory of what was applied. The value
/// travels as a file: it may be longer than a command line.
pub fn record(key: &str, value: &str) -> Script {
    let file = format!("record-{key}");
    let patch = serde_json::json!({ "data": { key: value } }).to_string();
    Script::new(format!(
        "note() {{ kubectl -n kube-system patch configmap forge --type merge --patch-file \"$FORGE/{file}\" >/dev/null; }}\n\
         note 2>/dev/null || {{ kubectl -n kube-system create configmap forge >/dev/null; note; }}"
    ))
    .file(&file, Secret::new(patch))
}
