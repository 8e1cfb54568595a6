//! Free room where images, containers and etcd's data go.

use super::finding::Finding;
use super::seen::Seen;
use crate::host::facts::Probe;
use crate::inventory::Host;

const KEY: &str = "preflight disk";
const GIB: u64 = 1 << 30;

/// Packages, the control plane's images packed and unpacked, etcd's two gigabytes at most, logs.
const BARE: u64 = 6 * GIB;

/// The part of it that is not images.
const BESIDE_IMAGES: u64 = 2 * GIB;

/// Enough to write what a run writes to a host that is set up.
const JOINED: u64 = GIB / 2;

pub(super) fn probe() -> Probe {
    Probe::quick(KEY, "df -P -k /var /var/lib/containerd | awk 'NR > 1 {print $6, $4}'")
}

pub(super) fn check(hosts: &[Seen<'_>]) -> Vec<Finding> {
    hosts.iter().flat_map(|seen| short(seen.host, seen.is_bare(), seen.observed.get(KEY))).collect()
}

/// The first line is about `/var`, the second, when containerd's folder is there already, about that.
fn short(host: &Host, bare: bool, answer: &str) -> Vec<Finding> {
    let mut places: Vec<(&str, u64)> = answer
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(place, kib)| Some((place, kib.parse::<u64>().ok()? * 1024)))
        .collect();
    places.dedup_by_key(|(place, _)| *place);
    let needed: &[u64] = match (bare, places.len()) {
        (false, _) => &[JOINED, JOINED],
        (true, 2) => &[BESIDE_IMAGES, BARE - BESIDE_IMAGES],
        (true, _) => &[BARE],
    };
    let short = places.iter().zip(needed).filter(|((_, free), needed)| free < needed);
    short
        .map(|((place, free), needed)| {
            let name = &host.name;
            let what = format!(
                "{name} has {} free on the disk that holds {}; it needs {}",
                words(*free),
                if *place == "/" { "/var" } else { place },
                words(*needed)
            );
            Finding::fatal(host, what, format!("make room on {name}: sudo du -xh -d 2 {place} | sort -h | tail"))
        })
        .collect()
}

#[allow(clippy::cast_precision_loss)]
fn words(bytes: u64) -> String {
    if bytes < GIB { format!("{} MiB", bytes >> 20) } else { format!("{:.1} GiB", bytes as f64 / GIB as f64) }
}
