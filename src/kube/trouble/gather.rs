//! The shell that collects what the API server and the nodes have to say about pods that do not come up.

use crate::kube::shell::last_words;

/// Shell that defines `gather NAMESPACE PATTERN`, `hand_back` and `hopeless`.
///
/// `gather` keeps, for at most twenty pods of the namespace that are not ready and whose names begin with the extended regular
/// expression: the pods, the namespace's warnings, and the last line that each of their containers logged (a Go program's
/// panic in place of its trace). What was gathered before stays when there is no such pod now. `hand_back` emits all of it for
/// [`super::Troubles::of`]. `hopeless` tells whether a pod waits for something that waiting alone does not fix.
///
/// Only names of objects and of states ever become words of a shell; what people and programs have written travels as JSON or
/// as a value of its own.
pub const GATHER: &str = concat!(
    last_words!(),
    r#"evidence=$FORGE.evidence
gather() {
unready=$(kubectl -n "$1" get pods -o go-template='{{range .items}}{{$pod := .metadata.name}}{{$ready := eq (print .status.phase) "Succeeded"}}{{range .status.conditions}}{{if eq (print .type .status) "ReadyTrue"}}{{$ready = true}}{{end}}{{end}}{{if not $ready}}{{$pod}} -{{"\n"}}{{range .status.initContainerStatuses}}{{if not .ready}}{{if or .state.running .state.terminated .lastState.terminated}}{{$pod}} {{.name}}{{"\n"}}{{end}}{{end}}{{end}}{{range .status.containerStatuses}}{{if not .ready}}{{if or .state.running .state.terminated .lastState.terminated}}{{$pod}} {{.name}}{{"\n"}}{{end}}{{end}}{{end}}{{end}}{{end}}' 2>/dev/null | grep -E "^($2)" || true)
pods=$(printf '%s\n' "$unready" | cut -d' ' -f1 | uniq | head -n 20)
[ -n "$pods" ] || [ ! -e "$evidence/pods.$1" ] || return 0
mkdir -p "$evidence"; rm -f "$evidence/log.$1".*
: >"$evidence/pods.$1"
# shellcheck disable=SC2086 # one word for each pod
[ -z "$pods" ] || kubectl -n "$1" get pods $pods -o json --ignore-not-found >"$evidence/pods.$1" 2>/dev/null || true
kubectl -n "$1" get events --field-selector type=Warning -o json >"$evidence/events.$1" 2>/dev/null || true
printf '%s\n' "$unready" | grep -v ' -$' | head -n 6 | while read -r pod container; do
timeout 10 kubectl -n "$1" logs "$pod" -c "$container" --tail=60 2>/dev/null | last_words >"$evidence/log.$1.$pod.$container" || true
done
}
hand_back() {
for found in "$evidence"/*; do
[ ! -s "$found" ] || [ "$(wc -c <"$found")" -gt 1000000 ] || emit "${found##*/}" <"$found"
done
}
hopeless() {
cat "$evidence"/pods.* 2>/dev/null | grep -Eq '^ *"reason": "(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|CrashLoopBackOff|CreateContainerConfigError|CreateContainerError|RunContainerError)",?$'
}"#
);

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::GATHER;

    #[test]
    fn shellcheck_has_nothing_to_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        std::fs::write(&path, format!("FORGE=x\nemit() {{ :; }}\n{GATHER}\ngather a b; hopeless; hand_back\n"))
            .unwrap();
        let output = Command::new("shellcheck").args(["-s", "sh", "-e", "SC2016,SC2317"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
