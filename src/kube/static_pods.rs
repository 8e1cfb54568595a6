//! Static pods on a control plane: which container runs now, restarting one, and waiting for it to answer.

/// Shell that defines, for the names `etcd`, `kube-apiserver`, `kube-controller-manager` and `kube-scheduler`:
///
/// - `container NAME` prints the id of the container that runs now; nothing when none does.
/// - `replaced NAME OLD` waits until another container than OLD runs.
/// - `answers NAME ADDRESS` waits until it says that it is well, at its own address rather than through the endpoint.
/// - `restart NAME ADDRESS` takes the manifest away, waits for the container's end, puts the manifest back and waits until it
///   answers. A manifest that an earlier run left aside is put back first, so it may be cut off anywhere.
///
/// The kubelet notices manifests that come and go at once, and again every 20 s (`fileCheckFrequency`); an API server needs up
/// to a minute to end what it was asked.
pub const STATIC_PODS: &str = r#"aside=/var/lib/forge/manifests
container() {
ctr -n k8s.io tasks list | awk '$3 == "RUNNING" {print $1}' | while read -r task; do
[ -z "$(ctr -n k8s.io containers list -q "id==$task,labels.\"io.kubernetes.container.name\"==$1")" ] || echo "$task"
done | tail -n 1
}
await() {
what=$1; tries=0; shift
until "$@" >/dev/null 2>&1; do
tries=$((tries + 1))
if [ "$tries" -ge 360 ]; then echo "$what: not within three minutes"; return 1; fi
sleep 0.5
done
}
gone() { [ -z "$(container "$1")" ]; }
other() { now=$(container "$1"); [ -n "$now" ] && [ "$now" != "$2" ]; }
replaced() { await "a new container of $1" other "$1" "$2"; }
ask_health() {
case $1 in
etcd) etcdctl --endpoints="https://127.0.0.1:2379" endpoint health ;;
kube-apiserver) kubectl --server="https://$2:6443" --request-timeout=5s get --raw /readyz ;;
kube-controller-manager) kubectl --server=https://127.0.0.1:10257 --insecure-skip-tls-verify --request-timeout=5s get --raw /healthz ;;
kube-scheduler) kubectl --server=https://127.0.0.1:10259 --insecure-skip-tls-verify --request-timeout=5s get --raw /healthz ;;
esac
}
answers() { await "$1 answers" ask_health "$1" "$2"; }
put_back() { [ ! -e "$aside/$1.yaml" ] || mv -f "$aside/$1.yaml" "/etc/kubernetes/manifests/$1.yaml"; }
restart() {
mkdir -p "$aside"; chmod 700 "$aside"
put_back "$1"
mv "/etc/kubernetes/manifests/$1.yaml" "$aside/$1.yaml"
await "the end of $1" gone "$1" || { put_back "$1"; return 1; }
put_back "$1"
await "$1 runs" other "$1" ""
answers "$1" "$2"
}"#;
