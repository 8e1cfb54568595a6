//! An audit as people read it: what fails in full, one control after the other; what passes as a number.

use std::cell::Cell;

use super::console::paint;
use super::visible::{Colour, one_line};
use super::{AuditCounts, ControlFinding};

/// Words findings. A control's head is written once, before the first host on which it came to the same state.
#[derive(Default)]
pub(super) struct AuditLines {
    last: Cell<(&'static str, &'static str)>,
}

impl AuditLines {
    /// A finding that people have to read; empty for the others.
    pub(super) fn control(&self, finding: &ControlFinding) -> String {
        let ControlFinding { id, title, host, state, severity, evidence, remedy, waiver, .. } = finding;
        let mark = match *state {
            "fail" => paint(Colour::Red, "FAIL"),
            "not-checked" => paint(Colour::Yellow, "NOT CHECKED"),
            "waived" => paint(Colour::Yellow, "waived"),
            _ => return String::new(),
        };
        let mut lines = Vec::new();
        if self.last.replace((id, state)) != (id, state) {
            lines.push(format!("{mark}  {id} ({severity})  {}", paint(Colour::Bold, title)));
            if *state == "fail" {
                lines.push(format!("      {} {remedy}", paint(Colour::Dim, "remedy:")));
            }
        }
        let place = host.as_ref().map_or("cluster", |host| host.as_str());
        lines.push(format!("      {place}: {}", one_line(evidence.trim())));
        if let Some(waiver) = waiver {
            let word = if waiver.holds { "until" } else { "the waiver expired on" };
            lines.push(format!("        {word} {}: {}", waiver.expires, waiver.reason));
        }
        lines.join("\n")
    }

    /// The numbers.
    pub(super) fn counts(&self, counts: &AuditCounts) -> String {
        let AuditCounts { pass, fail, waived, manual, not_applicable, not_checked } = counts;
        let fail = format!("{fail} failed");
        let fail = if counts.fail == 0 { paint(Colour::Green, &fail) } else { paint(Colour::Red, &fail) };
        format!(
            "{fail}, {pass} passed, {waived} waived, {manual} for a person to judge, {not_applicable} not applicable, \
             {not_checked} not checked"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::NodeName;
    use crate::report::WaiverNote;

    fn finding(id: &'static str, host: &str, state: &'static str, holds: Option<bool>) -> ControlFinding {
        ControlFinding {
            id,
            title: "nothing is served",
            host: NodeName::new(host),
            state,
            severity: "low",
            scored: true,
            maps_to: Vec::new(),
            how: "",
            evidence: "--profiling is not set".to_owned(),
            remedy: "set it",
            waiver: holds.map(|holds| WaiverNote { reason: "why not".into(), expires: "2027-01-31".into(), holds }),
        }
    }

    #[test]
    fn a_control_that_fails_on_two_hosts_is_named_once() {
        let lines = AuditLines::default();
        let all = [
            finding("A", "cp1", "fail", None),
            finding("A", "cp2", "fail", Some(false)),
            finding("B", "", "not-checked", None),
            finding("B", "cp1", "waived", Some(true)),
            finding("C", "cp1", "pass", None),
        ];
        let text: Vec<String> = all.iter().map(|one| lines.control(one)).filter(|text| !text.is_empty()).collect();
        assert_eq!(
            text.join("\n"),
            "FAIL  A (low)  nothing is served\n      remedy: set it\n      cp1: --profiling is not set\n      \
             cp2: --profiling is not set\n        the waiver expired on 2027-01-31: why not\n\
             NOT CHECKED  B (low)  nothing is served\n      cluster: --profiling is not set\n\
             waived  B (low)  nothing is served\n      cp1: --profiling is not set\n        until 2027-01-31: why not"
        );
    }
}
