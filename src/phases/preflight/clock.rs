//! Clocks that agree: certificates are valid from a moment on, and etcd's leases run by time.

use super::finding::Finding;
use super::seen::Seen;

/// Seconds by which two hosts may differ.
const BETWEEN_HOSTS: f64 = 1.0;

/// Seconds by which the hosts may differ from the operator's machine. Nothing depends on it but what a person reads.
const FROM_OPERATOR: f64 = 5.0;

pub(super) fn check(hosts: &[Seen<'_>]) -> Vec<Finding> {
    let mut clocks: Vec<(usize, f64)> = hosts.iter().map(|seen| seen.observed.clock_offset).enumerate().collect();
    let Some(reference) = middle(&clocks) else { return Vec::new() };
    let mut findings = Vec::new();
    // The farthest from the middle goes, until those that are left agree with each other.
    while let Some(farthest) = farthest(&clocks, reference)
        && spread(&clocks) > BETWEEN_HOSTS
    {
        let (number, offset) = clocks.remove(farthest);
        findings.push((number, outlier(&hosts[number], offset - reference)));
    }
    findings.sort_by_key(|(number, _)| *number);
    let mut findings: Vec<Finding> = findings.into_iter().map(|(_, finding)| finding).collect();
    if let Some(first) = hosts.first()
        && reference.abs() > FROM_OPERATOR
    {
        let what = format!("this machine's clock is {} the hosts'", direction(-reference));
        findings
            .push(Finding::warning(first.host, what, "set this machine's clock: timedatectl set-ntp true").of_all());
    }
    findings
}

fn outlier(seen: &Seen<'_>, off: f64) -> Finding {
    let name = &seen.host.name;
    let what = format!("the clock of {name} is {} the other hosts'", direction(off));
    let next =
        format!("on {name}: sudo timedatectl set-ntp true   (or start chrony) and wait until the clock is right");
    // On a host that works already, a late answer must not stop a run.
    Finding { fatal: seen.is_bare(), ..Finding::fatal(seen.host, what, next) }
}

fn direction(seconds: f64) -> String {
    format!("{:.1} s {}", seconds.abs(), if seconds > 0.0 { "ahead of" } else { "behind" })
}

/// The median; of an even number the one of the middle two that is nearer to the operator's clock.
fn middle(clocks: &[(usize, f64)]) -> Option<f64> {
    let mut offsets: Vec<f64> = clocks.iter().map(|(_, offset)| *offset).collect();
    offsets.sort_by(f64::total_cmp);
    let (low, high) = (offsets.get(offsets.len().checked_sub(1)? / 2)?, offsets.get(offsets.len() / 2)?);
    Some(if low.abs() <= high.abs() { *low } else { *high })
}

fn spread(clocks: &[(usize, f64)]) -> f64 {
    let offsets = || clocks.iter().map(|(_, offset)| *offset);
    offsets().fold(f64::MIN, f64::max) - offsets().fold(f64::MAX, f64::min)
}

fn farthest(clocks: &[(usize, f64)], reference: f64) -> Option<usize> {
    let distance = |(_, offset): &(usize, f64)| (offset - reference).abs();
    (0..clocks.len()).max_by(|a, b| distance(&clocks[*a]).total_cmp(&distance(&clocks[*b])))
}
