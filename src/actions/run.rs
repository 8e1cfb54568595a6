//! One run of a command: connections, facts, the plan's consent, its execution and its end.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::error::{Exit, Problem};
use crate::host::lock::Holder;
use crate::host::remote::Sudo;
use crate::host::{Fleet, Remote};
use crate::inventory::NodeName;
use crate::inventory::cluster::{Cluster, Host};
use crate::phases::verify::Evidence;
use crate::phases::{self, Facts, Site};
use crate::plan::{Interrupts, Plan, execute};
use crate::render::Templates;
use crate::report::{Event, Events, console};
use crate::secret::Secret;
use crate::ssh::{Client, Keyring, KnownHosts, Patience, Target, Traffic};

/// What the command line says about a run.
#[derive(Debug, Default)]
pub struct Options {
    /// Do not ask.
    pub yes: bool,
    /// What sudo asks for, when it asks.
    pub sudo_password: Option<Secret>,
}

/// One run.
pub struct Run {
    /// What is wanted.
    pub cluster: Arc<Cluster>,
    /// How files are worded.
    pub templates: Arc<Templates>,
    pub(super) action: &'static str,
    pub(super) events: Events,
    options: Options,
    pub(super) fleet: Fleet,
    pub(super) interrupts: Interrupts,
    pub(super) started: Instant,
    changed: usize,
}

/// Logins at the same time: many, yet fewer than the files that a shell lets a process open.
const LOGINS: usize = 64;

impl Run {
    /// Begins a run.
    ///
    /// # Errors
    /// The templates do not load.
    pub fn new(action: &'static str, cluster: Cluster, events: Events, options: Options) -> Result<Self, Problem> {
        let templates = Templates::load(None).map_err(phases::unrendered)?;
        events.emit(&Event::Started { format: 1, action, cluster: cluster.name.clone(), hosts: cluster.hosts.len() });
        Ok(Self {
            cluster: Arc::new(cluster),
            templates: Arc::new(templates),
            action,
            events,
            options,
            fleet: Fleet::new(),
            interrupts: Interrupts::listen(console::say),
            started: Instant::now(),
            changed: 0,
        })
    }

    /// Everything a phase looks at.
    pub fn site<'a>(&'a self, facts: &'a Facts) -> Site<'a> {
        Site { cluster: &self.cluster, facts, templates: &self.templates }
    }

    /// Leaves out the hosts that the command has no business with.
    pub(super) fn narrow(&mut self, keep: impl Fn(&Host) -> bool) {
        Arc::make_mut(&mut self.cluster).hosts.retain(keep);
    }

    /// Logs in to every host at once.
    ///
    /// # Errors
    /// Every host that cannot be reached, logged into or trusted has been told of; this is the first.
    pub async fn connect(&mut self) -> Result<(), Problem> {
        let (mut interrupts, interrupted) = (self.interrupts.clone(), self.interrupted());
        tokio::select! {
            result = self.log_in() => result,
            _ = interrupts.next() => Err(interrupted),
        }
    }

    /// Logs in to every host at once, and goes on with those that answer; the others have been told of. Returns how many did
    /// not.
    ///
    /// # Errors
    /// No host answered.
    pub async fn connect_to_those_that_answer(&mut self) -> Result<usize, Problem> {
        let (mut interrupts, interrupted) = (self.interrupts.clone(), self.interrupted());
        let problems = tokio::select! {
            result = self.logins() => result?,
            _ = interrupts.next() => return Err(interrupted),
        };
        self.tell_unless_all(problems)
    }

    async fn log_in(&mut self) -> Result<(), Problem> {
        let problems = self.logins().await?;
        self.all_or_first(problems)
    }

    /// Fills the fleet; what went wrong comes back.
    async fn logins(&mut self) -> Result<Vec<Problem>, Problem> {
        let known_hosts = KnownHosts::load(&self.cluster.known_hosts).map_err(|error| {
            Problem::new(Exit::Connection, format!("{} cannot be read", self.cluster.known_hosts.display()))
                .cause(error)
        })?;
        let ask = |path: &std::path::Path| console::ask_secret(&format!("passphrase of {}: ", path.display()));
        let client = Arc::new(Client::new(known_hosts, Keyring::new(ask), Patience::default()));
        let mut logins = JoinSet::new();
        let slots = Arc::new(tokio::sync::Semaphore::new(LOGINS));
        for host in &self.cluster.hosts {
            let (client, slots) = (Arc::clone(&client), Arc::clone(&slots));
            let (name, target, sudo) = (host.name.clone(), Target::from(host), self.sudo(host));
            logins.spawn(async move {
                let _slot = slots.acquire_owned().await;
                Remote::log_in(name, client, target, sudo).await.map(Arc::new)
            });
        }
        let mut problems = Vec::new();
        while let Some(login) = logins.join_next().await {
            match login
                .unwrap_or_else(|error| Err(Problem::new(Exit::Failed, "a login ended unexpectedly").cause(error)))
            {
                Ok(remote) => drop(self.fleet.insert(remote.name.clone(), remote)),
                Err(problem) => problems.push(problem),
            }
        }
        Ok(problems)
    }

