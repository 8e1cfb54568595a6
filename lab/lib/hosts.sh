# shellcheck shell=bash
# The hosts: systemd-nspawn machines, each from its own copy of the root file system.

hosts_root=$state_root/hosts

# host_names CONTROL_PLANES WORKERS
host_names() {
    local i
    for ((i = 1; i <= $1; i++)); do printf 'cp%d\n' "$i"; done
    for ((i = 1; i <= $2; i++)); do printf 'w%d\n' "$i"; done
}

host_address() {
    case $1 in
    cp[1-9]) printf '10.77.0.%d\n' $((10 + ${1#cp})) ;;
    w[1-9] | w[1-9][0-9]) printf '10.77.0.%d\n' $((20 + ${1#w})) ;;
    *) die "there is no host called $1 (cp1… and w1…)" ;;
    esac
}

existing_hosts() { find "$hosts_root" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null | sort || true; }

# host_create NAME ROOTFS PUBLIC_KEY: a disk as a fresh virtual machine has it, not yet started.
host_create() {
    local name=$1 rootfs=$2 key=$3 root=$hosts_root/$1/root address type
    address=$(host_address "$name")
    mkdir -p "$hosts_root"
    mkdir "$hosts_root/$name"
    cp -a --reflink=auto "$rootfs/root" "$root"
    printf '%s\n' "$name" >"$root/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost ip6-localhost ip6-loopback\n' "$name" >"$root/etc/hosts"
    systemd-id128 new >"$root/etc/machine-id"
    for type in ed25519 ecdsa; do
        ssh-keygen -q -t "$type" -N '' -C "root@$name" -f "$root/etc/ssh/ssh_host_${type}_key"
    done
    install -d -m 700 "$root/home/ops/.ssh"
    install -m 600 "$key" "$root/home/ops/.ssh/authorized_keys"
    chown -R --reference="$root/home/ops" "$root/home/ops/.ssh"
    printf '[Match]\nName=host0\n\n[Network]\nAddress=%s/24\nGateway=%s\n' "$address" "$machine_address" \
        >"$root/etc/systemd/network/10-host0.network"
    name_servers >"$root/etc/resolv.conf"
    host_modules "$root"
}

# What a host may use at most, in bytes: 6 GiB, and not more than half of what the machine has. A program that goes wild in
# one host is then killed there, instead of stalling the machine and every other host.
host_memory() {
    awk '$1 == "MemTotal:" { half = $2 * 1024 / 2; most = 6 * 1024 ^ 3; printf "%.0f\n", half < most ? half : most }' /proc/meminfo
}

# host_start NAME: boots it; ready_hosts waits for SSH.
host_start() {
    local name=$1 memory launcher=()
    memory=$(host_memory)
    if [[ -d /run/systemd/system ]]; then
        # systemd owns the machine's cgroups: it has to hand the host one.
        launcher=(systemd-run --quiet --scope --unit="forge-lab-$name" --property=Delegate=yes
            --property="MemoryMax=$memory" --property=MemorySwapMax=0)
    fi
    start "host-$name" "$lab_root/lib/boot-host" "$name" "$hosts_root/$name/root" "$bridge" "$memory" "${launcher[@]}"
}

# host_kill NAME: as when a machine loses its power: nobody hears from it any more, not even how what ran
# there has ended. Its first process takes all others along.
host_kill() {
    local name=$1 pid tries
    if ip link show dev "vb-$name" &>/dev/null; then ip link set "vb-$name" down 2>/dev/null || true; fi
    if pid=$(running "host-$name"); then
        xargs --no-run-if-empty kill -KILL 2>/dev/null <"/proc/$pid/task/$pid/children" || true
        for ((tries = 0; tries < 100; tries++)); do
            running "host-$name" >/dev/null || break
            sleep 0.05
        done
    fi
    stop "host-$name"
    host_cgroups "$name" | while IFS= read -r folder; do
        [[ ! -s $folder/cgroup.procs ]] || xargs --no-run-if-empty kill -KILL 2>/dev/null <"$folder/cgroup.procs" || true
    done
    host_cgroups "$name" | while IFS= read -r folder; do rmdir "$folder" 2>/dev/null || true; done
    if ip link show dev "vb-$name" &>/dev/null; then ip link delete "vb-$name" 2>/dev/null || true; fi
}

# Every cgroup of the host, the innermost first. The first processes of a host that has been killed
# may have left some in other hierarchies.
host_cgroups() { find /sys/fs/cgroup -depth -type d -path '*/forge-lab/*' 2>/dev/null | grep -E "/forge-lab/$1(/|\$)" || true; }

# host_remove NAME: with its disk, which is deleted in the background, since that takes longer than making one.
host_remove() {
    local name=$1 grave
    host_kill "$name"
    [[ -d $hosts_root/$name ]] || return 0
    mkdir -p "$state_root/removed"
    grave=$(mktemp -d "$state_root/removed/XXXXXX")
    mv "$hosts_root/$name" "$grave/"
}

sweep_removed() { setsid ionice -c3 rm -rf --one-file-system "$state_root/removed" </dev/null &>/dev/null 9>&- & }

# ssh_options: how this checkout logs in to its hosts, one word a line.
ssh_options() {
    printf '%s\n' -i "$lab_root/.ssh/id_ed25519" -o IdentitiesOnly=yes -o "UserKnownHostsFile=$lab_root/known_hosts" \
        -o StrictHostKeyChecking=yes -o ConnectTimeout=5 -o LogLevel=ERROR
}

# Waits until every host named lets ops in and gives it root.
ready_hosts() {
    local name pids=() pid
    for name in "$@"; do
        host_ready "$name" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || die "not every host came up (see $state_root/log/)"; done
}

host_ready() {
    local name=$1 options deadline=$((SECONDS + 60))
    mapfile -t options < <(ssh_options)
    until ssh "${options[@]}" -o BatchMode=yes "ops@$(host_address "$name")" sudo -n true 2>/dev/null </dev/null; do
        running "host-$name" >/dev/null || { say "$name stopped while booting: $(tail -3 "$state_root/log/host-$name")"; return 1; }
        ((SECONDS < deadline)) || { say "$name does not answer by SSH"; return 1; }
        sleep 0.2
    done
}
