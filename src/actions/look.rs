//! The look of a run: what hosts are asked before anything is planned, and what is refused because of the answers.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::run::Run;
use crate::error::{Exit, Problem};
use crate::host::facts::Probe;
use crate::host::frames::Said;
use crate::host::remote::{Ended, Waiting};
use crate::host::{Observed, Script};
use crate::inventory::NodeName;
use crate::inventory::cluster::Host;
use crate::kube::staged::Staged as _;
use crate::kube::{self, merge::Replaced, paths};
use crate::phases::encryption::{self, Source};
use crate::phases::{self, Facts, facts, preflight, settings};
use crate::report::Event;
use crate::secret::Secret;

impl Run {
    /// Asks every host everything at once and makes the facts of it. With `lock` every host is locked for this run.
    ///
    /// # Errors
    /// A host did not answer, is locked, or preflight found something; all findings have been told of.
    pub async fn look(&mut self, lock: bool) -> Result<Facts, Problem> {
        let (mut interrupts, interrupted) = (self.interrupts.clone(), self.interrupted());
        tokio::select! {
            result = self.observe(lock) => result,
            _ = interrupts.next() => Err(interrupted),
        }
    }

    async fn observe(&mut self, lock: bool) -> Result<Facts, Problem> {
        let unseen = Facts::default();
        let hosts = self.ask(|host| self.probes(host, &unseen), lock).await?;
        let mut facts = Facts { hosts, ..Facts::default() };
        facts.look_at_the_cluster(&self.cluster);
        self.preflight(&mut facts)?;
        self.refuse(rotation_under_way(self.site(&facts)))?;
        self.refuse(silent_servers(self.site(&facts)))?;
        match encryption::source(self.site(&facts))? {
            Source::Everywhere => {}
            Source::Generate => facts.encryption = Some(encryption::generate(self.site(&facts), &today())?),
            Source::ReadFrom(name) => facts.encryption = Some(self.read_encryption(&name).await?),
        }
        Ok(facts)
    }

    /// Asks every host these questions and no others: for commands that judge a cluster whatever state it is in. With
    /// `lock` every host is locked for this run.
    ///
    /// # Errors
    /// A host did not answer or is locked; all that is wrong has been told of.
    pub async fn survey(
        &mut self,
        probes: impl Fn(&Host) -> Result<Vec<Probe>, Problem>,
        lock: bool,
    ) -> Result<BTreeMap<NodeName, Observed>, Problem> {
        let (mut interrupts, interrupted) = (self.interrupts.clone(), self.interrupted());
        tokio::select! {
            result = self.ask(probes, lock) => result,
            _ = interrupts.next() => Err(interrupted),
        }
    }

    /// The same without a lock, of those that answer; the others have been told of, and are counted.
    ///
    /// # Errors
    /// No host answered.
    pub async fn survey_those_that_answer(
        &self,
        probes: impl Fn(&Host) -> Result<Vec<Probe>, Problem>,
    ) -> Result<(BTreeMap<NodeName, Observed>, usize), Problem> {
        let (mut interrupts, interrupted) = (self.interrupts.clone(), self.interrupted());
        let (hosts, problems) = tokio::select! {
            result = self.answers(probes, false) => result?,
            _ = interrupts.next() => return Err(interrupted),
        };
        Ok((hosts, self.tell_unless_all(problems)?))
    }

    async fn ask(
        &self,
        probes: impl Fn(&Host) -> Result<Vec<Probe>, Problem>,
        lock: bool,
    ) -> Result<BTreeMap<NodeName, Observed>, Problem> {
        let (hosts, problems) = self.answers(probes, lock).await?;
        self.all_or_first(problems)?;
        Ok(hosts)
    }

