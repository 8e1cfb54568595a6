//! The kubelet's own certificates: the one that it shows, and the one with which it comes to the API server.

use super::job::Job;
use super::{Renewal, token};
use crate::error::Problem;
use crate::host::{Difference, Script};
use crate::kube::discovery_kubeconfig;
use crate::kube::pki::Keeper;
use crate::phases::{id, serving_certificate, unrendered};
use crate::plan::{Step, Work};

/// The step's name.
pub(super) const STEP: &str = "certs-kubelet";

/// With what a kubelet comes for its first certificate.
const BOOTSTRAP: &str = "/etc/kubernetes/bootstrap-kubelet.conf";

/// The certificate that it was given.
const CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// A control plane has the CA's key, so its kubelet comes back before anything else does. The certificate is put where the
/// kubelet keeps those that it was given itself.
const OWN: &str = r#"umask 077
mkdir "$FORGE/made"
kubeadm init phase kubeconfig kubelet --config "$FORGE/config" --kubeconfig-dir "$FORGE/made" >/dev/null
field() { sed -n "s/^ *client-$1-data: *//p" "$FORGE/made/kubelet.conf" | base64 -d; }
pem=/var/lib/kubelet/pki/kubelet-client-$(date +%Y-%m-%d-%H-%M-%S).pem
{ field certificate; field key; } >"$pem.new"
sync "$pem.new"
mv "$pem.new" "$pem"
ln -s "$pem" "$FORGE/link"
mv -T "$FORGE/link" /var/lib/kubelet/pki/kubelet-client-current.pem"#;

/// A worker's kubelet asks as when it joined: its new key never leaves the host. When nobody gives it a certificate it goes on
/// with the one it had; where the power went meanwhile it asks again after the boot, and the next renewal asks anew.
const ASK: &str = r#"before=$(readlink -f "$current")
back() {
rm -f "$bootstrap"
if [ ! -e "$current" ] && [ -e "$before" ]; then ln -s "$before" "$current"; systemctl restart kubelet; fi
}
trap back EXIT
trap 'exit 1' HUP INT TERM
install -m 600 "$FORGE/bootstrap" "$bootstrap"
rm -f "$current""#;

/// Shell that restarts the kubelet. One that dislikes something says so by ending within a second or two, after it has begun
/// to listen.
pub const RESTART: &str = r#"kubelet_is() {
what=$1; tries=0; shift
until "$@"; do
tries=$((tries + 1))
if [ "$tries" -ge 120 ]; then echo "$what: not within minutes"; journalctl -u kubelet -n 5 --no-pager -o cat; return 1; fi
sleep 0.5
done
}
pid() { systemctl show --property=MainPID --value kubelet; }
settled() { running=$(pid); sleep 3; [ "$(pid)" = "$running" ] && [ -n "$(ss -H -l -t -n 'sport = :10248')" ]; }
systemctl restart kubelet
kubelet_is 'the kubelet has its certificate' [ -e /var/lib/kubelet/pki/kubelet-client-current.pem ]
kubelet_is 'the kubelet runs on' settled"#;

/// The step, when one of them is due.
pub(super) fn step(job: &Job<'_>, renewal: Renewal<'_>) -> Result<Option<Step>, Problem> {
    if !job.needs_kubelet() {
        return Ok(None);
    }
    // A run whose host lost its power may have left it; a kubelet without a certificate still needs it.
    let mut script = Script::new(format!("[ ! -e {CURRENT} ] || rm -f {BOOTSTRAP}"));
    let mut needs = Vec::new();
    if job.is_due(Keeper::KubeletServing) {
        script = script.line("rm -f /var/lib/kubelet/pki/kubelet-server-current.pem");
    }
    if job.is_due(Keeper::KubeletClient) && job.host.is_control_plane() {
        script = script.line(OWN).file("config", renewal.config(job.host)?);
    } else if job.is_due(Keeper::KubeletClient) {
        let (cluster, token) = (renewal.cluster, &renewal.secrets.token);
        let bootstrap = discovery_kubeconfig(renewal.templates, cluster, renewal.ca, token).map_err(unrendered)?;
        script = script.line(format!("bootstrap={BOOTSTRAP} current={CURRENT}\n{ASK}")).file("bootstrap", bootstrap);
        needs.extend(token::server(renewal).map(|server| id(server, token::CREATE)));
    }
    let due =
        job.due.iter().filter(|(place, _)| matches!(place.keeper, Keeper::KubeletClient | Keeper::KubeletServing));
    Ok(Some(Step {
        id: id(job.host, STEP),
        title: "kubelet asks for new certificates".to_owned(),
        runs_on: job.host.name.clone(),
        needs,
        after: Vec::new(),
        changes: due
            .map(|(place, why)| Difference::new(format!("certificate {}: renew ({why})", place.name)))
            .collect(),
        work: Work::Changes(script.line(RESTART)),
    }))
}

/// The approval of what the kubelet asks for.
pub(super) fn approval(job: &Job<'_>, renewal: Renewal<'_>) -> Option<Step> {
    if !job.is_due(Keeper::KubeletServing) && !job.pending {
        return None;
    }
    let server = if job.host.is_control_plane() { job.host } else { token::server(renewal)? };
    let mut step = serving_certificate::approval(job.host, server);
    step.needs = vec![id(job.host, STEP), id(job.host, super::proof::STEP)];
    if !job.host.is_control_plane() {
        step.needs.extend(renewal.cluster.control_planes().map(|host| id(host, super::proof::STEP)));
    }
    Some(step)
}
