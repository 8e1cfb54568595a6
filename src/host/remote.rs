//! One machine at the other end of a connection: the one way to ask it for facts and the one way to run a script there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use super::facts::{self, Collector, Holder, Observed, Probe};
use super::frames::{Reader, Said};
use super::script::{self, Script, quote};
use crate::error::{Exit, Problem};
use crate::inventory::NodeName;
use crate::secret::Secret;
use crate::ssh::{Chunk, Client, Connection, Outcome, Running, Target};

/// How a login becomes root.
#[derive(Clone, Debug)]
pub enum Sudo {
    /// The login is root.
    Root,
    /// sudo that asks for nothing.
    Passwordless,
    /// sudo that asks for this.
    Password(Secret),
}

/// Every machine of the inventory.
pub type Fleet = BTreeMap<NodeName, Arc<Remote>>;

/// One machine.
#[derive(Debug)]
pub struct Remote {
    /// Its name in the inventory.
    pub name: NodeName,
    client: Arc<Client>,
    target: Target,
    connection: Connection,
    sudo: Sudo,
    /// The channel that holds the machine's lock; the lock goes with it.
    lock: Mutex<Option<Running>>,
    /// systemd takes a moment to forget a unit, so no two have the same name.
    units: AtomicU64,
}

/// How a program on a host came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every part succeeded.
    Well,
    /// A part failed, or the unit was stopped.
    Badly,
    /// The connection is gone; what runs on the host goes on running.
    Lost,
}

impl Remote {
    /// Logs in.
    ///
    /// # Errors
    /// The machine cannot be reached, logged into or trusted.
    pub async fn log_in(name: NodeName, client: Arc<Client>, target: Target, sudo: Sudo) -> Result<Self, Problem> {
        let connection = client.open(&target).await.map_err(Problem::from)?;
        Ok(Self { name, client, target, connection, sudo, lock: Mutex::new(None), units: AtomicU64::new(1) })
    }

    /// Logs in once more, on a connection of its own, and runs a command there that does nothing: whether somebody who comes
    /// now would still get in. The first connection is not touched.
    ///
    /// # Errors
    /// The refusal.
    pub async fn log_in_again(&self) -> Result<(), Problem> {
        let second = self.client.open(&self.target).await.map_err(Problem::from)?;
        let outcome = second.start("true", Secret::new("")).await.map_err(Problem::from)?.wait().await;
        second.close().await;
        match outcome {
            Outcome::Exited(0) => Ok(()),
            other => Err(Problem::new(Exit::Connection, format!("{} lets us in and runs no command", self.name))
                .cause(format!("`true` ended with {other:?}"))),
        }
    }

    /// What was sent and received so far.
    pub fn traffic(&self) -> crate::ssh::Traffic {
        self.connection.traffic()
    }

    /// Gives the machine's lock back, if it is held; the connection ends with the last reference to it.
    pub async fn release(&self) {
        let lock = self.lock.lock().ok().and_then(|mut lock| lock.take());
        if let Some(mut running) = lock {
            running.close_input();
            while running.next().await.is_some() {}
        }
    }

    /// Runs all probes in one round trip. With a holder the machine's lock is taken first and kept until the connection
    /// ends; `waiting` hears the names of units that an earlier run left running and that are waited for.
    ///
    /// # Errors
    /// The lock is held by another run, sudo refused, or the connection was lost.
    pub async fn facts(
        &self,
        probes: &[Probe],
        lock: Option<&Holder>,
        mut waiting: impl FnMut(&str),
    ) -> Result<Observed, Problem> {
        let mut running = self.start(&facts::program(probes, lock), &[]).await?;
        if lock.is_none() {
            running.close_input();
        }
        let (mut reader, mut collector, mut complaints) = (Reader::default(), Collector::default(), String::new());
        let mut before = Before::default();
        while !collector.complete {
            let bytes = match running.next().await {
                Some(Chunk::Out(bytes)) => bytes,
                Some(Chunk::Err(bytes)) => {
                    complaints.push_str(&String::from_utf8_lossy(&bytes));
                    continue;
                }
                None => return Err(self.no_answer(running.wait().await, before, &complaints)),
            };
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
            for said in reader.take(&bytes) {
                before.hear(&said);
                match said {
                    Said::Frame(frame) => match frame.split_once(' ') {
                        Some(("locked", holder)) => return Err(self.locked(holder)),
                        Some(("waiting", unit)) => waiting(unit),
                        _ => collector.frame(&frame, now),
                    },
                    Said::Line(line) => collector.line(line),
                    _ => {}
                }
            }
        }
        if lock.is_some()
            && let Ok(mut slot) = self.lock.lock()
        {
            *slot = Some(running);
        }
        Ok(Observed { login_key: self.connection.login_key().to_owned(), ..collector.into_observed() })
    }

