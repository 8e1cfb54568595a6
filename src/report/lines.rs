//! Events as plain lines: for logs, pipes and everybody who does not sit before a terminal.

use std::time::Instant;

use super::audit::AuditLines;
use super::console::{paint, say};
use super::visible::{Colour, one_line};
use super::{Event, ListedCertificate, Outcome, PlannedStep, Reporter};

/// A line per finished step.
pub struct Lines {
    started: Instant,
    quiet_plan: bool,
    audit: AuditLines,
}

impl Default for Lines {
    fn default() -> Self {
        Self { started: Instant::now(), quiet_plan: false, audit: AuditLines::default() }
    }
}

impl Lines {
    /// Without the list of steps, which the question before a run has already shown.
    #[must_use]
    pub fn without_plan(mut self) -> Self {
        self.quiet_plan = true;
        self
    }

    /// What people read about an event; empty when there is nothing to read.
    pub fn words(&self, event: &Event) -> String {
        let clock = self.started.elapsed().as_secs_f64();
        match event {
            Event::Waiting { host, unit } => format!("{host}: waiting for {unit}, which an earlier run started"),
            Event::WaitingForLock { host, holder } => {
                format!("{host}: waiting for the lock of a run that has ended: {holder}")
            }
            // All else that a step says is for the journal, and for its error; a run that stands still has to say why.
            Event::StepOutput { host, line, .. } if line.starts_with("waiting up to ") => {
                let line: String = line.chars().take(200).collect();
                format!("{clock:7.1}s … {host:<8} {line}")
            }
            Event::Observed { hosts, checks, elapsed_ms } => {
                format!("looked at {checks} things on {} in {}", count(*hosts, "host"), seconds(*elapsed_ms))
            }
            Event::Found { fatal, what, cause, next, .. } => finding(*fatal, what, cause, next),
            Event::Planned { steps } if !self.quiet_plan => plan(steps),
            Event::StepFinished { host, title, outcome, elapsed_ms, .. } => {
                let (mark, more) = match outcome {
                    Outcome::Done => (paint(Colour::Green, "✓"), String::new()),
                    Outcome::Warned { what } => (paint(Colour::Yellow, "!"), format!("\n           {what}")),
                    Outcome::Skipped { because } => (paint(Colour::Dim, "-"), format!(" (not done: {because})")),
                    Outcome::Failed { .. } => (paint(Colour::Red, "✗"), String::new()),
                };
                format!("{clock:7.1}s {mark} {host:<8} {title} {}{more}", paint(Colour::Dim, &seconds(*elapsed_ms)))
            }
            Event::Evidence { check, passed, found } => {
                let mark = if *passed { paint(Colour::Green, "pass") } else { paint(Colour::Red, "FAIL") };
                format!("  {mark}  {:<44} {}", one_line(check), one_line(found))
            }
            Event::Status { host, what, fine, found } => {
                let mark = if *fine { paint(Colour::Green, "ok  ") } else { paint(Colour::Yellow, "LOOK") };
                let host = host.as_ref().map_or("cluster", |host| host.as_str());
                format!("  {mark}  {host:<12} {what:<12} {}", one_line(found))
            }
            Event::Control(finding) => self.audit.control(finding),
            Event::Audited(counts) => self.audit.counts(counts),
            Event::Certificate(listed) => certificate(listed),
            Event::Finished { exit: 0, changed, elapsed_ms, round_trips, .. } => {
                let what =
                    if *changed == 0 { "no changes".to_owned() } else { format!("done: {}", count(*changed, "step")) };
                format!(
                    "{what}, {} in all, {} on the busiest connection",
                    seconds(*elapsed_ms),
                    count(*round_trips as usize, "round trip")
                )
            }
            _ => String::new(),
        }
    }
}

impl Reporter for Lines {
    fn event(&mut self, event: &Event) {
        let words = self.words(event);
        if !words.is_empty() {
            say(&words);
        }
    }
}

/// A row, whose certificate it is, and what is wrong with it.
fn certificate(listed: &ListedCertificate) -> String {
    let ListedCertificate { host, name, subject, issuer, sans, key, serial, notes, .. } = listed;
    let days = listed.days_left.map_or_else(|| "-".to_owned(), |days| format!("{days}d"));
    let ends = listed.not_after.and_then(|at| time::OffsetDateTime::from_unix_timestamp(at).ok());
    let ends = ends.map_or_else(|| "-".to_owned(), |at| at.date().to_string());
    let served = listed.port.filter(|_| listed.served_serial.is_some());
    let served = served.map_or_else(String::new, |port| format!("served on {port}"));
    let row = format!("{host:<8} {name:<26} {days:>7} {ends:<12} {key:<12} {serial:<23.23} {served}");
    let mut text = row.trim_end().to_owned();
    if !subject.is_empty() {
        let names = if sans.is_empty() { String::new() } else { format!(", for {}", sans.join(" ")) };
        text.push_str(&format!("\n         {}", paint(Colour::Dim, &format!("{subject}, signed by {issuer}{names}"))));
    }
    for note in notes {
        text.push_str(&format!("\n         {}", paint(Colour::Yellow, note)));
    }
    text
}

/// A plan as people read it.
fn plan(steps: &[PlannedStep]) -> String {
    let mut text = String::new();
    for step in steps {
        text.push_str(&format!(
            "{} {}: {}\n",
            paint(Colour::Yellow, "~"),
            paint(Colour::Bold, step.host.as_str()),
            step.title
        ));
        for change in &step.changes {
            text.push_str(&format!("    {}\n", one_line(&change.summary)));
            for line in change.diff.iter().flat_map(|diff| diff.lines()) {
                let colour = if line.starts_with('+') {
                    Colour::Green
                } else if line.starts_with('-') {
                    Colour::Red
                } else {
                    Colour::Dim
                };
                text.push_str(&format!("      {}\n", paint(colour, line)));
            }
        }
    }
    text.trim_end().to_owned()
}

/// `what` names the host.
fn finding(fatal: bool, what: &str, cause: &str, next: &str) -> String {
    let label = if fatal { paint(Colour::Red, "error:") } else { paint(Colour::Yellow, "warning:") };
    let mut text = format!("{label} {}", one_line(what));
    for (label, lines) in [("cause", cause), ("next", next)] {
        for (number, line) in lines.lines().enumerate() {
            let label = if number == 0 { format!("{label}:") } else { String::new() };
            text.push_str(&format!("\n  {label:<6} {line}"));
        }
    }
    text
}

/// `1 host`, `3 hosts`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `0.41s`, `12.3s`.
fn seconds(milliseconds: u64) -> String {
    let digits = if milliseconds < 10_000 { 2 } else { 1 };
    format!("{:.digits$}s", std::time::Duration::from_millis(milliseconds).as_secs_f64())
}
