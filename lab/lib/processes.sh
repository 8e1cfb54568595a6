# shellcheck shell=bash
# Starts programs that outlive the command, and ends exactly those.

# A pid alone may be somebody else's after a while; with the boot and its start time it cannot.
identify() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    # Ended, and only waiting for its parent to notice.
    [[ $stat != Z* ]] || return 1
    # shellcheck disable=SC2086 # the fields after the name; the start time is the 22nd of all
    set -- "$1" $stat
    printf '%s %s %s\n' "$1" "${21}" "$(</proc/sys/kernel/random/boot_id)"
}

# start NAME COMMAND…: in the background, its output in the state folder's log.
start() {
    local name=$1
    shift
    mkdir -p "$state_root/processes" "$state_root/log"
    setsid "$@" >"$state_root/log/$name" 2>&1 </dev/null 9>&- &
    identify $! >"$state_root/processes/$name"
}

# running NAME: prints the pid when the process that start started is still there.
running() {
    local pid recorded
    recorded=$(cat "$state_root/processes/$1" 2>/dev/null) || return 1
    pid=${recorded%% *}
    [[ -n $pid && $(identify "$pid") == "$recorded" ]] || return 1
    printf '%s\n' "$pid"
}

stop() {
    local name=$1 pid tries
    if pid=$(running "$name"); then
        kill "$pid" 2>/dev/null || true
        for ((tries = 0; tries < 50; tries++)); do
            running "$name" >/dev/null || break
            sleep 0.1
        done
        if pid=$(running "$name"); then kill -KILL "$pid" 2>/dev/null || true; fi
    fi
    rm -f "$state_root/processes/$name"
}
