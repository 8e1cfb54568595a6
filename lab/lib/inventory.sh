# shellcheck shell=bash
# Writes what an operator would have: the inventory, the pinned host keys, the repositories' keys.

# write_known_hosts NAME…: the lab made the hosts, so it knows their keys without asking the network.
write_known_hosts() {
    local name key
    for name in "$@"; do
        for key in "$hosts_root/$name"/root/etc/ssh/ssh_host_*_key.pub; do
            printf '%s %s\n' "$(host_address "$name")" "$(cut -d' ' -f1,2 "$key")"
        done
    done >"$lab_root/known_hosts.new"
    mv "$lab_root/known_hosts.new" "$lab_root/known_hosts"
}

sha256_of() { sha256sum "$1" | cut -d' ' -f1; }

write_keys() {
    mkdir -p "$lab_root/keys"
    public_key kubernetes >"$lab_root/keys/kubernetes.asc"
    public_key containerd >"$lab_root/keys/containerd.asc"
}

# write_inventory UPSTREAM WWW NAME…
write_inventory() {
    local upstream=$1 www=$2 name role chart
    shift 2
    {
        cat <<EOT
# yaml-language-server: \$schema=../forge.schema.json
# Made by lab/hosts for the hosts that run now; the next lab/hosts writes it anew.
cluster:
  name: lab
  kubernetes: "$kubernetes_minor"
  endpoint: api.lab.example:6443

ssh:
  user: ops
  identityFile: .ssh/id_ed25519
  knownHosts: known_hosts

hosts:
EOT
        for name in "$@"; do
            role=worker
            [[ $name != cp* ]] || role=control-plane
            printf '  %s: {address: %s, roles: [%s]}\n' "$name" "$(host_address "$name")" "$role"
        done
        cat <<'EOT'

# The hosts are containers that share one machine's kernel, disk and limits. Real machines need none of this.
kubeadm:
EOT
        if [[ $(stat -f -c %T /sys/fs/cgroup) != cgroup2fs ]]; then
            cat <<'EOT'
  # The machine runs cgroup v1, which kubeadm's system check and the kubelet refuse by default.
  ignorePreflightErrors: [SystemVerification]
EOT
        fi
        echo '  kubeletConfiguration:'
        [[ $(stat -f -c %T /sys/fs/cgroup) == cgroup2fs ]] || echo '    failCgroupV1: false'
        cat <<'EOT'
    # All hosts stand on the machine's one disk: when it is 85 % full, every host would throw its images
    # and pods away and gain nothing.
    imageGCHighThresholdPercent: 100
    imageGCLowThresholdPercent: 99
    evictionHard:
      memory.available: 100Mi
      nodefs.available: 1%
      nodefs.inodesFree: 1%
      imagefs.available: 1%
      imagefs.inodesFree: 1%
  kubeProxyConfiguration:
    # The connection table's size is the machine's to set.
    conntrack: {maxPerCore: 0, min: 0}
EOT
        cat <<'EOT'

security:
  sysctls:
    # Once set it stays until the next boot, and the machine has not asked for it.
    kernel.unprivileged_bpf_disabled: null
    kernel.kexec_load_disabled: null
EOT
        ((upstream)) || chart=$(basename "$www"/artifacts/charts/metrics-server-*.tgz .tgz)
        ((upstream)) || cat <<EOT

# Calico's images are not built here; labnet is the lab's own pod network (lab/build/labnet).
cni:
  provider: manifests
  manifests:
    - {path: manifests/labnet.yaml}
    # Enforces network policies, as Calico does elsewhere.
    - {path: manifests/kube-router.yaml}

addons:
  # The images of these two cannot be built here.
  kubeletCsrApprover: {enabled: false}
  falco: {enabled: false}
  # Built here, and installed from a chart of the lab's own (lab/charts/metrics-server).
  metricsServer: {version: ${chart#metrics-server-}, sha256: $(sha256_of "$www/artifacts/charts/$chart.tgz")}

# Packages, images and files come from the lab's own repositories on this machine.
sources:
  kubernetesPackages: {url: "$files_url/apt/kubernetes/v$kubernetes_minor/deb/", key: keys/kubernetes.asc}
  containerdPackages: {url: "$files_url/apt/containerd", key: keys/containerd.asc}
  registries:
    registry.k8s.io: ["$registry_url"]
    lab.local: ["$registry_url"]
  # Built here too, hence another checksum than upstream's.
  helm: {version: ${helm_version#v}, sha256: {$(dpkg --print-architecture): $(sha256_of "$www/artifacts/$(helm_archive_name)")}}
  artifacts:
    https://get.helm.sh: "$files_url/artifacts"
    https://kubernetes-sigs.github.io/metrics-server: "$files_url/artifacts/charts"
EOT
    } >"$lab_root/inventory.yaml.new"
    mv "$lab_root/inventory.yaml.new" "$lab_root/inventory.yaml"
}
