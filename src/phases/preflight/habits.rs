//! What a machine does by itself at its next boot that would undo a setting: only told, never refused.

use super::finding::Finding;
use super::seen::{JOINED, Seen};
use crate::host::facts::Probe;

const KEY: &str = "preflight habits";

pub(super) fn probe() -> Probe {
    Probe::quick(KEY, format!("{JOINED} && exit 0\nawk '$1 ~ /^\\/dev\\/zram/ {{print \"zram\", $1}}' /proc/swaps"))
}

pub(super) fn check(hosts: &[Seen<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in hosts {
        let name = &seen.host.name;
        for line in seen.observed.get(KEY).lines() {
            findings.extend(match line.split_once(' ').unwrap_or((line, "")) {
                // Swap in a file or partition is turned off for good without a word; a generator makes this one anew.
                ("zram", device) => Some(Finding::warning(
                    seen.host,
                    format!("{name} swaps to {device}, which comes back at its next boot and keeps the kubelet from starting"),
                    format!("on {name}: sudo apt-get purge zram-tools systemd-zram-generator"),
                )),
                _ => None,
            });
        }
    }
    findings
}