    fn sudo(&self, host: &Host) -> Sudo {
        match &self.options.sudo_password {
            _ if host.ssh.user == "root" => Sudo::Root,
            Some(password) => Sudo::Password(password.clone()),
            None => Sudo::Passwordless,
        }
    }

    /// Tells of all problems but the last, which is returned to be told of at the end.
    pub(super) fn all_or_first(&self, mut problems: Vec<Problem>) -> Result<(), Problem> {
        problems.sort_by(|one, other| one.what.cmp(&other.what));
        let Some(last) = problems.pop() else { return Ok(()) };
        problems.iter().for_each(|problem| self.tell(problem));
        Err(last)
    }

    /// Tells of all problems and counts them, unless there are as many as hosts.
    pub(super) fn tell_unless_all(&self, problems: Vec<Problem>) -> Result<usize, Problem> {
        if problems.len() == self.cluster.hosts.len() {
            self.all_or_first(problems)?;
            return Ok(0);
        }
        problems.iter().for_each(|problem| self.tell(problem));
        Ok(problems.len())
    }

    /// Tells of a problem.
    pub fn tell(&self, problem: &Problem) {
        self.events.emit(&Event::Found {
            host: None,
            fatal: true,
            what: problem.what.clone(),
            cause: problem.cause.clone(),
            next: problem.next.clone(),
        });
    }

    pub(super) fn holder(&self) -> Result<Holder, Problem> {
        let failed = |error| Problem::new(Exit::Failed, "the operating system has no randomness to give").cause(error);
        Holder::this(self.action).map_err(failed)
    }

    /// Shows the plan.
    pub fn show_plan(&self, plan: &Plan) {
        self.events.emit(&Event::Planned { steps: plan.shown() });
    }

    /// Shows the plan and asks, unless `--yes` has answered.
    ///
    /// # Errors
    /// The answer is no, or there is nobody to ask.
    pub fn confirm(&self, plan: &Plan) -> Result<(), Problem> {
        self.show_plan(plan);
        if self.options.yes {
            return Ok(());
        }
        match console::ask(&format!("Do this to cluster {}?", self.cluster.name)) {
            Some(true) => Ok(()),
            Some(false) => Err(Problem::new(Exit::Interrupted, self.so_far())),
            None => Err(Problem::new(Exit::Usage, format!("there is no terminal to ask on, and {}", self.so_far()))
                .next("add --yes to go on without being asked")),
        }
    }

    /// What a run that ends here has done.
    pub(super) fn so_far(&self) -> &'static str {
        if self.changed == 0 { "nothing was changed" } else { "what was done before stays done" }
    }

    /// What a run says that somebody ends while it looks.
    pub(super) fn interrupted(&self) -> Problem {
        Problem::new(Exit::Interrupted, format!("interrupted; {}", self.so_far()))
    }

    /// Runs the plan; problems are told of as they come, and the first gives the exit code.
    pub async fn execute(&mut self, plan: Plan) -> Exit {
        let summary = execute(plan, &self.fleet, &self.events, self.interrupts.clone()).await;
        self.changed += summary.done;
        summary.problems.iter().for_each(|problem| self.tell(problem));
        summary.exit()
    }

    /// Tells what was found.
    pub fn show(&self, evidence: &[Evidence]) {
        for Evidence { check, passed, found } in evidence {
            self.events.emit(&Event::Evidence { check: check.clone(), passed: *passed, found: found.clone() });
        }
    }

    /// Tells of anything else.
    pub fn tell_of(&self, event: Event) {
        self.events.emit(&event);
    }

    /// A host's connection.
    pub fn remote(&self, host: &NodeName) -> Option<&Arc<Remote>> {
        self.fleet.get(host)
    }

    /// Gives the locks back and tells how it went.
    pub async fn finish(&mut self, exit: Exit) {
        let mut total = Traffic::default();
        let mut most = 0;
        for remote in self.fleet.values() {
            remote.release().await;
            let traffic = remote.traffic();
            most = most.max(traffic.round_trips);
            total.round_trips += traffic.round_trips;
            total.commands += traffic.commands;
            total.bytes_sent += traffic.bytes_sent;
            total.bytes_received += traffic.bytes_received;
        }
        self.events.emit(&Event::Finished {
            exit: exit as u8,
            changed: self.changed,
            elapsed_ms: self.started.elapsed().as_millis() as u64,
            traffic: total,
            round_trips: most,
        });
    }
}
