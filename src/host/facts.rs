//! Facts: everything a host is asked, in one script and one round trip, and what it answered.

use std::collections::BTreeMap;
use std::fmt::Write as _;

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

/// Who holds a host's lock, as the next operator reads it.
#[derive(Clone, Debug)]
pub struct Holder(pub String);

/// The facts program. With a holder it first takes the host's lock, waits for what an earlier run left running,
/// takes back what it has not confirmed and clears its leftovers; the lock is held until standard input closes, that is, as long as the connection lives.
pub fn program(probes: &[Probe], lock: Option<&Holder>) -> String {
    let mut text = String::from(HEADER) + NO_PROXY;
    if let Some(Holder(holder)) = lock {
        text.push_str(&LOCK.replace("@HOLDER@", &quote(holder)));
        text.push_str(super::guard::TAKE_BACK);
    }
    for (number, probe) in probes.iter().enumerate().filter(|(_, probe)| probe.slow) {
        let _ = writeln!(text, "(\n{}\n) >\"$FORGE/slow{number}\" 2>/dev/null </dev/null 9>&- &", probe.shell);
    }
    for probe in probes.iter().filter(|probe| !probe.slow) {
        let _ = writeln!(
            text,
            "frame probe {}\n(\n{}\n) 2>/dev/null </dev/null 9>&-\necho",
            quote(&probe.key),
            probe.shell
        );
    }
    text.push_str("wait\n");
    for (number, probe) in probes.iter().enumerate().filter(|(_, probe)| probe.slow) {
        let _ = writeln!(text, "frame probe {}\ncat \"$FORGE/slow{number}\"\necho", quote(&probe.key));
    }
    text.push_str("frame answered\n");
    if lock.is_some() {
        text.push_str("cat >/dev/null\n");
    }
    text.push_str("rm -rf \"$FORGE\"\n");
    text
}

const HEADER: &str = r#"#!/bin/sh
export LC_ALL=C KUBECONFIG=/etc/kubernetes/admin.conf HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
FORGE=$1
frame() { printf '\036%s\n' "$*"; }
frame clock "$(date +%s.%N)"
"#;

/// A run that was killed a moment ago still holds the lock until its host's sshd notices, hence the two seconds.
const LOCK: &str = r#"exec 9>>/run/forge/lock
if ! flock -w 2 9; then
  frame locked "$(cat /run/forge/holder)"
  rm -rf "$FORGE"
  exit 75
fi
printf '%s\n' @HOLDER@ >/run/forge/holder
for unit in $(systemctl list-units --plain --no-legend --state=activating,active 'forge-*.service' | cut -d' ' -f1); do
  frame waiting "$unit"
  while systemctl --quiet is-active "$unit"; do sleep 0.2; done
done
for left in /run/forge/run.*; do
  [ "$left" = "$FORGE" ] || rm -rf "$left"
done
"#;

/// Collects the frames of the facts program.
#[derive(Debug, Default)]
pub struct Collector {
    observed: Observed,
    current: Option<(String, Vec<String>)>,
    /// Whether the last frame has come.
    pub complete: bool,
}

impl Collector {
    /// A frame other than those of parts; `now` is the operator's clock in seconds since 1970.
    pub fn frame(&mut self, frame: &str, now: f64) {
        let (word, rest) = frame.split_once(' ').unwrap_or((frame, ""));
        match word {
            "clock" => self.observed.clock_offset = rest.parse::<f64>().unwrap_or(now) - now,
            "probe" => {
                self.finish();
                self.current = Some((rest.to_owned(), Vec::new()));
            }
            "answered" => {
                self.finish();
                self.complete = true;
            }
            _ => {}
        }
    }

    /// A line of ordinary output: part of the present answer.
    pub fn line(&mut self, line: String) {
        if let Some((_, lines)) = &mut self.current {
            lines.push(line);
        }
    }

    fn finish(&mut self) {
        if let Some((key, lines)) = self.current.take() {
            self.observed.answers.insert(key, lines.join("\n").trim_end_matches('\n').to_owned());
        }
    }

    /// What was collected.
    pub fn into_observed(self) -> Observed {
        self.observed
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::frames::{Reader, Said};
    use super::*;

    #[test]
    fn no_probe_and_no_script_has_a_proxy_of_the_logins() {
        let variables = ["http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
        let script = format!("for name in {}; do eval echo \"\\${{$name:-}}\"; done", variables.join(" "));
        let folder = tempfile::tempdir().unwrap();
        for program in [
            program(&[Probe::quick("a", &script), Probe::slow("b", &script)], None),
            super::super::script::program(&[super::super::Script::new(&script)]).0,
        ] {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(program).arg("sh").arg(folder.path());
            let output = shell.envs(variables.map(|name| (name, "http://proxy.example"))).output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && !said.contains("proxy.example"), "{said}");
        }
    }

    #[test]
    fn answers_come_back_under_their_keys_whatever_they_hold() {
        let probes = [
            Probe::slow("late", "sleep 0.05; echo waited"),
            Probe::quick("file /etc/x", "printf 'no line break'"),
            Probe::quick("two words", "echo a; echo; echo b; exit 7"),
            Probe::quick("nothing", "true"),
        ];
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new("sh").arg("-c").arg(program(&probes, None)).arg("sh").arg(folder.path()).output();
        let mut collector = Collector::default();
        for said in Reader::default().take(&output.unwrap().stdout) {
            match said {
                Said::Frame(frame) => collector.frame(&frame, 0.0),
                Said::Line(line) => collector.line(line),
                other => panic!("{other:?}"),
            }
        }
        assert!(collector.complete);
        let observed = collector.into_observed();
        assert_eq!(observed.get("late"), "waited");
        assert_eq!(observed.get("file /etc/x"), "no line break");
        assert_eq!(observed.get("two words"), "a\n\nb");
        assert_eq!(observed.get("nothing"), "");
        assert!(observed.clock_offset > 1.0e9);
    }
}
