//! The host's own package lists and forge's: apt must be able to read them together, or it refuses everything, security
//! upgrades too.

use super::finding::Finding;
use super::seen::{JOINED, Seen};
use super::source::{self, CONTAINERD_KEYRING, KUBERNETES_KEYRING};
use crate::host::facts::Probe;
use crate::inventory::Cluster;

const KEY: &str = "preflight apt lists";

/// Tries them in a copy, without forge's of an earlier run: first the host's alone, then with forge's. Prints `unreadable`
/// or `contradicts` with apt's words, and `names` with each file that names one of forge's repositories.
pub(super) fn probe(cluster: &Cluster) -> Probe {
    let (kubernetes, containerd) = (source::kubernetes(cluster), source::containerd(cluster));
    let (kubernetes, containerd) = (kubernetes.url_in_shell(), containerd.url_in_shell());
    Probe::slow(
        KEY,
        format!(
            r#"{JOINED} && exit 0
dir=$(mktemp -d /run/forge-lists.XXXXXX) || dir=$(mktemp -d) || exit 0
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
lists=/etc/apt/sources.list.d
mkdir "$dir/parts"
cp "$lists"/*.list "$lists"/*.sources "$dir/parts/"
rm -f "$dir/parts/forge-kubernetes.list" "$dir/parts/forge-containerd.list"
refused() {{
  said=$(apt-get -qq -o Dir::Etc::sourceparts="$dir/parts" indextargets 2>&1 >/dev/null) && return 1
  printf '%s\n' "$said" | sed -n "s/^E: */$1 /p" | sed "s|$dir/parts|$lists|g" | awk '!seen[$0]++' | head -n 5
}}
refused unreadable && exit 0
distribution=$(sed -n 's/^ID=//p' /etc/os-release | tr -d '"')
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release | tr -d '"')
printf 'deb [signed-by={KUBERNETES_KEYRING}] %s/ /\n' {kubernetes} >"$dir/parts/forge-kubernetes.list"
printf 'deb [signed-by={CONTAINERD_KEYRING}] %s %s stable\n' {containerd} "$codename" >"$dir/parts/forge-containerd.list"
if refused contradicts; then
  for url in {kubernetes} {containerd}; do
    for file in /etc/apt/sources.list "$lists"/*.list "$lists"/*.sources; do
      case $file in */forge-kubernetes.list | */forge-containerd.list) continue ;; esac
      awk -v url="$url" '!/^[[:space:]]*#/ && index($0, url) {{print "names", FILENAME; exit}}' "$file"
    done
  done
fi
: "$distribution""#
        ),
    )
}

pub(super) fn check(hosts: &[Seen<'_>]) -> Vec<Finding> {
    hosts.iter().filter(|seen| seen.is_bare()).filter_map(one).collect()
}

fn one(seen: &Seen<'_>) -> Option<Finding> {
    let name = &seen.host.name;
    let of = |word: &str| -> Vec<&str> {
        let lines = seen.observed.get(KEY).lines().filter_map(|line| line.split_once(' '));
        lines.filter(|(first, _)| *first == word).map(|(_, rest)| rest).collect()
    };
    let (unreadable, contradicts) = (of("unreadable"), of("contradicts"));
    if !unreadable.is_empty() {
        let next = format!("on {name}: sudo apt-get update   shows it; correct or remove that entry");
        let finding = Finding::fatal(seen.host, format!("apt on {name} cannot read its own package lists"), next);
        return Some(finding.cause(unreadable.join("\n")));
    }
    let mut files = of("names");
    files.dedup();
    let (what, next) = match files.as_slice() {
        _ if contradicts.is_empty() => return None,
        [] => (
            format!("forge's package lists contradict those of {name}: apt would refuse all"),
            format!("on {name}: grep -r signed-by /etc/apt   and remove the entry for the same repository"),
        ),
        files => (
            format!(
                "{} on {name} contradicts forge's entry for the same repository: apt would refuse all",
                files.join(", ")
            ),
            format!(
                "on {name}: remove the entry from {}; what was installed from there stays, and forge writes an entry of its own",
                files.join(", ")
            ),
        ),
    };
    Some(Finding::fatal(seen.host, what, next).cause(contradicts.join("\n")))
}
