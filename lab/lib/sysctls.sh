# shellcheck shell=bash
# Hosts share the machine's kernel: sysctls that a host sets outside its own network are the
# machine's. They are noted before the first host boots and put back by lab/down.

sysctls_file=$state_root/sysctls

# Those that are settings (neither counters nor triggers), for all of the machine.
shared_sysctls() {
    sysctl --all 2>/dev/null |
        grep -E '^(kernel|vm|fs|user|net\.core|net\.netfilter|net\.bridge)\.|^net\.ipv4\.ip_forward ' |
        grep -vE '^(kernel\.(random\.|ns_last_pid|pty\.nr|hostname|domainname|tainted|sched_domain)|vm\.(drop_caches|compact_memory|stat_refresh)|fs\.(dentry-state|inode-|file-nr|quota\.|binfmt_misc\.|dquot|mqueue\.)|net\.netfilter\.nf_conntrack_count)'
}

sysctls_save() {
    # A note from before a reboot says nothing about this kernel.
    if [[ -e $sysctls_file && $(head -1 "$sysctls_file") == "# $(</proc/sys/kernel/random/boot_id)" ]]; then return; fi
    { printf '# %s\n' "$(</proc/sys/kernel/random/boot_id)"; shared_sysctls; } >"$sysctls_file.new"
    mv "$sysctls_file.new" "$sysctls_file"
}

sysctls_restore() {
    local line
    [[ -e $sysctls_file && $(head -1 "$sysctls_file") == "# $(</proc/sys/kernel/random/boot_id)" ]] || return 0
    while IFS= read -r line; do
        say "sysctl back to: $line"
        sysctl --quiet --write "${line/ = /=}" 2>/dev/null || say "  refused: $line"
    done < <(comm -23 <(grep -v '^#' "$sysctls_file" | sort) <(shared_sysctls | sort))
    rm -f "$sysctls_file"
}