    /// One round trip per host, all at once. What went wrong comes back beside the answers.
    async fn answers(
        &self,
        probes: impl Fn(&Host) -> Result<Vec<Probe>, Problem>,
        lock: bool,
    ) -> Result<(BTreeMap<NodeName, Observed>, Vec<Problem>), Problem> {
        let holder = if lock { Some(self.holder()?) } else { None };
        let mut asking = JoinSet::new();
        let mut checks = 0;
        for host in &self.cluster.hosts {
            let Some(remote) = self.fleet.get(&host.name).cloned() else { continue };
            let probes = probes(host)?;
            checks += probes.len();
            let (holder, events) = (holder.clone(), self.events.clone());
            asking.spawn(async move {
                let waiting = |what| {
                    let host = remote.name.clone();
                    events.emit(&match what {
                        Waiting::Unit(unit) => Event::Waiting { host, unit },
                        Waiting::Lock(holder) => Event::WaitingForLock { host, holder },
                    });
                };
                let seen = remote.facts(&probes, holder.as_ref(), waiting).await;
                (remote.name.clone(), seen)
            });
        }
        let (mut hosts, mut problems) = (BTreeMap::new(), Vec::new());
        while let Some(asked) = asking.join_next().await {
            match asked {
                Ok((name, Ok(seen))) => drop(hosts.insert(name, seen)),
                Ok((_, Err(problem))) => problems.push(problem),
                Err(error) => {
                    problems.push(Problem::new(Exit::Failed, "a host's answer was given up unexpectedly").cause(error));
                }
            }
        }
        if problems.is_empty() {
            self.events.emit(&Event::Observed {
                hosts: hosts.len(),
                checks,
                elapsed_ms: self.started.elapsed().as_millis() as u64,
            });
        }
        Ok((hosts, problems))
    }

    fn probes(&self, host: &Host, unseen: &Facts) -> Result<Vec<Probe>, Problem> {
        let resources = phases::host::resources(host, self.site(unseen))?;
        let mut probes: Vec<Probe> =
            resources.iter().map(|resource| Probe::quick(resource.id(), resource.probe())).collect();
        probes.push(phases::host::probe());
        probes.extend(facts::probes(host));
        probes.extend(settings::probes(&self.cluster, &self.templates, host)?);
        probes.extend(preflight::probes(&self.cluster, host));
        Ok(probes)
    }

    fn preflight(&self, facts: &mut Facts) -> Result<(), Problem> {
        let mut findings = preflight::check(&self.cluster, &facts.hosts);
        if !findings.iter().any(|finding| finding.fatal) {
            match preflight::kubernetes_version(&self.cluster, &facts.hosts) {
                Ok(version) => {
                    findings.extend(self.overridden(&version)?);
                    facts.version = Some(version);
                }
                Err(finding) => findings.push(finding),
            }
            findings.extend(self.remarks(facts)?);
            match preflight::package_keys(&self.cluster, &facts.hosts) {
                Ok(keys) => facts.keys = keys,
                Err(more) => findings.extend(more),
            }
        }
        self.refuse(findings)
    }

    /// Tells of all findings.
    ///
    /// # Errors
    /// One of them is fatal.
    pub(super) fn refuse(&self, findings: Vec<preflight::Finding>) -> Result<(), Problem> {
        let fatal = findings.iter().filter(|finding| finding.fatal).count();
        for finding in findings {
            self.events.emit(&Event::Found {
                host: finding.host,
                fatal: finding.fatal,
                what: finding.what,
                cause: finding.cause,
                next: finding.next,
            });
        }
        if fatal == 0 {
            return Ok(());
        }
        let noun = if fatal == 1 { "finding" } else { "findings" };
        Err(Problem::new(Exit::Preflight, format!("preflight refused: {fatal} {noun} above, {}", self.so_far())))
    }

    /// What a host does not take is told of every time.
    fn remarks(&self, facts: &Facts) -> Result<Vec<preflight::Finding>, Problem> {
        let mut findings = Vec::new();
        for host in &self.cluster.hosts {
            let remarks = phases::host::remarks(host, self.site(facts))?;
            findings.extend(remarks.into_iter().map(|remark| preflight::Finding {
                host: Some(host.name.clone()),
                fatal: false,
                what: format!("{}: {remark}", host.name),
                cause: String::new(),
                next: String::new(),
            }));
        }
        Ok(findings)
    }

