//! Static pods on a control plane: which container runs now, restarting one, and waiting for it to answer.

use std::net::IpAddr;

use super::shell::last_words;
use crate::host::quote;

/// Shell that goes on when the API servers of all others (name, address) answer, or the one at `own` does not: with one more
/// down etcd might lose its majority, and one that is down itself has nothing to lose; where etcd restarts too, nothing is lost
/// only when that is down as well. It waits longer than an API server that restarts is shut, and than etcd needs to choose who
/// leads. It needs [`STATIC_PODS`] and [`crate::kube::ETCDCTL`].
pub fn others_answer(own: IpAddr, others: &[(&str, IpAddr)], etcd_too: bool) -> String {
    if others.is_empty() {
        return String::new();
    }
    let each = others.iter().map(|(name, address)| {
        let what = quote(&format!("the API server of {name}, which answers"));
        format!("await {what} ask_health kube-apiserver {}", quote(&address.to_string()))
    });
    let (each, own) = (each.collect::<Vec<_>>().join(" && "), quote(&own.to_string()));
    let or_etcd = if etcd_too { " || ask_health etcd" } else { "" };
    format!(
        "patience=75\n\
         if ! {{ {each}; }} && {{ ask_health kube-apiserver {own}{or_etcd}; }} >/dev/null 2>&1; then exit 1; fi\n\
         patience=180"
    )
}

