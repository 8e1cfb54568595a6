# shellcheck shell=bash
# Builds the root file system that every host starts from: Debian as on a fresh virtual machine.

# What a distribution's cloud image has or a server has anyway. Never containerd or Kubernetes:
# those have to arrive as packages on the host.
host_packages=(
    systemd systemd-sysv dbus libpam-systemd openssh-server sudo
    iproute2 iputils-ping procps kmod netbase curl ca-certificates gnupg less
    iptables nftables ipset conntrack ethtool socat libseccomp2
    unattended-upgrades
)

debian_release=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")

# The machine's own Debian sources as one-line entries: the hosts use the mirror that it uses.
debian_sources() {
    apt-get indextargets --format "deb \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' 'Origin: Debian' | sort -u
}

# A proxy that the machine needs to reach that mirror, the hosts need as well.
apt_proxy() { apt-config dump --format '%F "%v";%n' | grep -E '^Acquire::https?::[Pp]roxy' || true; }

rootfs() {
    local sources proxy
    sources=$(debian_sources)
    [[ -n $sources ]] || die "apt knows no Debian sources: the lab needs a Debian machine (run apt-get update first)"
    proxy=$(apt_proxy)
    cached rootfs "$(hash_of "$lab_root/host" "$lab_root/lib/rootfs.sh" "${host_packages[*]}" "$sources" "$proxy")" \
        rootfs_into "$sources" "$proxy"
}

rootfs_into() {
    local sources=$1 proxy=$2 root=$3/root begin=$SECONDS lines options=()
    mapfile -t lines <<<"$sources"
    [[ -z $proxy ]] || options+=(--aptopt="$proxy")
    say "building the hosts' root file system (Debian $debian_release)"
    # The package lists stay: a host then only asks whether they have changed.
    mmdebstrap --quiet --variant=minbase --format=directory --skip=cleanup/apt/lists \
        --include="$(IFS=,; printf '%s' "${host_packages[*]}")" \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        "${options[@]}" "$debian_release" "$root" "${lines[@]}" 9>&-
    # Git keeps no owners and no modes.
    cp -r "$lab_root/host/." "$root/"
    find "$lab_root/host" -mindepth 1 -type d -printf '%P\0' | xargs -0 -I{} chmod 755 "$root/{}"
    chmod 440 "$root/etc/sudoers.d/ops"
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
        chroot "$root" update-ca-certificates &>/dev/null
    fi
    chroot "$root" useradd --create-home --shell /bin/bash ops
    # The login's own systemd stays: with cgroup v1 its end may go unnoticed in a container, and the next login waits for it.
    install -D /dev/null "$root/var/lib/systemd/linger/ops"
    chroot "$root" systemctl --quiet enable systemd-networkd ssh lab-kernel-access
    # Every host gets its own.
    rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/machine-id" "$root/var/lib/dbus/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"
    say "built the root file system in $((SECONDS - begin)) s"
}