    /// The inventory may replace hardening; it is told of every time.
    fn overridden(&self, version: &str) -> Result<Vec<preflight::Finding>, Problem> {
        let replaced =
            kube::overridden_hardening(&self.templates, &self.cluster, version).map_err(phases::unrendered)?;
        let finding = |one: Replaced| {
            preflight::Finding::told(
                format!("kubeadm.{} of the inventory replaces hardening", one.path),
                format!("{} instead of {}", one.theirs, one.ours),
                "remove it from the inventory, unless it has to be so",
            )
        };
        Ok(replaced.into_iter().map(finding).collect())
    }

    /// The encryption configuration of a control plane.
    pub(super) async fn read_encryption(&self, name: &NodeName) -> Result<Secret, Problem> {
        let config = self.fetch(name, "read-encryption", encryption::read()).await?.remove("config");
        config
            .filter(|config| !config.expose().is_empty())
            .ok_or_else(|| Problem::new(Exit::Failed, format!("the encryption configuration of {name} cannot be read")))
    }

    /// What a script hands back, before there is a plan.
    pub(super) async fn fetch(
        &self,
        name: &NodeName,
        unit: &str,
        script: Script,
    ) -> Result<BTreeMap<String, Secret>, Problem> {
        let unknown = || Problem::new(Exit::Failed, format!("{name} is not connected"));
        let remote = self.fleet.get(name).ok_or_else(unknown)?;
        let (mut values, mut lines) = (BTreeMap::new(), Vec::new());
        let mut hear = |said| match said {
            Said::Value(_, name, value) => drop(values.insert(name, value)),
            Said::Line(line) => lines.push(line),
            _ => {}
        };
        if remote.run(unit, &[script], &mut hear).await? == Ended::Well {
            return Ok(values);
        }
        Err(Problem::new(Exit::Failed, format!("{name}: {unit} failed; nothing was changed")).cause(lines.join("\n")))
    }
}

/// What only an API server knows looks as if it were not there while it is silent, so it is planned every time. A warning,
/// because the run may be what brings it back.
fn silent_servers(site: phases::Site<'_>) -> Vec<preflight::Finding> {
    let joined = site.cluster.control_planes().filter(|host| site.facts.joined(&host.name));
    let silent = joined.filter_map(|host| Some((&host.name, facts::silence(site.facts.hosts.get(&host.name)?)?)));
    silent
        .map(|(name, why)| preflight::Finding {
            host: Some(name.clone()),
            fatal: false,
            what: format!("the API server of {name} does not answer"),
            cause: why.to_owned(),
            next: format!(
                "on {name}: sudo journalctl --unit kubelet --lines 20; sudo crictl ps --all --name kube-apiserver"
            ),
        })
        .collect()
}

/// A rotation lasts until a run of it comes to its end; nothing else finishes it.
fn rotation_under_way(site: phases::Site<'_>) -> Vec<preflight::Finding> {
    let encryption = encryption::under_way(site).map(|journal| {
        preflight::Finding::told(
            format!("a rotation of the encryption key to {} was begun and is not finished", journal.to),
            format!("{}: {}", paths::ROTATION, journal.stage.words()),
            "forge rotate encryption-key INVENTORY",
        )
    });
    let signing = phases::rotate_sa_key::under_way(site).map(|journal| {
        preflight::Finding::told(
            format!("a rotation of the service accounts' signing key to {} was begun and is not finished", journal.to),
            format!("{}: {}", paths::SA_ROTATION, journal.stage.words()),
            "forge rotate sa-key INVENTORY",
        )
    });
    encryption.into_iter().chain(signing).collect()
}

/// `20261123`: part of a new encryption key's name.
pub(super) fn today() -> String {
    let now = time::OffsetDateTime::now_utc();
    format!("{:04}{:02}{:02}", now.year(), u8::from(now.month()), now.day())
}
