# Turns the times of bench/up into its tables: lines "forge|bare|addons|ansible ROUND READY TOTAL",
# "again ROUND TIME CHANGED TRIPS" and "ansible-again ROUND TIME", in ms.

function seconds(ms) { return sprintf("%.1f s", ms / 1000) }

# rank(KEY): values of a series, ascending, in sorted[1..n].
function rank(key,   i, j, value) {
    n = count[key]
    for (i = 1; i <= n; i++) {
        value = series[key, i]
        for (j = i - 1; j > 0 && sorted[j] > value; j--) sorted[j + 1] = sorted[j]
        sorted[j + 1] = value
    }
}
function median(key) { rank(key); return (sorted[int((n + 1) / 2)] + sorted[int(n / 2) + 1]) / 2 }
function add(key, value) { series[key, ++count[key]] = value }

function row(title, key,   middle) {
    middle = median(key)
    printf "%-44s %9s %9s %9s\n", title, seconds(sorted[1]), seconds(middle), seconds(sorted[n])
}

# A pair is the two runs of one round, made one after the other.
function ratio(title, ours, theirs,   round, value, low, high) {
    for (round = 1; round <= rounds; round++) {
        value = time[ours, round] / time[theirs, round]
        if (round == 1 || value < low) low = value
        if (round == 1 || value > high) high = value
    }
    printf "%-44s %9.2f   (by round: %.2f to %.2f)\n", title, median(ours) / median(theirs), low, high
}

$1 == "again" { add("again", $3); time["again", $2] = $3; changed += $4; if ($5 > trips) trips = $5; next }
$1 == "ansible-again" { add($1, $3); time[$1, $2] = $3; next }
{
    add($1 " ready", $3); add($1 " total", $4)
    time[$1 " ready", $2] = $3; time[$1 " total", $2] = $4
    if ($2 > rounds) rounds = $2
}

END {
    printf "\n%-7s %15s %15s %15s %15s %15s\n", "round", "bare", "forge, ready", "forge, total", "with add-ons", "forge again"
    for (round = 1; round <= rounds; round++)
        printf "%-7d %15s %15s %15s %15s %15s\n", round, seconds(time["bare total", round]), seconds(time["forge ready", round]),
            seconds(time["forge total", round]), seconds(time["addons total", round]), sprintf("%.2f s", time["again", round] / 1000)
    printf "\n%-44s %9s %9s %9s\n", "", "min", "median", "max"
    row("bare kubeadm, nodes and CoreDNS ready", "bare total")
    row("forge up, nodes and CoreDNS ready", "forge ready")
    row("forge up, hardened and verified", "forge total")
    row("forge up, metrics-server serves too", "addons total")
    row("Ansible, the bare cluster", "ansible total")
    row("forge up again, nothing to do", "again")
    row("Ansible again, nothing to do", "ansible-again")
    printf "\n"
    ratio("forge / bare, until ready", "forge ready", "bare total")
    ratio("forge / bare, until verified (limit 1.3)", "forge total", "bare total")
    ratio("forge with metrics-server / bare", "addons total", "bare total")
    ratio("Ansible / forge, cold", "ansible total", "forge total")
    ratio("Ansible / forge, nothing to do", "ansible-again", "again")
    printf "forge again: %d changes, at most %d round trips per host\n", changed, trips
}
