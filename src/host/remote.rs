//! One machine at the other end of a connection: the one way to ask it for facts and the one way to run a script there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::before::Before;
use super::facts::{self, Collector, Observed, Probe};
use super::frames::{Reader, Said, Tag};
use super::lock::{self, Holder};
use super::parts::Parts;
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
    /// The channel that holds the machine's lock, and the run that it is held for; the lock goes with the channel.
    lock: Mutex<Option<(Running, String)>>,
    /// systemd takes a moment to forget a unit, so no two have the same name.
    units: AtomicU64,
}

/// What a run waits for before it looks at a machine.
#[derive(Debug)]
pub enum Waiting {
    /// A unit that an earlier run left running.
    Unit(String),
    /// The lock of a run that has ended, by what it said of itself.
    Lock(String),
}

/// How long a machine may take to let the lock and units of earlier runs go.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// How long a machine may take to answer, from then on. Package lists that cannot be reached take the longest.
const LONGEST_LOOK: Duration = Duration::from_secs(15 * 60);

/// How long a channel may stay open when its program has said that it is over: something that a login's start-up file left
/// running may hold it for ever.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// The longest answer, in bytes.
const LONGEST_ANSWER: usize = 96 << 20;

/// How much of a program's standard error is kept, in bytes.
const COMPLAINTS: usize = 16 << 10;

/// The first of what a program complains of: enough for its error message.
#[derive(Debug, Default)]
struct Complaints(String);

impl Complaints {
    fn take(&mut self, bytes: &[u8]) {
        let room = COMPLAINTS.saturating_sub(self.0.len()).min(bytes.len());
        self.0.push_str(&String::from_utf8_lossy(&bytes[..room]));
    }
}

