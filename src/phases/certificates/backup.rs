//! What a renewal or a rotation replaces is kept beside: keys stay on the host that has them.

use crate::host::{Difference, Script};
use crate::inventory::cluster::Host;
use crate::phases::id;
use crate::plan::{Step, Work};

/// The step's name.
pub(super) const STEP: &str = "certs-backup";

/// `/var/backups/forge/certs-TIME`, readable by root only; the five newest stay. It is complete or has another name.
const BACKUP: &str = r#"umask 077
all=/var/backups/forge
mkdir -p "$all"; chmod 700 "$all"
rm -rf "$all"/certs-*.new
folder=$all/certs-$(date -u +%Y%m%dT%H%M%SZ)
mkdir "$folder.new"
for each in pki manifests admin.conf super-admin.conf kubelet.conf controller-manager.conf scheduler.conf; do
[ ! -e "/etc/kubernetes/$each" ] || cp -a "/etc/kubernetes/$each" "$folder.new/"
done
[ ! -d /var/lib/kubelet/pki ] || cp -a /var/lib/kubelet/pki "$folder.new/kubelet-pki"
sync -f "$folder.new"
mv "$folder.new" "$folder"
find "$all" -mindepth 1 -maxdepth 1 -name 'certs-*' | sort | head -n -5 | while read -r old; do rm -rf "$old"; done"#;

/// The step.
pub fn backup(host: &Host) -> Step {
    Step {
        id: id(host, STEP),
        title: "certificates and keys kept beside".to_owned(),
        runs_on: host.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes: vec![Difference::new(
            "pki, kubeconfigs, manifests and the kubelet's keys: copy to /var/backups/forge",
        )],
        work: Work::Changes(Script::new(BACKUP)),
    }
}
