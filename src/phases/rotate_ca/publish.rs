//! What the cluster itself tells of its authorities: pods read it from `kube-root-ca.crt`, extension servers from
//! `extension-apiserver-authentication`, and those who join from `cluster-info`.

use serde_json::json;

use super::judge::Rotation;
use crate::host::{Difference, Script};
use crate::inventory::cluster::Host;
use crate::kube::pki::rotation::Stage;
use crate::phases::{failed, id};
use crate::plan::{Step, once};
use crate::secret::Secret;

/// The step's name.
pub(super) const STEP: &str = "authorities-publish";

/// API servers add what they trust to it and never take anything away (`combinedClusterAuthenticationInfo` in
/// `pkg/controlplane/controller/clusterauthenticationtrust`).
const EXTENSIONS: &str = r#"kubectl -n kube-system patch configmap extension-apiserver-authentication --type merge --patch-file "$FORGE/extensions" >/dev/null"#;

/// Only its authority changes: who may read it, and its signatures, are others' business.
const CLUSTER_INFO: &str = r#"kubectl -n kube-public get configmap cluster-info --ignore-not-found -o json >"$FORGE/info"
data=$(base64 -w0 <"$FORGE/ca")
if [ -s "$FORGE/info" ]; then
sed "s|\(certificate-authority-data: \)[A-Za-z0-9+/=]*|\1$data|" "$FORGE/info" | kubectl replace -f - >/dev/null
fi"#;

/// The controller manager writes it into every namespace (`--root-ca-file`).
const ROOTS: &str = r#"tries=0
while :; do
if kubectl get configmaps -A --field-selector metadata.name=kube-root-ca.crt \
-o go-template='{{range .items}}{{printf "%s %q\n" .metadata.namespace (index .data "ca.crt")}}{{end}}' >"$FORGE/roots" && [ -s "$FORGE/roots" ]; then
left=$(grep -v -F -f "$FORGE/root" "$FORGE/roots" | cut -d' ' -f1)
[ -n "$left" ] || break
fi
tries=$((tries + 1))
if [ "$tries" -ge 90 ]; then
echo "kube-root-ca.crt is not yet what it should be in: ${left:-no namespace}" | tr '\n' ' '
exit 1
fi
sleep 2
done"#;

/// The step, on one control plane.
pub(super) fn step(server: &Host, rotation: &Rotation, stage: Stage) -> Step {
    let text = |place: &str| {
        let (old, new) = (rotation.old.get(place), rotation.new.get(place));
        let old = old.filter(|_| stage != Stage::Remove);
        old.into_iter().chain(new).map(|one| one.pem.as_str()).collect::<String>()
    };
    let ca = text("ca");
    let mut script = Script::new("left=");
    if stage == Stage::Remove {
        let data = json!({"client-ca-file": ca, "requestheader-client-ca-file": text("front-proxy-ca")});
        script = script.line(EXTENSIONS).file("extensions", Secret::new(json!({ "data": data }).to_string()));
    }
    let script = script.line(CLUSTER_INFO).line(ROOTS);
    // As Go quotes it, and on a line of its own.
    let script = script.file("root", Secret::new(format!("{ca:?}\n"))).file("ca", Secret::new(ca));
    Step {
        id: id(server, STEP),
        title: "authorities told to the cluster".to_owned(),
        runs_on: server.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes: vec![Difference::new(match stage {
            Stage::Remove => {
                "kube-root-ca.crt, cluster-info, extension-apiserver-authentication: the new authorities alone"
            }
            _ => "kube-root-ca.crt, cluster-info: both authorities",
        })],
        work: once(
            move || Ok(script),
            |heard| Ok(heard.outcome()),
            failed(server, "the cluster does not tell of its authorities"),
        ),
    }
}
