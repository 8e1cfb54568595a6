# shellcheck shell=bash
# The hosts' network segment: a bridge, and one nft table of the lab's own that lets them out.

network_up() {
    if ! ip link show dev "$bridge" &>/dev/null; then
        ip link add "$bridge" type bridge forward_delay 0
    fi
    # Its own, or it takes that of a port and changes it as hosts come and go: whoever knows it then sends
    # to nobody for half a minute.
    ip link set "$bridge" address "$bridge_mac"
    ip address replace "$machine_address/24" dev "$bridge"
    ip link set "$bridge" up
    sysctl --quiet --write net.ipv4.ip_forward=1
    # Frames between two hosts pass these hooks too where the kernel filters bridges: only what
    # leaves by another interface is the lab's business. The segment size follows the way out,
    # whose MTU may be smaller than the bridge's.
    nft --file - <<EOT
table ip forge_lab
delete table ip forge_lab
table ip forge_lab {
    chain forward {
        type filter hook forward priority mangle
        iifname "$bridge" oifname != "$bridge" tcp flags syn tcp option maxseg size set rt mtu
    }
    chain postrouting {
        type nat hook postrouting priority srcnat
        ip saddr $lab_network oifname != "$bridge" masquerade
    }
}
EOT
    # Where something else (Docker, mostly) drops what is forwarded, an nft table of ours cannot overrule it.
    if command -v iptables >/dev/null && iptables -S FORWARD 2>/dev/null | grep -q -- '-P FORWARD DROP'; then
        forward_rules -D 2>/dev/null || true
        forward_rules -I
    fi
}

forward_rules() {
    iptables "$1" FORWARD -i "$bridge" -m comment --comment forge-lab -j ACCEPT
    iptables "$1" FORWARD -o "$bridge" -m comment --comment forge-lab -j ACCEPT
}

network_down() {
    if command -v nft >/dev/null && nft list table ip forge_lab &>/dev/null; then nft delete table ip forge_lab; fi
    if command -v iptables >/dev/null; then forward_rules -D 2>/dev/null || true; fi
    if ip link show dev "$bridge" &>/dev/null; then ip link delete "$bridge"; fi
}

# The name servers the hosts use: the machine's, unless they listen on its loopback only.
name_servers() {
    local file servers
    for file in /etc/resolv.conf /run/systemd/resolve/resolv.conf; do
        servers=$(awk '$1 == "nameserver" && $2 !~ /^127\./ && $2 != "::1"' "$file" 2>/dev/null || true)
        if [[ -n $servers ]]; then
            printf '%s\n' "$servers"
            return
        fi
    done
    die "the machine's only name servers are on its loopback; the hosts cannot reach those (see /etc/resolv.conf)"
}
