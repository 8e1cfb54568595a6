# shellcheck shell=bash
# The versions of what the lab builds. The go.mod files hold them, so that there is one place to
# change each; kubeadm names the ones of etcd, CoreDNS and pause, and lab/lib/images.sh checks them.

# module_version COMPONENT MODULE
module_version() {
    awk -v module="$2" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$lab_root/build/$1/go.mod"
}

kubernetes_version=$(module_version kubernetes k8s.io/kubernetes)                       # v1.36.5
kubernetes_minor=$(cut -d. -f1-2 <<<"${kubernetes_version#v}")                          # 1.36
etcd_version=$(module_version etcd go.etcd.io/etcd/server/v3)
coredns_version=$(module_version coredns github.com/coredns/coredns)
containerd_version=$(module_version containerd github.com/containerd/containerd/v2)
cni_plugins_version=$(module_version cni-plugins github.com/containernetworking/plugins)
pause_version=3.10.2
labnet_version=v1
kube_router_version=$(module_version kube-router github.com/cloudnativelabs/kube-router/v2)
helm_version=$(module_version helm helm.sh/helm/v4)
metrics_server_version=$(module_version metrics-server sigs.k8s.io/metrics-server)
# Calico and the operator that brings it, as src/inventory/calico.rs knows them; the lab has stand-ins (lab/build/calico-operator).
calico_versions=(v3.32.1=v1.42.3 v3.31.7=v1.40.15)

# The revisions that upstream's packages and images carry.
kubernetes_package_version=${kubernetes_version#v}-1.1
etcd_image_tag=${etcd_version#v}-0
