//! A container runtime that is there already: what would have to go for containerd.io, as apt's own simulation says.

use super::finding::Finding;
use super::seen::Seen;
use super::source;
use crate::host::facts::Observed;

/// Shell behind the containerd repository's update: prints `removes PACKAGE`.
pub(super) const SIMULATE: &str = r#"
apt-get -c "$dir/conf" -s -qq -y --no-install-recommends --allow-change-held-packages install containerd.io |
  sed -n 's/^Remv \([^ ]*\).*/removes \1/p'"#;

/// The distribution's packages of the same programs: containerd.io takes their place, and the plan says so.
const REPLACED: &[&str] = &["containerd", "runc"];

fn removed(observed: &Observed) -> impl Iterator<Item = &str> {
    let is_name =
        |package: &&str| package.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.:".contains(letter));
    observed.get(source::CONTAINERD).lines().filter_map(|line| line.strip_prefix("removes ")).filter(is_name)
}

/// Installed packages that containerd.io takes the place of.
pub fn replaced_packages(observed: &Observed) -> Vec<String> {
    removed(observed).filter(|package| REPLACED.contains(package)).map(str::to_owned).collect()
}

pub(super) fn check(hosts: &[Seen<'_>]) -> Vec<Finding> {
    hosts.iter().filter(|seen| seen.is_bare()).filter_map(one).collect()
}

fn one(seen: &Seen<'_>) -> Option<Finding> {
    let name = &seen.host.name;
    let all: Vec<&str> = removed(seen.observed).collect();
    let lost: Vec<&str> = all.iter().copied().filter(|package| !REPLACED.contains(package)).collect();
    (!lost.is_empty()).then(|| {
        let next = format!(
            "if nothing there is needed any more, on {name}: sudo apt-get purge {}   or take another host",
            all.join(" ")
        );
        Finding::fatal(
            seen.host,
            format!("to install containerd.io on {name}, apt would remove {}", lost.join(", ")),
            next,
        )
    })
}
