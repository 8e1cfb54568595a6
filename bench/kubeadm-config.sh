# shellcheck shell=bash
# kubeadm's settings for the clusters that forge is measured against.

# The lab's machine needs the same exceptions here as in lab/inventory.yaml, which says why.
ignored='' cgroup_v1=''
if [[ $(stat -f -c %T /sys/fs/cgroup) != cgroup2fs ]]; then
    ignored=SystemVerification
    cgroup_v1='failCgroupV1: false'
fi

# kubeadm_config CONTROL_PLANE
kubeadm_config() {
    cat <<EOT
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $(host_address "$1")}
nodeRegistration: {ignorePreflightErrors: [$ignored]}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: $kubernetes_version
controlPlaneEndpoint: $(host_address "$1"):6443
networking: {podSubnet: 10.244.0.0/16}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
$cgroup_v1
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%, imagefs.inodesFree: 1%}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
conntrack: {maxPerCore: 0, min: 0}
EOT
}

# The manifests of the lab's pod network, in one.
pod_network() { awk 'FNR == 1 && NR > 1 { print "---" } 1' "$lab_root/manifests/labnet.yaml" "$lab_root/manifests/kube-router.yaml"; }
