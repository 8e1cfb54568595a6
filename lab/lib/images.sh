# shellcheck shell=bash
# Packs the programs as OCI images and fills a registry with them, under the names kubeadm expects.

# registry_storage ROOTFS: prints the folder that holds every image. The registry has to run to be
# filled, so this starts it for a while.
registry_storage() {
    cached registry "$(hash_of "$lab_root/lib/images.sh" "$lab_root/versions.sh" "$lab_root/manifests" "$1" "${built[*]}")" registry_into "$1/root"
}

registry_into() {
    local rootfs=$1 folder=$2 begin=$SECONDS work kubernetes_layer tools_layer name
    say "packing and pushing images"
    registry_start "$folder"
    work=$(mktemp -d "$cache_root/.partial-images-XXXXXX")
    mkdir -p "$work/oci/blobs/sha256"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$work/oci/oci-layout"

    # One layer for all Kubernetes images, first in each: a host loads and unpacks it once.
    kubernetes_layer=$(programs_layer "$work" "${built[kubernetes]}/kubernetes" /usr/local/bin/kube{-apiserver,-controller-manager,-scheduler,-proxy,ctl})
    tools_layer=$(network_tools_layer "$work" "$rootfs")
    for name in kube-apiserver kube-controller-manager kube-scheduler; do
        image "$work" "$name:$kubernetes_version" "/usr/local/bin/$name" "$kubernetes_layer"
    done
    # kubeadm does not want this one; forge's verification asks the API server with it from every node.
    image "$work" "kubectl:$kubernetes_version" /usr/local/bin/kubectl "$kubernetes_layer"
    image "$work" "kube-proxy:$kubernetes_version" /usr/local/bin/kube-proxy "$kubernetes_layer" "$tools_layer"
    image "$work" "etcd:$etcd_image_tag" /usr/local/bin/etcd "$(programs_layer "$work" "${built[etcd]}/etcd" /usr/local/bin/etcd{,ctl,utl})"
    image "$work" "coredns/coredns:$coredns_version" /coredns "$(programs_layer "$work" "${built[coredns]}/coredns" /coredns)"
    image "$work" "metrics-server/metrics-server:$metrics_server_version" /metrics-server "$(programs_layer "$work" "${built[metrics-server]}/metrics-server" /metrics-server)"
    image "$work" "pause:$pause_version" /pause "$(programs_layer "$work" "${built[pause]}/pause" /pause)"
    image "$work" "labnet:$labnet_version" /usr/local/bin/labnet "$tools_layer" "$(programs_layer "$work" "${built[labnet]}/labnet" /usr/local/bin/labnet)"
    image "$work" "kube-router:$kube_router_version" /usr/local/bin/kube-router "$tools_layer" "$(programs_layer "$work" "${built[kube-router]}/kube-router" /usr/local/bin/kube-router)"
    calico_stand_ins "$work" "$tools_layer"

    expected_images "$work"
    rm -r "$work"
    stop registry
    say "pushed images in $((SECONDS - begin)) s"
}

# calico_stand_ins WORK LAYER: Calico's operator and what it runs, under their own names; behind them are a stand-in
# (lab/build/calico-operator), labnet, and a program that does nothing.
calico_stand_ins() {
    local work=$1 tools=$2 operator labnet pause pair
    operator=$(programs_layer "$work" "${built[calico-operator]}/calico-operator" /usr/local/bin/operator)
    labnet=$(programs_layer "$work" "${built[labnet]}/labnet" /usr/local/bin/labnet)
    pause=$(programs_layer "$work" "${built[pause]}/pause" /pause)
    for pair in "${calico_versions[@]}"; do
        image "$work" "tigera/operator:${pair#*=}" /usr/local/bin/operator "$operator"
        image "$work" "calico/node:${pair%=*}" /usr/local/bin/labnet "$tools" "$labnet"
        image "$work" "calico/kube-controllers:${pair%=*}" /pause "$pause"
    done
}

# programs_layer WORK PROGRAM PATH…: the program at the first path, links to it at the others.
programs_layer() {
    local work=$1 program=$2 tree path
    tree=$(mktemp -d "$work/tree-XXXXXX")
    chmod 755 "$tree"
    install -D -m 755 "$program" "$tree$3"
    for path in "${@:4}"; do ln -s "$(basename "$3")" "$tree$path"; done
    layer "$work" "$tree"
}

