//! etcdctl on a control plane, without a client on the host.

/// Shell that defines `etcdctl`, which runs inside the host's own etcd container; `find_etcd` and `in_etcd` are its halves,
/// for who asks so often that looking for the container each time is too dear.
///
/// `container NAME` prints the id of a static pod's container that runs now, and nothing when none does: it is found by its labels,
/// since a restarted one leaves its old container behind for a while. `kubectl exec` would need the very API server that may be in question.
pub const ETCDCTL: &str = r#"container() {
{ ctr -n k8s.io tasks list; ctr -n k8s.io containers list -q "labels.\"io.kubernetes.container.name\"==$1,labels.\"io.kubernetes.pod.namespace\"==kube-system"; } 2>/dev/null |
awk '$3 == "RUNNING" {running[$1]} NF == 1 && $1 in running {id = $1} END {if (id) print id}'
}
find_etcd() { etcd=$(container etcd); }
in_etcd() {
ctr -n k8s.io tasks exec --exec-id "forge-$$-$(date +%s%N)" "$etcd" etcdctl --cacert=/etc/kubernetes/pki/etcd/ca.crt \
--cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt --key=/etc/kubernetes/pki/etcd/healthcheck-client.key "$@"
}
etcdctl() { find_etcd; in_etcd "$@"; }"#;
