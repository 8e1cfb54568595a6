//! What kubeadm would write on a host, had it to write today: compared with what is there, and put in its place.

/// The files of a node's kubelet, below `/var/lib/kubelet`.
pub const KUBELET_FILES: [&str; 3] = ["config.yaml", "instance-config.yaml", "kubeadm-flags.env"];

/// The static pods of a control plane, in the order in which they depend on each other.
pub const COMPONENTS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// Shell that defines `would_write CONFIG FOLDER PHASE…`, which lets kubeadm write the files of phases of `kubeadm init` into
/// FOLDER: `kubelet-start`, `control-plane`, `etcd`. It touches nothing else, asks nobody over the network, and fails with
/// kubeadm's words.
///
/// A dry run writes for real, but into a folder of its own (`GetDryRunDir` in `cmd/kubeadm/app/constants`). The environment
/// is empty because kubeadm hands its own proxy variables on to the static pods.
pub const WOULD_WRITE: &str = r#"would_write() {
config=$1; folder=$2; shift 2
mkdir -p "$folder"
for phase in "$@"; do
(
case $phase in
control-plane) set -- control-plane all ;;
etcd) set -- etcd local ;;
*) set -- "$phase" ;;
esac
env -i PATH="$PATH" HOME=/root KUBEADM_INIT_DRYRUN_DIR="$folder" kubeadm init phase "$@" --dry-run --config "$config" \
>/dev/null 2>"$folder/said-$phase" && rm "$folder/said-$phase"
) &
done
wait
for said in "$folder"/said-*; do
[ ! -e "$said" ] || { grep -v '^W[0-9]' "$said" | tail -n 3; return 1; }
done
}"#;