# nft, iptables and ipset from the hosts' Debian, with the libraries they need: for kube-proxy, labnet and kube-router.
network_tools_layer() {
    local work=$1 rootfs=$2 tree name file
    tree=$(mktemp -d "$work/tree-XXXXXX")
    chmod 755 "$tree"
    {
        printf '%s\n' /usr/sbin/nft /usr/sbin/xtables-nft-multi /usr/sbin/ipset
        find "$rootfs/usr/lib" -path '*/xtables/*.so' -printf '/usr/lib/%P\n'
    } >"$work/files"
    xargs chroot "$rootfs" ldd <"$work/files" | grep -oE '/[^ ]+\.so[^ ]*' | grep -v ':$' >"$work/libraries"
    sort -u "$work/files" "$work/libraries" | while IFS= read -r file; do
        install -D -m 755 "$rootfs$file" "$tree$file"
    done
    # Without names for protocols nft prints their numbers, and a kube-proxy that starts anew takes the services that it
    # finds for somebody else's and deletes them.
    install -D -m 644 "$rootfs/etc/protocols" "$tree/etc/protocols"
    for name in ip{,6}tables{,-save,-restore}; do ln -s xtables-nft-multi "$tree/usr/sbin/$name"; done
    layer "$work" "$tree"
}

# layer WORK TREE: prints the layer's digest. Not compressed: it crosses no network but the bridge.
layer() {
    local work=$1 tree=$2 sum
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$tree" -cf "$work/layer" .
    sum=$(sha256sum "$work/layer" | cut -d' ' -f1)
    mv "$work/layer" "$work/oci/blobs/sha256/$sum"
    rm -r "$tree"
    printf '%s\n' "$sum"
}

# image WORK NAME:TAG ENTRYPOINT LAYER…: pushes the image.
image() {
    local work=$1 reference=$2 entrypoint=$3 config manifest
    shift 3
    config=$(jq --null-input --compact-output --arg arch "$(go env GOARCH)" --arg entrypoint "$entrypoint" '{
        architecture: $arch, os: "linux",
        config: {Entrypoint: [$entrypoint], Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
        rootfs: {type: "layers", diff_ids: ($ARGS.positional | map("sha256:" + .))}
    }' --args "$@" | blob "$work" application/vnd.oci.image.config.v1+json)
    manifest=$(for layer in "$@"; do
        descriptor "$work" application/vnd.oci.image.layer.v1.tar "$layer"
    done | jq --slurp --compact-output --argjson config "$config" \
        '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: $config, layers: .}' |
        blob "$work" application/vnd.oci.image.manifest.v1+json)
    jq --compact-output '{schemaVersion: 2, manifests: [.]}' <<<"$manifest" >"$work/oci/index.json"
    # With its digests kept, or skopeo would compress the layers on their way.
    skopeo copy --quiet --preserve-digests --dest-tls-verify=false "oci:$work/oci" "docker://$machine_address:$registry_port/$reference"
    printf '%s\n' "$reference" >>"$work/pushed"
}

# blob WORK TYPE: stores standard input, prints its descriptor.
blob() {
    local sum
    cat >"$1/blob"
    sum=$(sha256sum "$1/blob" | cut -d' ' -f1)
    mv "$1/blob" "$1/oci/blobs/sha256/$sum"
    descriptor "$1" "$2" "$sum"
}

descriptor() {
    jq --null-input --compact-output --arg type "$2" --arg sum "$3" --argjson size "$(stat -c %s "$1/oci/blobs/sha256/$3")" \
        '{mediaType: $type, digest: ("sha256:" + $sum), size: $size}'
}

# expected_images WORK: kubeadm and the lab's manifests decide what a cluster pulls; every name they say has to be there.
expected_images() {
    local missing
    ln -s "${built[kubernetes]}/kubernetes" "$1/kubeadm"
    missing=$("$1/kubeadm" config images list --kubernetes-version "$kubernetes_version" 2>/dev/null |
        sed 's,^registry.k8s.io/,,' | sort | comm -23 - <(sort "$1/pushed"))
    [[ -z $missing ]] || die "kubeadm wants images that the lab does not make (see lab/versions.sh): $missing"
    missing=$(cat "$lab_root"/manifests/*.yaml | grep -oE 'lab\.local/[^ "]+' | sed 's,^lab.local/,,' | sort -u | comm -23 - <(sort "$1/pushed"))
    [[ -z $missing ]] || die "lab/manifests names images that the lab does not make: $missing"
}
