//! How old the certificates are that kubeadm issued. The kubelets renew their own, and authorities last for ten years.

use super::{Clock, Row};
use crate::host::Observed;
use crate::host::facts::Probe;
use crate::inventory::{Cluster, Host};
use crate::kube::certificates;
use crate::kube::staged::Staged as _;
use crate::phases::certificates::{rotation, rotation_probe};

const KEY: &str = "status certificates";

/// Each file's name, then its certificates and nothing else of it.
pub(super) fn probes() -> [Probe; 2] {
    let files = Probe::quick(
        KEY,
        r#"for file in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt; do
case $file in *ca.crt | *ca-signer.crt | *'*'*) continue ;; esac
echo "file $file"; sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' "$file"
done
for name in admin controller-manager scheduler; do
[ -e "/etc/kubernetes/$name.conf" ] || continue
echo "file /etc/kubernetes/$name.conf"
sed -n 's/^ *client-certificate-data: *//p' "/etc/kubernetes/$name.conf" | base64 -d
done"#,
    );
    [rotation_probe(), files]
}

pub(super) fn row(host: &Host, seen: &Observed, cluster: &Cluster, clock: Clock) -> Option<Row> {
    if let Some(journal) = rotation(seen) {
        let words = journal.stage.words();
        let found = format!("a rotation of the authorities is not finished ({words}): forge certs rotate-ca INVENTORY");
        return Some(Row { host: Some(host.name.clone()), what: "certificates", fine: false, found });
    }
    let files: Vec<(&str, i64)> = seen.get(KEY).split("file /").skip(1).filter_map(read).collect();
    let (file, made) = files.iter().min_by_key(|(_, made)| *made)?;
    let (age, limit) = (clock.now - made, cluster.rotation.certificates);
    let fine = age <= limit.seconds();
    let next = if fine { "" } else { "; forge certs renew INVENTORY" };
    let found = format!("the oldest of {}, /{file}, is {} old, at most {limit}{next}", files.len(), Clock::words(age));
    Some(Row { host: Some(host.name.clone()), what: "certificates", fine, found })
}

/// A file's name without the first slash, and since when its certificate is good.
fn read(answer: &str) -> Option<(&str, i64)> {
    let (file, pem) = answer.split_once('\n')?;
    Some((file, certificates::parse(pem).ok()?.first()?.not_before))
}
