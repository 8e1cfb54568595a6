//! etcdctl on a control plane, without a client on the host.

/// Shell that defines `etcdctl`, which runs inside the host's own etcd container; `find_etcd` and `in_etcd` are its halves,
/// for who asks so often that looking for the container each time is too dear.
///
/// `kubectl exec` would need the very API server that may be in question. The container is found by its label, since a
/// restarted etcd leaves its old container behind for a while.
pub const ETCDCTL: &str = r#"find_etcd() {
etcd=
for task in $(ctr -n k8s.io tasks list 2>/dev/null | awk '$3 == "RUNNING" {print $1}'); do
[ -z "$(ctr -n k8s.io containers list -q "id==$task,labels.\"io.kubernetes.container.name\"==etcd" 2>/dev/null)" ] || etcd=$task
done
}
in_etcd() {
ctr -n k8s.io tasks exec --exec-id "forge-$$-$(date +%s%N)" "$etcd" etcdctl --cacert=/etc/kubernetes/pki/etcd/ca.crt \
--cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt --key=/etc/kubernetes/pki/etcd/healthcheck-client.key "$@"
}
etcdctl() { find_etcd; in_etcd "$@"; }"#;