fn holder(encoded: &str) -> Holder {
    Holder::read(&String::from_utf8_lossy(&STANDARD.decode(encoded).unwrap_or_default()))
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
        let sudo = without_needless_password(&connection, sudo).await?;
        Ok(Self { name, client, target, connection, sudo, lock: Mutex::new(None), units: AtomicU64::new(1) })
    }

    /// Logs in once more, on a connection of its own, and runs a command there that does nothing: whether somebody who comes
    /// now would still get in. The first connection is not touched.
    ///
    /// # Errors
    /// The refusal.
    pub async fn log_in_again(&self) -> Result<(), Problem> {
        let second = self.client.open(&self.target).await.map_err(Problem::from)?;
        let mut running = second.start("true", Secret::new("")).await.map_err(Problem::from)?;
        let outcome = match running.exit_status().await {
            Some(status) => Outcome::Exited(status),
            None => running.wait().await,
        };
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
        if let Some((running, _)) = lock {
            let _ = tokio::time::timeout(AFTERWARDS, running.wait()).await;
        }
    }

    /// Runs all probes in one round trip. With a holder the machine's lock is taken first and kept until the connection
    /// ends; `waiting` hears what is waited for meanwhile.
    ///
    /// # Errors
    /// The lock is held by another run, sudo refused, the answer came too late or broken, or the connection was lost.
    pub async fn facts(
        &self,
        probes: &[Probe],
        lock: Option<&Holder>,
        mut waiting: impl FnMut(Waiting),
    ) -> Result<Observed, Problem> {
        let tag = self.tag()?;
        let mut running = self.start(&facts::program(probes, lock, &tag), &[]).await?;
        if lock.is_none() {
            running.close_input();
        }
        let (mut reader, mut collector, mut complaints) =
            (Reader::new(&tag), Collector::of(probes), Complaints::default());
        let mut before = Before::default();
        let (mut deadline, mut received) = (Instant::now() + LONGEST_WAIT, 0);
        while !collector.complete {
            let Ok(chunk) = tokio::time::timeout_at(deadline, running.next()).await else {
                return Err(self.broken("the answer takes too long, and is not waited for"));
            };
            let bytes = match chunk {
                Some(Chunk::Out(bytes)) => bytes,
                Some(Chunk::Err(bytes)) => {
                    complaints.take(&bytes);
                    continue;
                }
                None => {
                    reader.rest().iter().for_each(|said| before.hear(said));
                    return Err(self.no_answer(running.wait().await, before, &complaints.0));
                }
            };
            received += bytes.len();
            if received > LONGEST_ANSWER {
                return Err(self.broken("the answer is too long"));
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
            for said in reader.take(&bytes).map_err(|error| self.broken(error))? {
                before.hear(&said);
                let Said::Frame(frame) = said else { continue };
                match frame.split_once(' ').unwrap_or((&frame, "")) {
                    ("held", encoded) => {
                        let holder = holder(encoded);
                        if !holder.has_ended() {
                            return Err(self.locked(&holder, "wait until that run has ended; the lock goes with its connection, within two minutes when its machine is gone"));
                        }
                        waiting(Waiting::Lock(holder.to_string()));
                    }
                    ("locked", encoded) => {
                        return Err(self.locked(
                            &holder(encoded),
                            "that process has ended, and the host has not noticed within a minute: run the same command again",
                        ));
                    }
                    ("waiting", unit) => waiting(Waiting::Unit(unit.to_owned())),
                    ("looking", _) => deadline = Instant::now() + LONGEST_LOOK,
                    _ => collector.frame(&frame, now).map_err(|error| self.broken(error))?,
                }
            }
        }
        if let Some(holder) = lock
            && let Ok(mut slot) = self.lock.lock()
        {
            *slot = Some((running, holder.run.clone()));
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
        let (tag, run) = (self.tag()?, self.run_id());
        let (body, mut files) = script::program(parts, run.as_deref(), &tag);
        files.push(("body".to_owned(), Secret::new(body)));
        let number = self.units.fetch_add(1, Ordering::Relaxed);
        let unit = quote(&format!("forge-{name}-{number}"));
        let mut running = self.start(&RUN.replace("@UNIT@", &unit), &files).await?;
        running.close_input();
        let (mut reader, mut complaints, mut progress) =
            (Reader::new(&tag), Complaints::default(), Parts::of(parts.len()));
        let mut before = Before::default();
        let mut over = None;
        loop {
            let chunk = match over {
                None => running.next().await,
                Some(end) => match tokio::time::timeout_at(end, running.next()).await {
                    Ok(chunk) => chunk,
                    Err(_) => return Ok(if progress.all_succeeded() { Ended::Well } else { Ended::Badly }),
                },
            };
            match chunk {
                None => break,
                Some(Chunk::Err(bytes)) => complaints.take(&bytes),
                Some(Chunk::Out(bytes)) => {
                    for said in reader.take(&bytes).map_err(|error| self.broken(error))? {
                        before.hear(&said);
                        progress.take(&said).map_err(|error| self.broken(error))?;
                        // What a login prints beside the program is not the program's.
                        if !matches!(said, Said::Line(_)) || progress.is_running() {
                            hear(said);
                        }
                    }
                    if over.is_none() && progress.is_over() {
                        over = Some(Instant::now() + AFTERWARDS);
                    }
                }
            }
        }
        if let Some(said) = reader.rest() {
            before.hear(&said);
            if progress.is_running() {
                hear(said);
            }
        }
        match running.wait().await {
            Outcome::Lost { .. } => Ok(Ended::Lost),
            Outcome::Exited(0) if progress.all_succeeded() => Ok(Ended::Well),
            Outcome::Exited(0) => Ok(Ended::Badly),
            other => Err(self.no_answer(other, before, &complaints.0)),
        }
    }

    /// Lets what runs there end, and begins no further part of programs that have several.
    pub async fn stop_between_parts(&self) {
        if let Some(run) = self.run_id() {
            self.tell(&lock::stop_between_parts(&run)).await;
        }
    }

    /// Stops the transient units of [`Remote::run`].
    pub async fn stop(&self, name: &str) {
        let unit = quote(&format!("forge-{name}-*"));
        self.tell(&format!("systemctl stop {unit}")).await;
    }

    /// Runs a program that has nothing to say.
    async fn tell(&self, program: &str) {
        if let Ok(mut running) = self.start(program, &[]).await {
            running.exit_status().await;
        }
    }

    fn tag(&self) -> Result<Tag, Problem> {
        let failed = |error| Problem::new(Exit::Failed, "the operating system has no randomness to give").cause(error);
        Tag::random().map_err(failed)
    }

    /// The run that the machine's lock is held for, when it is.
    fn run_id(&self) -> Option<String> {
        self.lock.lock().ok()?.as_ref().map(|(_, run)| run.clone())
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
                let mut input = password.expose().to_vec();
                input.push(b'\n');
                input.extend_from_slice(archive.expose());
                // Without what sudo remembers, which would leave the password to the program as its input.
                (format!("sudo -k -S -p '' {unpack}"), Secret::new(input))
            }
        };
        self.connection.start(&command, input).await.map_err(Problem::from)
    }

    fn locked(&self, holder: &Holder, next: &str) -> Problem {
        Problem::new(Exit::Locked, format!("{} is locked by another run", self.name)).cause(holder).next(next)
    }

    /// What came back is no answer: whatever sent it, nothing of it is believed.
    fn broken(&self, cause: impl std::fmt::Display) -> Problem {
        Problem::new(Exit::Connection, format!("{} answers with what is no answer", self.name))
            .cause(cause)
            .next("run the same command again; if it stays so, look at what the host's login prints and runs")
    }

    /// The login is fine, and something else runs in place of its commands.
    fn runs_nothing(&self, outcome: &Outcome, words: &str) -> Problem {
        let (name, user) = (&self.name, &self.target.user);
        let silent = match outcome {
            Outcome::Exited(status) => format!("it ended with status {status} and printed nothing"),
            other => format!("it ended with {other:?} and printed nothing"),
        };
        let words = if words.is_empty() { &silent } else { words };
        // A shell's warnings, about a locale for one, come before what matters.
        let (warnings, words): (Vec<&str>, Vec<&str>) = words.lines().partition(|line| line.contains("warning: "));
        let lines = [words, warnings].concat();
        let (first, more) = lines.split_first().map_or(("", String::new()), |(first, more)| (*first, more.join("\n")));
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
        if said.contains("must have a tty") {
            return Problem::new(Exit::Connection, format!("sudo on {} runs nothing without a terminal", self.name))
                .cause(said)
                .next(format!("let it, in /etc/sudoers.d: Defaults:{} !requiretty", self.target.user));
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

/// A host whose sudo asks for nothing is not given the password.
async fn without_needless_password(connection: &Connection, sudo: Sudo) -> Result<Sudo, Problem> {
    let Sudo::Password(password) = sudo else { return Ok(sudo) };
    let mut asking = connection.start("sudo -k -n true", Secret::new("")).await.map_err(Problem::from)?;
    Ok(if asking.exit_status().await == Some(0) { Sudo::Passwordless } else { Sudo::Password(password) })
}

/// The host's part of [`Remote::run`]: starts the unit, shows what it prints until it ends. When forge dies this dies too,
/// and leaves a unit that still runs its files: the next run waits for it and clears them.
const RUN: &str = r#"#!/bin/sh
d=$1
systemd-run --quiet --collect --unit=@UNIT@ --property=Type=exec --property=TimeoutStopSec=15s --property="StandardOutput=file:$d/out" \
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