    /// Runs the parts in order as a transient systemd unit `forge-NAME-N.service`, which goes on when the connection is lost
    /// and which the next run waits for. `hear` gets every frame and line as it comes.
    ///
    /// # Errors
    /// The script could not be started.
    pub async fn run(
        &self,
        name: &str,
        parts: &[Script],
        hear: &mut (dyn FnMut(Said) + Send),
    ) -> Result<Ended, Problem> {
        let (body, mut files) = script::program(parts);
        files.push(("body".to_owned(), Secret::new(body)));
        let number = self.units.fetch_add(1, Ordering::Relaxed);
        let unit = quote(&format!("forge-{name}-{number}"));
        let mut running = self.start(&RUN.replace("@UNIT@", &unit), &files).await?;
        running.close_input();
        let (mut reader, mut complaints, mut ended_well) = (Reader::default(), String::new(), 0);
        let mut before = Before::default();
        while let Some(chunk) = running.next().await {
            match chunk {
                Chunk::Err(bytes) => complaints.push_str(&String::from_utf8_lossy(&bytes)),
                Chunk::Out(bytes) => {
                    for said in reader.take(&bytes) {
                        before.hear(&said);
                        ended_well += usize::from(matches!(said, Said::End(_, 0)));
                        hear(said);
                    }
                }
            }
        }
        match running.wait().await {
            Outcome::Lost { .. } => Ok(Ended::Lost),
            Outcome::Exited(0) if ended_well == parts.len() => Ok(Ended::Well),
            Outcome::Exited(0) => Ok(Ended::Badly),
            other => Err(self.no_answer(other, before, &complaints)),
        }
    }

    /// Stops the transient units of [`Remote::run`].
    pub async fn stop(&self, name: &str) {
        let unit = quote(&format!("forge-{name}-*"));
        if let Ok(mut running) = self.start(&format!("systemctl stop {unit}"), &[]).await {
            running.close_input();
            while running.next().await.is_some() {}
        }
    }

    /// One exec: a tar stream that holds the program and its files, unpacked into a folder of its own in memory. Nothing
    /// secret is on any command line, and the shell reads the program from a file, so that no child can swallow the rest.
    async fn start(&self, program: &str, files: &[(String, Secret)]) -> Result<Running, Problem> {
        let archive = archive(program, files).map_err(|error| {
            Problem::new(Exit::Failed, format!("no script could be packed for {}", self.name)).cause(error)
        })?;
        let unpack = format!(
            "umask 077; mkdir -p /run/forge && d=$(mktemp -d /run/forge/run.XXXXXXXX) && head -c {} | tar -xf - -C \"$d\" \
             && exec /bin/sh \"$d/run\" \"$d\"",
            archive.expose().len()
        );
        let unpack = format!("/bin/sh -c {}", quote(&unpack));
        let (command, input) = match &self.sudo {
            Sudo::Root => (unpack, archive),
            Sudo::Passwordless => (format!("sudo -n {unpack}"), archive),
            Sudo::Password(password) => {
                // Where sudo would not ask, the password must not reach the program as its input.
                let ask = format!(
                    "if sudo -n true 2>/dev/null; then IFS= read -r skipped; exec sudo -n {unpack}; fi; \
                     exec sudo -S -p '' {unpack}"
                );
                let mut input = password.expose().to_vec();
                input.push(b'\n');
                input.extend_from_slice(archive.expose());
                (format!("/bin/sh -c {}", quote(&ask)), Secret::new(input))
            }
        };
        self.connection.start(&command, input).await.map_err(Problem::from)
    }

    fn locked(&self, holder: &str) -> Problem {
        Problem::new(Exit::Locked, format!("{} is locked by another run", self.name))
            .cause(holder)
            .next("wait until that run has ended; the lock goes with its connection, within two minutes when its machine is gone")
    }

