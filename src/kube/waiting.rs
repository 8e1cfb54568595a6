//! Shell for what a script asks of the API server again and again, and for the note of what was done.

use crate::host::Script;
use crate::secret::Secret;

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
