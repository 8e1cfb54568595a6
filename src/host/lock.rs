//! A host's lock: who holds it, how it is taken, and whether its holder still lives.
//!
//! The lock is `flock` on `/run/forge/lock`, held by the facts program for as long as the connection's input is open.

use std::fmt;

use super::script::quote;
use crate::secret::{Secret, hex};

/// How long a holder that has ended is waited for, in seconds: until its host notices.
pub const GONE_HOLDER_SECONDS: u32 = 60;

/// Who holds a host's lock: words for people, the process on its machine, and the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// As another operator reads it, in one line.
    words: String,
    /// `BOOT-ID PID START`: the boot of the operator's machine, the process there, and when it started in clock ticks; empty
    /// where the machine does not say.
    process: String,
    /// Tells this run from all others: 16 random hexadecimal digits.
    pub run: String,
}

impl Holder {
    /// This process, which does `action`.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn this(action: &str) -> std::io::Result<Self> {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned());
        let machine = read("/proc/sys/kernel/hostname");
        let (pid, since) = (std::process::id(), time::OffsetDateTime::now_utc().truncate_to_second());
        Ok(Self {
            words: format!("forge {action} by {user} on {machine}, process {pid}, since {since}"),
            process: start_of(pid).map_or_else(String::new, |start| format!("{} {pid} {start}", boot())),
            run: hex(Secret::random(8)?.expose()),
        })
    }

    /// From the text that the holder left on the host; nothing in it is believed but for waiting.
    pub fn read(text: &str) -> Self {
        let mut lines = text.lines().map(|line| line.chars().filter(|char| !char.is_control()).take(300).collect());
        let mut line = || lines.next().unwrap_or_default();
        Self { words: line(), process: line(), run: line() }
    }

    /// Whether the holder is a process of this machine that has ended: its host has not noticed yet.
    pub fn has_ended(&self) -> bool {
        let words: Vec<&str> = self.process.split(' ').collect();
        match words[..] {
            [boot_id, pid, start] if boot_id == boot() => {
                pid.parse().is_ok_and(|pid| start_of(pid).as_deref() != Some(start))
            }
            _ => false,
        }
    }

    /// Shell that takes the lock on file descriptor 9. Whoever holds it is named in a frame `held`, in base64, and waited for
    /// only while forge leaves the input open. From then on a process of its own ends the program, and the lock with it, when
    /// the input closes; its id is in `held`.
    pub(super) fn take_lock(&self) -> String {
        LOCK.replace("@HOLDER@", &quote(&format!("{}\n{}\n{}", self.words, self.process, self.run)))
            .replace("@SECONDS@", &GONE_HOLDER_SECONDS.to_string())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.words.is_empty() { "it left no name" } else { &self.words })
    }
}

/// Shell that succeeds while the run that began this program holds the host's lock.
pub(super) fn still_held_by(run: &str) -> String {
    format!(
        "{{ [ \"$(sed -n 3p /run/forge/holder 2>/dev/null)\" = {} ] && ! flock -n /run/forge/lock true 2>/dev/null; }}",
        quote(run)
    )
}

/// Shell that lets the run's programs begin no further part.
pub(super) fn stop_between_parts(run: &str) -> String {
    format!("if {}; then : >{STOP}; fi\n", still_held_by(run))
}

/// There while programs of several parts shall not begin another one.
pub(super) const STOP: &str = "/run/forge/stop";

/// A run that was killed a moment ago holds the lock until its host's sshd notices, hence the two seconds.
const LOCK: &str = r#"exec 3<&0 9>>/run/forge/lock
{ cat >/dev/null; kill -TERM $$; rm -rf "$FORGE"; } <&3 9>&- 2>/dev/null &
held=$!
exec 3<&-
if ! flock -w 2 9; then
  frame held "$(head -c 1000 /run/forge/holder | base64 -w0)"
  if ! flock -w @SECONDS@ 9; then
    frame locked "$(head -c 1000 /run/forge/holder | base64 -w0)"
    kill "$held"
    rm -rf "$FORGE"
    exit 75
  fi
fi
rm -f /run/forge/stop
printf '%s\n' @HOLDER@ >/run/forge/holder
for unit in $(systemctl list-units --plain --no-legend --state=activating,active 'forge-*.service' | cut -d' ' -f1); do
  frame waiting "$unit"
  while systemctl --quiet is-active "$unit"; do sleep 0.2; done
done
for left in /run/forge/run.*; do
  [ "$left" = "$FORGE" ] || rm -rf "$left"
done
"#;

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn boot() -> String {
    read("/proc/sys/kernel/random/boot_id")
}

/// When a process started, in clock ticks since the boot: the 22nd field, counted behind the name, which may hold anything
/// (proc_pid_stat(5)). A process that has ended and is still in the table has none.
fn start_of(pid: u32) -> Option<String> {
    let stat = read(&format!("/proc/{pid}/stat"));
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    if state == "Z" { None } else { fields.nth(18).map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_back_as_it_was_written() {
        let holder = Holder::this("up").unwrap();
        let text = format!("{}\n{}\n{}\n", holder.words, holder.process, holder.run);
        assert_eq!(Holder::read(&text), holder);
    }

    #[test]
    fn only_an_ended_process_of_this_machine_has_ended() {
        let holder = Holder::this("up").unwrap();
        assert!(!holder.has_ended(), "this process lives");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let (pid, start) = (child.id(), start_of(child.id()));
        child.wait().unwrap();
        let ended = Holder { process: format!("{} {pid} {}", boot(), start.unwrap_or_default()), ..holder.clone() };
        assert!(ended.has_ended());
        let elsewhere = Holder { process: format!("another-boot {pid} 1"), ..holder.clone() };
        assert!(!elsewhere.has_ended(), "nobody here knows the processes of another machine");
        assert!(!Holder { process: String::new(), ..holder }.has_ended());
    }

    #[test]
    fn what_a_host_says_of_its_holder_is_one_short_line() {
        let hostile = Holder::read(&format!("\u{1b}]0;x\u{7}{}\n", "x".repeat(4000)));
        assert_eq!(hostile.to_string(), format!("]0;x{}", "x".repeat(296)));
    }
}
