# shellcheck shell=bash
# Makes the Debian packages and the two signed apt repositories that hosts install from, laid out as
# upstream's: Kubernetes' is flat with one folder per minor, containerd's is like Docker's.

export GNUPGHOME=$cache_root/gnupg

# www: prints the folder that the lab serves over HTTP.
www() {
    local runc
    runc=$(debian_package runc)
    signing_keys
    cached www "$(hash_of "$lab_root/packages" "$lab_root/manifests" "$lab_root/charts" "$lab_root/lib/packages.sh" "$lab_root/versions.sh" \
        "$debian_release" "${built[*]}" "$runc" "$(public_key kubernetes)" "$(public_key containerd)")" \
        www_into "$runc/usr/sbin/runc"
}

www_into() {
    local runc=$1 folder=$2 begin=$SECONDS name work architecture flat dists pool
    say "making packages"
    architecture=$(dpkg --print-architecture)
    work=$(mktemp -d "$cache_root/.partial-packages-XXXXXX")
    flat=$folder/apt/kubernetes/v$kubernetes_minor/deb
    dists=$folder/apt/containerd/dists/$debian_release
    pool=$dists/pool/stable/$architecture
    mkdir -p "$flat/$architecture" "$pool" "$dists/stable/binary-$architecture" "$folder/artifacts"

    for name in kubernetes-lab kubelet kubeadm kubectl kubernetes-cni containerd.io; do package_tree "$work" "$name" "$architecture"; done
    install -D -m 755 "${built[kubernetes]}/kubernetes" "$work/kubernetes-lab/usr/lib/kubernetes-lab/$kubernetes_version/kubernetes"
    for name in kubelet kubeadm kubectl; do
        mkdir -p "$work/$name/usr/bin"
        ln -s "../lib/kubernetes-lab/$kubernetes_version/kubernetes" "$work/$name/usr/bin/$name"
    done
    mkdir -p "$work/kubelet/etc/kubernetes/manifests" "$work/kubernetes-cni/opt/cni/bin" "$work/containerd.io/usr/bin"
    install -m 755 "${built[cni-plugins]}"/* "$work/kubernetes-cni/opt/cni/bin/"
    install -m 755 "${built[containerd]}"/* "$runc" "$work/containerd.io/usr/bin/"

    for name in kubernetes-lab kubelet kubeadm kubectl kubernetes-cni; do package "$work/$name" "$flat/$architecture"; done
    package "$work/containerd.io" "$pool"
    rm -r "$work"

    index "$flat" "$architecture"
    sign kubernetes "$flat"
    public_key kubernetes >"$flat/Release.key"
    (cd "$folder/apt/containerd" && apt-ftparchive packages "dists/$debian_release/pool" >"dists/$debian_release/stable/binary-$architecture/Packages")
    apt-ftparchive -o "APT::FTPArchive::Release::Codename=$debian_release" -o "APT::FTPArchive::Release::Suite=$debian_release" \
        -o APT::FTPArchive::Release::Components=stable -o "APT::FTPArchive::Release::Architectures=$architecture" \
        release "$dists" >"$folder/Release"
    mv "$folder/Release" "$dists/Release"
    sign containerd "$dists"
    public_key containerd >"$folder/apt/containerd/gpg"

    cp "$lab_root/manifests/labnet.yaml" "$folder/artifacts/"
    helm_archive "$folder/artifacts/$(helm_archive_name)"
    charts "$folder/artifacts/charts"
    say "made packages in $((SECONDS - begin)) s"
}

# The path of Helm's archive below get.helm.sh, and below artifacts/.
helm_archive_name() { printf 'helm-%s-linux-%s.tar.gz\n' "$helm_version" "$(dpkg --print-architecture)"; }

# helm_archive FILE: laid out as Helm's own release.
helm_archive() {
    local tree folder
    tree=$(mktemp -d)
    folder=linux-$(dpkg --print-architecture)
    install -D -m 755 "${built[helm]}/helm" "$tree/$folder/helm"
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$tree" -c "$folder" | gzip -1 --no-name >"$1"
    rm -r "$tree"
}

# charts FOLDER: lab/charts as a chart repository.
charts() {
    local chart
    mkdir -p "$1"
    for chart in "$lab_root"/charts/*/; do "${built[helm]}/helm" package --destination "$1" "$chart" >/dev/null; done
    "${built[helm]}/helm" repo index "$1"
}

# package_tree WORK NAME ARCHITECTURE: what lab/packages holds of it, with versions filled in and git's modes put right.
package_tree() {
    local tree=$1/$2
    cp -r "$lab_root/packages/$2" "$tree"
    find "$tree" -type d -exec chmod 755 {} + -o -type f ! -perm -u+x -exec chmod 644 {} + -o -type f -exec chmod 755 {} +
    sed -i -e "s/@ARCHITECTURE@/$3/" \
        -e "s/@KUBERNETES_VERSION@/${kubernetes_version#v}/" -e "s/@KUBERNETES_PACKAGE@/$kubernetes_package_version/" \
        -e "s/@CNI_VERSION@/${cni_plugins_version#v}/" \
        -e "s/@CONTAINERD_PACKAGE@/${containerd_version#v}-1~debian.$(. /etc/os-release && printf '%s' "$VERSION_ID")~$debian_release/" \
        "$tree/DEBIAN/control"
}

# Lightly compressed: hosts unpack a package more often than the lab makes one.
package() { dpkg-deb --root-owner-group -Zzstd -z1 --build "$1" "$2" >/dev/null; }

index() {
    (cd "$1" && apt-ftparchive packages . >Packages && gzip -9 --keep Packages)
    apt-ftparchive -o "APT::FTPArchive::Release::Architectures=$2" release "$1" >"$1/../.Release"
    mv "$1/../.Release" "$1/Release"
}

# One key per repository, made once for this cache.
signing_keys() {
    local name
    mkdir -p "$GNUPGHOME"
    chmod 700 "$GNUPGHOME"
    for name in kubernetes containerd; do
        lab_gpg --list-secret-keys "$name@lab.forge.example" &>/dev/null ||
            lab_gpg --passphrase '' --quick-generate-key "forge lab: $name <$name@lab.forge.example>" rsa3072 sign never
    done
}

sign() {
    lab_gpg --local-user "$1@lab.forge.example" --clearsign --output "$2/InRelease" "$2/Release"
    lab_gpg --local-user "$1@lab.forge.example" --armor --detach-sign --output "$2/Release.gpg" "$2/Release"
}

public_key() { lab_gpg --armor --export "$1@lab.forge.example"; }

# gpg leaves an agent behind, which must not hold the lab's lock and ends with the command.
lab_gpg() { gpg --quiet --batch --no-tty "$@" 9>&-; }
stop_gpg_agent() { gpgconf --kill gpg-agent 9>&- 2>/dev/null || true; }
