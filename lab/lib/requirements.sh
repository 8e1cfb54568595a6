# shellcheck shell=bash
# Checks the machine and installs the Debian packages that the lab itself needs.

# command:package, where the command's absence means that the package is missing
lab_tools=(
    mmdebstrap:mmdebstrap systemd-nspawn:systemd-container skopeo:skopeo nft:nftables
    apt-ftparchive:apt-utils dpkg-deb:dpkg gpg:gnupg jq:jq curl:curl ip:iproute2 sysctl:procps
    ssh:openssh-client ssh-keygen:openssh-client zstd:zstd flock:util-linux
)

requirements() {
    local tool missing=()
    for tool in "${lab_tools[@]}"; do
        command -v "${tool%%:*}" >/dev/null || missing+=("${tool#*:}")
    done
    if ((${#missing[@]})); then
        say "installing Debian packages: ${missing[*]}"
        apt-get -qq update 9>&-
        DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${missing[@]}" >/dev/null 9>&-
    elif [[ -z $(debian_sources) ]]; then
        apt-get -qq update 9>&-
    fi
    ((upstream)) || command -v go >/dev/null || die "Go is needed to build what the hosts install"
    # The hosts' kubelets read the kernel's messages and do not start without it.
    [[ -e /dev/kmsg ]] || mknod -m 600 /dev/kmsg c 1 11
}
