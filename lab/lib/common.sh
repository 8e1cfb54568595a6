# shellcheck shell=bash
# Paths, messages and the lock that every lab command shares.

shopt -s inherit_errexit

lab_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache_root=${XDG_CACHE_HOME:-$HOME/.cache}/forge-lab
# Running hosts belong to the machine, not to a checkout: any checkout finds them here.
state_root=/var/lib/forge-lab

bridge=forgelab0
bridge_mac=02:66:6f:72:67:65
machine_address=10.77.0.1
lab_network=10.77.0.0/24
registry_port=5000
files_port=8080

say() { printf '\e[2m%4ds\e[0m  %s\n' "$SECONDS" "$*" >&2; }
die() {
    printf 'lab: %s\n' "$*" >&2
    exit 1
}

require_root() { ((EUID == 0)) || die "the lab boots machines and needs root: sudo $0"; }

# Two lab commands at once would take each other's hosts down. The lock is file descriptor 9;
# whatever outlives the command must be started with 9>&-.
take_lock() {
    mkdir -p "$state_root"
    exec 9>"$state_root/lock"
    flock --nonblock 9 && return
    say "another lab command is running: waiting for it"
    flock 9
}

# hash_of FILE_OR_FOLDER_OR_TEXT…: a short name for these inputs, to key caches by. Only what is in
# lab/ is read; the name of a cache folder already tells its contents.
hash_of() {
    local item
    for item in "$@"; do
        if [[ $item == "$lab_root"/* ]]; then
            (cd "$(dirname "$item")" && find "$(basename "$item")" -type f -print0 | sort -z |
                xargs -0 --no-run-if-empty sha256sum)
        else
            printf '%s\n' "$item"
        fi
    done | sha256sum | cut -c1-16
}

# cached PREFIX HASH COMMAND…: prints the cache folder PREFIX-HASH; when it does not exist, COMMAND
# fills it. It appears whole or not at all, and the two newest others of its kind are kept.
cached() {
    local folder=$cache_root/$1-$2 prefix=$1 partial
    shift 2
    if [[ ! -d $folder ]]; then
        mkdir -p "$cache_root"
        partial=$(mktemp -d "$cache_root/.partial-$prefix-XXXXXX")
        chmod 755 "$partial"
        # A build that outlives a killed command must not keep the next one waiting.
        "$@" "$partial" >&2 9>&-
        mv "$partial" "$folder"
    fi
    touch "$folder"
    find "$cache_root" -maxdepth 1 -name "$prefix-????????????????" -printf '%T@ %p\n' |
        sort -rn | tail -n +4 | cut -d' ' -f2- | xargs --no-run-if-empty rm -rf --
    printf '%s\n' "$folder"
}
