//! What kubeadm would write on a host, had it to write today: compared with what is there, and put in its place.

use super::shell::signs_with;

/// The files of a node's kubelet, below `/var/lib/kubelet`.
pub const KUBELET_FILES: [&str; 3] = ["config.yaml", "instance-config.yaml", "kubeadm-flags.env"];

/// The static pods of a control plane, in the order in which they depend on each other.
pub const COMPONENTS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// Shell that defines `would_write CONFIG FOLDER PHASE…`, which lets kubeadm write the files of phases of `kubeadm init` into
/// FOLDER: `kubelet-start`, `control-plane`, `etcd`. It touches nothing else, asks nobody over the network, and fails with
/// kubeadm's words.
///
/// A dry run writes for real, but into a folder of its own (`GetDryRunDir` in `cmd/kubeadm/app/constants`). The environment
/// is empty because kubeadm hands its own proxy variables on to the static pods. Of two authorities that are trusted it knows
/// nothing (see [`crate::kube::TWO_AUTHORITIES`]).
///
/// It is one `kubeadm init` that skips all other phases: starting kubeadm takes longer than what it does here.
pub const WOULD_WRITE: &str = concat!(
    signs_with!(),
    r#"would_write() {
config=$1; folder=$2; shift 2
mkdir -p "$folder"
skipped=preflight,certs,kubeconfig,wait-control-plane,upload-config,upload-certs,mark-control-plane
skipped=$skipped,bootstrap-token,kubelet-finalize,addon,show-join-command
for phase in kubelet-start control-plane etcd; do
case " $* " in *" $phase "*) ;; *) skipped=$skipped,$phase ;; esac
done
if ! env -i PATH="$PATH" HOME=/root KUBEADM_INIT_DRYRUN_DIR="$folder" kubeadm init --skip-phases="$skipped" --dry-run \
--config "$config" >/dev/null 2>"$folder/said"; then
grep -v '^W[0-9]' "$folder/said" | tail -n 3
return 1
fi
signer=/etc/kubernetes/pki/ca-signer.crt; manifest=$folder/kube-controller-manager.yaml
if [ -e "$signer" ] && [ -e "$manifest" ]; then signs_with "$manifest" "$signer"; fi
}"#
);