    /// The login is fine, and something else runs in place of its commands.
    fn runs_nothing(&self, outcome: &Outcome, words: &str) -> Problem {
        let (name, user) = (&self.name, &self.target.user);
        let silent = match outcome {
            Outcome::Exited(status) => format!("it ended with status {status} and printed nothing"),
            other => format!("it ended with {other:?} and printed nothing"),
        };
        let words = if words.is_empty() { &silent } else { words };
        let (first, more) = words.split_once('\n').unwrap_or((words, ""));
        let next = format!(
            "set ssh.user to a login that may run commands and become root; on {name} look for {user}'s shell, a command= in its \
             authorized_keys, and ForceCommand"
        );
        Problem::new(Exit::Connection, format!("{name} runs no command for {user}: {first}")).cause(more).next(next)
    }

    fn no_answer(&self, outcome: Outcome, before: Before, complaints: &str) -> Problem {
        let said = complaints.trim();
        if said.contains("a password is required") || said.contains("a terminal is required") {
            return Problem::new(Exit::Connection, format!("sudo on {} asks for a password that nobody gave", self.name))
                .cause(said)
                .next("add --ask-sudo-password, or let sudo trust the login: echo 'USER ALL=(ALL) NOPASSWD: ALL' in /etc/sudoers.d");
        }
        if said.contains("incorrect password") {
            return Problem::new(Exit::Connection, format!("sudo on {} did not accept the password", self.name))
                .cause(said)
                .next("run the same command again and type the password of the login on that host");
        }
        if let Outcome::Lost { cause } = &outcome {
            return Problem::new(Exit::Connection, format!("the connection to {} was lost", self.name))
                .cause(if said.is_empty() { cause } else { said })
                .next("run the same command again: it goes on where this run was cut off");
        }
        if let Some(words) = before.instead_of_ours(said) {
            return self.runs_nothing(&outcome, &words);
        }
        Problem::new(Exit::Failed, format!("{} could not run a script as root", self.name)).cause(if said.is_empty() {
            format!("it ended with {outcome:?}")
        } else {
            said.to_owned()
        })
    }
}

/// What a host printed before our program said anything: all there is where a forced command or another shell runs in its place.
#[derive(Default)]
struct Before {
    words: String,
    ours: bool,
}

/// Of which no more than this is kept, in bytes.
const WORDS: usize = 1000;

impl Before {
    fn hear(&mut self, said: &Said) {
        match said {
            Said::Line(line) if !self.ours && self.words.len() < WORDS => {
                self.words.extend(line.chars().take(WORDS));
                self.words.push('\n');
            }
            Said::Line(_) => {}
            _ => self.ours = true,
        }
    }

    /// Its words, when nothing of ours ran. What our first line calls names itself before its complaints.
    fn instead_of_ours(&self, complaints: &str) -> Option<String> {
        let ours = |line: &str| {
            ["mkdir: ", "mktemp: ", "head: ", "tar: ", "/bin/sh: "].iter().any(|name| line.starts_with(name))
        };
        if self.ours || complaints.lines().any(ours) {
            return None;
        }
        let words = format!("{}\n{complaints}", self.words.trim());
        Some(words.trim().chars().take(WORDS).collect())
    }
}

/// The host's part of [`Remote::run`]: starts the unit, shows what it prints until it ends. When forge dies this dies too,
/// and leaves a unit that still runs its files: the next run waits for it and clears them.
const RUN: &str = r#"#!/bin/sh
d=$1
systemd-run --quiet --collect --unit=@UNIT@ --property=Type=exec --property="StandardOutput=file:$d/out" \
  --property="StandardError=file:$d/out" /bin/sh "$d/body" "$d" || exit 1
pid=$(systemctl show --property=MainPID --value @UNIT@)
[ "$pid" != 0 ] || pid=$$
if [ "$pid" = "$$" ]; then cat "$d/out"; else tail -n +1 -s 0.1 --pid="$pid" -f "$d/out"; fi
systemctl --quiet is-active @UNIT@ || rm -rf "$d"
"#;

fn archive(program: &str, files: &[(String, Secret)]) -> std::io::Result<Secret> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut append = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, content)
    };
    append("run", program.as_bytes())?;
    for (name, content) in files {
        append(name, content.expose())?;
    }
    archive.into_inner().map(Secret::new)
}
