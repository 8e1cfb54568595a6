# shellcheck shell=bash
# Gives hosts what modprobe needs: the machine's modules, or the list of what its kernel has built in.

# What Kubernetes, its pod networks and firewalls load: kernel option and module. A distribution's
# kernel comes with a complete list (modules.builtin); some machines boot one that comes with none.
known_modules='
BRIDGE kernel/net/bridge/bridge
BRIDGE_NETFILTER kernel/net/bridge/br_netfilter
IP_SET kernel/net/netfilter/ipset/ip_set
IP_VS kernel/net/netfilter/ipvs/ip_vs
NETFILTER_XT_SET kernel/net/netfilter/xt_set
NF_CONNTRACK kernel/net/netfilter/nf_conntrack
NF_NAT kernel/net/netfilter/nf_nat
NF_TABLES kernel/net/netfilter/nf_tables
NFT_COMPAT kernel/net/netfilter/nft_compat
OVERLAY_FS kernel/fs/overlayfs/overlay
VETH kernel/drivers/net/veth
VXLAN kernel/drivers/net/vxlan/vxlan
WIREGUARD kernel/drivers/net/wireguard/wireguard
'

# host_modules ROOT. Where the machine has modules of its own, lib/boot-host shows them to the host.
host_modules() {
    local folder option module
    [[ ! -d /lib/modules/$(uname -r) && -e /proc/config.gz ]] || return 0
    folder=$1/lib/modules/$(uname -r)
    mkdir -p "$folder"
    while read -r option module; do
        if [[ -n $option ]] && zgrep -q "^CONFIG_$option=y" /proc/config.gz; then printf '%s.ko\n' "$module"; fi
    done <<<"$known_modules" >"$folder/modules.builtin"
    touch "$folder/modules.order"
    chroot "$1" depmod 2>/dev/null
}
