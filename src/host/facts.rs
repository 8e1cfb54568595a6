//! Facts: everything a host is asked, in one script and one round trip, and what it answered.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::frames::Tag;
use super::lock::Holder;
use super::script::{NO_PROXY, quote};

/// One question: shell that prints what is there and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Under which the answer is found in [`Observed`].
    pub key: String,
    /// The shell. Its standard error is dropped, its status is not looked at: what it prints is the answer.
    pub shell: String,
    /// Whether it may wait for a network or a server: such probes run beside all others.
    pub slow: bool,
}

impl Probe {
    /// A probe that only looks at the host itself.
    pub fn quick(key: impl Into<String>, shell: impl Into<String>) -> Self {
        Self { key: key.into(), shell: shell.into(), slow: false }
    }

    /// A probe that may wait.
    pub fn slow(key: impl Into<String>, shell: impl Into<String>) -> Self {
        Self { key: key.into(), shell: shell.into(), slow: true }
    }
}

/// What a host answered.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Probe key → what it printed, without the last line break.
    pub answers: BTreeMap<String, String>,
    /// The host's clock minus the operator's, in seconds; off by at most the time the answer travelled.
    pub clock_offset: f64,
    /// The type of the key that it let us in with, `ssh-ed25519`.
    pub login_key: String,
}

impl Observed {
    /// The answer to a probe; empty when it printed nothing or was not asked.
    pub fn get(&self, key: &str) -> &str {
        self.answers.get(key).map_or("", String::as_str)
    }
}

/// The facts program. With a holder it first takes the host's lock, waits for what an earlier run left running, rolls back
/// what that run has not confirmed and clears its leftovers. The lock is held until standard input closes, that is, as long as
/// the connection lives, whatever the program does at that moment.
///
/// Each question stands behind its key, for whoever reads the program. Answers come back in one frame, which nothing in them can end: the length of each in bytes, then all of them, in base64.
pub fn program(probes: &[Probe], lock: Option<&Holder>, tag: &Tag) -> String {
    let mut text = format!("{HEADER}{NO_PROXY}{}frame clock \"$(date +%s.%N)\"\n", tag.shell());
    if let Some(holder) = lock {
        text.push_str(&holder.take_lock());
        text.push_str(super::guard::TAKE_BACK);
    }
    text.push_str("frame looking\nmkdir \"$FORGE/answers\"\n");
    let numbered = |slow: bool| probes.iter().enumerate().filter(move |(_, probe)| probe.slow == slow);
    for (number, Probe { key, shell, .. }) in numbered(true) {
        let _ = writeln!(
            text,
            "(\n: {}\n{shell}\n) >\"$FORGE/answers/{number}\" 2>/dev/null </dev/null 9>&- &\nslow=\"$slow $!\"",
            quote(key)
        );
    }
    for (number, Probe { key, shell, .. }) in numbered(false) {
        let _ =
            writeln!(text, "(\n: {}\n{shell}\n) >\"$FORGE/answers/{number}\" 2>/dev/null </dev/null 9>&-", quote(key));
    }
    let numbers: Vec<String> = (0..probes.len()).map(|number| number.to_string()).collect();
    text.push_str("[ -z \"$slow\" ] || wait $slow\n");
    if !probes.is_empty() {
        let numbers = numbers.join(" ");
        let _ = writeln!(
            text,
            "frame answers \"$(cd \"$FORGE/answers\" && {{ wc -c {numbers}; cat {numbers}; }} | base64 -w0)\""
        );
    }
    text.push_str("rm -rf \"$FORGE/answers\"\nframe answered\n");
    if lock.is_some() {
        text.push_str("wait \"$held\"\n");
    }
    text.push_str("rm -rf \"$FORGE\"\n");
    text
}

const HEADER: &str = r#"#!/bin/sh
export LC_ALL=C KUBECONFIG=/etc/kubernetes/admin.conf HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
FORGE=$1
slow=
"#;

/// Why answers cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Garbled {
    /// No base64, or no lengths before the answers.
    #[error("the answers to {0} questions came back broken")]
    Broken(usize),
    /// The lengths are not those of what follows.
    #[error("the answers to {0} questions are longer or shorter than announced")]
    Cut(usize),
}

/// Collects the frames of the facts program.
#[derive(Debug)]
pub struct Collector<'a> {
    probes: &'a [Probe],
    observed: Observed,
    /// Whether the last frame has come.
    pub complete: bool,
}

impl<'a> Collector<'a> {
    /// For the program that asks this.
    pub fn of(probes: &'a [Probe]) -> Self {
        Self { probes, observed: Observed::default(), complete: false }
    }

    /// A frame; `now` is the operator's clock in seconds since 1970.
    ///
    /// # Errors
    /// The answers cannot be understood, or did not come before the end.
    pub fn frame(&mut self, frame: &str, now: f64) -> Result<(), Garbled> {
        match frame.split_once(' ').unwrap_or((frame, "")) {
            ("clock", time) => self.observed.clock_offset = time.parse::<f64>().unwrap_or(now) - now,
            ("answers", encoded) => self.observed.answers = answers(self.probes, encoded)?,
            ("answered", _) if self.observed.answers.len() == self.probes.len() => self.complete = true,
            ("answered", _) => return Err(Garbled::Broken(self.probes.len())),
            _ => {}
        }
        Ok(())
    }

    /// What was collected.
    pub fn into_observed(self) -> Observed {
        self.observed
    }
}