/// Shell that defines, for the names `etcd`, `kube-apiserver`, `kube-controller-manager` and `kube-scheduler`:
///
/// - `answers NAME ADDRESS` waits until it says that it is well, at its own address rather than through the endpoint.
/// - `take_away NAME` moves its manifest aside and `put_back NAME` moves it back; both may be cut off anywhere and repeated.
/// - `ended NAME` waits until no container of it runs.
/// - `started NAME ADDRESS` puts the manifest back, waits for a container and until it answers.
/// - `restart NAME ADDRESS` does all of it.
/// - `roll ADDRESS FOLDER NAME…` takes all of these away together and lets them come back in the order given, with the
///   manifests in FOLDER. When one does not answer, its last words are printed and all manifests before these come back.
/// - `rewrite NAME FILE` makes FILE the manifest, which has to mean the same: nothing restarts.
///
/// An API server that ends turns clients away, and one that starts tells them that they may not, because it does not know yet
/// who may do what. So it is shut to new connections of other hosts from before its end until it says that it is ready, each
/// time for a minute at most: who is refused asks another one.
///
/// Never etcd alone while its API server runs: every request to that server then hangs, the kubelet's own about the pod that
/// it should start among them, and that takes minutes.
///
/// The kubelet notices manifests that come and go at once, and again every 20 s (`fileCheckFrequency`); an API server needs up
/// to a minute to end what it was asked. What looks for containers needs [`crate::kube::ETCDCTL`] before it.
pub const STATIC_PODS: &str = concat!(
    last_words!(),
    r#"aside=/etc/kubernetes/forge/manifests
await() {
what=$1; deadline=$(($(date +%s) + ${patience:-180})); shift
until "$@" >/dev/null 2>&1; do
if [ "$(date +%s)" -ge "$deadline" ]; then echo "$what: not within ${patience:-180} seconds"; return 1; fi
sleep 0.5
done
}
gone() { [ -z "$(container "$1")" ]; }
other() { now=$(container "$1"); [ -n "$now" ] && [ "$now" != "$2" ]; }
ask_health() {
case ${2:-} in *:*) at="[$2]" ;; *) at=${2:-} ;; esac
case $1 in
etcd) etcdctl --endpoints="https://127.0.0.1:2379" endpoint health ;;
kube-apiserver) kubectl --server="https://$at:6443" --request-timeout=5s get --raw /readyz ;;
kube-controller-manager) kubectl --server=https://127.0.0.1:10257 --insecure-skip-tls-verify --request-timeout=5s get --raw /healthz ;;
kube-scheduler) kubectl --server=https://127.0.0.1:10259 --insecure-skip-tls-verify --request-timeout=5s get --raw /healthz ;;
esac
}
answers() { await "$1 answers" ask_health "$1" "$2" && { [ "$1" != kube-apiserver ] || open; }; }
take_away() {
mkdir -p "$aside"; chmod 700 "$aside"
[ -e "/etc/kubernetes/manifests/$1.yaml" ] || return 0
[ "$1" != kube-apiserver ] || shut
mv -f "/etc/kubernetes/manifests/$1.yaml" "$aside/$1.yaml"
}
put_back() {
[ -e "$aside/$1.yaml" ] || return 0
[ "$1" != kube-apiserver ] || shut
mv -f "$aside/$1.yaml" "/etc/kubernetes/manifests/$1.yaml"
}
shut() {
! command -v nft >/dev/null || nft -f - <<'EOT' || true
table inet forge-restart
delete table inet forge-restart
table inet forge-restart {
set ports { type inet_service; flags timeout; elements = { 6443 timeout 1m } }
chain input { type filter hook input priority -10; policy accept; iif lo accept; ct state new tcp dport @ports reject with tcp reset; }
}
EOT
}
open() { ! command -v nft >/dev/null || nft delete table inet forge-restart 2>/dev/null || true; }
ended() { await "the end of $1" gone "$1"; }
started() { put_back "$1"; await "$1 runs" other "$1" ""; answers "$1" "$2"; }
restart() {
take_away "$1"
ended "$1" || { put_back "$1"; return 1; }
started "$1" "$2"
}
lay() { install -m 600 "$2" "$aside/$1.new"; sync "$aside/$1.new"; mv -f "$aside/$1.new" "/etc/kubernetes/manifests/$1.yaml"; }
rewrite() { mkdir -p "$aside"; lay "$1" "$2"; }
try_new() {
rm -f "$aside/$1.before"
[ ! -e "$aside/$1.yaml" ] || mv -f "$aside/$1.yaml" "$aside/$1.before"
[ "$1" != kube-apiserver ] || shut
lay "$1" "$folder/$1.yaml"
}
give_up() {
[ -e "$aside/$1.before" ] || return 0
[ "$1" != kube-apiserver ] || shut
rm -f "/etc/kubernetes/manifests/$1.yaml"
mv -f "$aside/$1.before" "$aside/$1.yaml"
}
logs() { find /var/log/pods -path "*/kube-system_$1-*/$1/*.log" -newer "$aside/since"; }
answers_or_dies() { ask_health "$1" "$2" || [ "$(logs "$1" | wc -l)" -ge 3 ]; }
come_back() {
how=$1; at_address=$2; shift 2
: >"$aside/since"
for name in "$@"; do
"$how" "$name"
if await "$name runs" other "$name" "" && await "$name answers" answers_or_dies "$name" "$at_address" &&
ask_health "$name" "$at_address" >/dev/null; then
[ "$name" != kube-apiserver ] || open
continue
fi
logs "$name" | xargs -r ls -t | head -n 1 | xargs -r tail -n 60 | cut -d' ' -f4- | last_words | cut -c1-1000
return 1
done
}
roll() {
address=$1; folder=$2; shift 2
for name in "$@"; do take_away "$name"; done
for name in "$@"; do
ended "$name" && continue
for other in "$@"; do put_back "$other"; done
return 1
done
if come_back try_new "$address" "$@"; then
for name in "$@"; do rm -f "$aside/$name.before"; done
return 0
fi
for name in "$@"; do give_up "$name"; done
for name in "$@"; do ended "$name" || true; done
if come_back put_back "$address" "$@"; then echo "the manifests before these were put back and answer again"; fi
return 1
}"#
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_restarts_when_another_one_is_gone_unless_nothing_runs_here_either() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let others = [("cp2", address("192.0.2.12")), ("cp3", address("fd00::13"))];
        // Who is well, whether etcd is to restart, and whether it goes on.
        let table = [
            ("192.0.2.12 fd00::13", true, true),
            ("192.0.2.12 fd00::13 192.0.2.11 etcd", true, true),
            ("192.0.2.12 192.0.2.11 etcd", false, false),
            ("192.0.2.12 192.0.2.11", true, false),
            ("fd00::13 etcd", true, false),
            ("fd00::13 etcd", false, true),
            ("192.0.2.12", true, true),
            ("", true, true),
        ];
        for (well, etcd_too, goes_on) in table {
            let script = others_answer(address("192.0.2.11"), &others, etcd_too);
            let asked = format!(
                "set -eu\nawait() {{ shift; \"$@\"; }}\nask_health() {{ case ' {well} ' in *\" ${{2:-$1}} \"*) ;; *) return 1 ;; esac; }}\n\
                 {script}\necho \"goes on with $patience\""
            );
            let output = std::process::Command::new("sh").arg("-c").arg(asked).output().unwrap();
            let said = if goes_on { "goes on with 180\n" } else { "" };
            assert_eq!(String::from_utf8(output.stdout).unwrap(), said, "{well}");
        }
    }
}