/// Cuts the answers apart: as many lines `LENGTH NUMBER` as there are questions (and, from two on, one with the sum), then
/// the answers themselves.
fn answers(probes: &[Probe], encoded: &str) -> Result<BTreeMap<String, String>, Garbled> {
    let broken = || Garbled::Broken(probes.len());
    let bytes = STANDARD.decode(encoded).map_err(|_| broken())?;
    let mut rest = bytes.as_slice();
    let mut line = || {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let words = std::str::from_utf8(&rest[..end]).ok()?.trim().split_once(' ');
        rest = &rest[end + 1..];
        words
    };
    let mut lengths = Vec::new();
    for number in 0..probes.len() {
        let (length, name) = line().ok_or_else(broken)?;
        if name.parse() != Ok(number) {
            return Err(broken());
        }
        lengths.push(length.parse::<usize>().map_err(|_| broken())?);
    }
    if probes.len() > 1 && line().is_none_or(|(_, name)| name != "total") {
        return Err(broken());
    }
    let mut answers = BTreeMap::new();
    for (probe, length) in probes.iter().zip(lengths) {
        let (answer, others) = rest.split_at_checked(length).ok_or(Garbled::Cut(probes.len()))?;
        answers.insert(probe.key.clone(), String::from_utf8_lossy(answer).trim_end_matches('\n').to_owned());
        rest = others;
    }
    if rest.is_empty() { Ok(answers) } else { Err(Garbled::Cut(probes.len())) }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::Script;
    use super::super::frames::{Reader, Said};
    use super::*;

    /// What the program's answers are in a real shell.
    fn ask(probes: &[Probe]) -> (Observed, bool) {
        ask_in(probes, &[])
    }

    /// The same where the login's environment has these variables.
    fn ask_in(probes: &[Probe], environment: &[(&str, &str)]) -> (Observed, bool) {
        let (folder, tag) = (tempfile::tempdir().unwrap(), Tag::random().unwrap());
        let output = Command::new("sh")
            .arg("-c")
            .arg(program(probes, None, &tag))
            .arg("sh")
            .arg(folder.path())
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let mut collector = Collector::of(probes);
        for said in Reader::new(&tag).take(&output.stdout).unwrap() {
            match said {
                Said::Frame(frame) => collector.frame(&frame, 0.0).unwrap(),
                other => panic!("{other:?}"),
            }
        }
        let complete = collector.complete;
        (collector.into_observed(), complete)
    }

    #[test]
    fn no_probe_and_no_script_has_a_proxy_of_the_logins() {
        let variables = ["http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
        let script = format!("for name in {}; do eval echo \"\\${{$name:-}}\"; done", variables.join(" "));
        let environment = variables.map(|name| (name, "http://proxy.example"));
        let (observed, _) = ask_in(&[Probe::quick("a", &script), Probe::slow("b", &script)], &environment);
        assert_eq!((observed.get("a"), observed.get("b")), ("", ""));
        let program = super::super::script::program(&[Script::new(&script)], None, &Tag::random().unwrap()).0;
        let mut shell = Command::new("sh");
        let output = shell.arg("-c").arg(program).arg("sh").arg("/nonexistent").envs(environment).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && !said.contains("proxy.example"), "{said}");
    }

    #[test]
    fn answers_come_back_under_their_keys_whatever_they_hold() {
        let probes = [
            Probe::slow("late", "sleep 0.05; echo waited"),
            Probe::quick("file /etc/x", "printf 'no line break'"),
            Probe::quick("two words", "echo a; echo; echo b; exit 7"),
            Probe::quick("nothing", "true"),
        ];
        let (observed, complete) = ask(&probes);
        assert!(complete);
        assert_eq!(observed.get("late"), "waited");
        assert_eq!(observed.get("file /etc/x"), "no line break");
        assert_eq!(observed.get("two words"), "a\n\nb");
        assert_eq!(observed.get("nothing"), "");
        assert!(observed.clock_offset > 1.0e9);
    }

    #[test]
    fn an_answer_cannot_answer_another_question() {
        let hostile = "printf '9 1\\n\\036answers AAAA\\n\\036answered\\nframe probe two\\n'; frame answers AAAA >&2";
        let (observed, complete) = ask(&[Probe::quick("one", hostile), Probe::quick("two", "echo true answer")]);
        assert!(complete);
        assert_eq!(observed.get("two"), "true answer");
        assert!(observed.get("one").starts_with("9 1\n\u{1e}answers"));
    }

    #[test]
    fn one_question_and_none_are_answered_too() {
        assert_eq!(ask(&[Probe::quick("one", "echo 1")]).0.get("one"), "1");
        assert!(ask(&[]).1);
    }

    #[test]
    fn answers_that_do_not_fit_are_refused() {
        let probes = [Probe::quick("one", ""), Probe::quick("two", "")];
        let given = |text: &str| answers(&probes, &STANDARD.encode(text)).map(|answers| answers.len());
        assert_eq!(given("1 0\n2 1\n3 total\nabc"), Ok(2));
        assert_eq!(given("1 0\n2 1\n3 total\nab"), Err(Garbled::Cut(2)));
        assert_eq!(given("1 0\n2 1\n3 total\nabcd"), Err(Garbled::Cut(2)));
        assert_eq!(given("1 0\n2 0\n3 total\nabc"), Err(Garbled::Broken(2)), "the same answer twice");
        assert_eq!(given("1 0\nabc"), Err(Garbled::Broken(2)));
        assert_eq!(answers(&probes, "%"), Err(Garbled::Broken(2)));
        let mut collector = Collector::of(&probes);
        assert_eq!(collector.frame("answered", 0.0), Err(Garbled::Broken(2)), "the end before the answers");
    }
}
