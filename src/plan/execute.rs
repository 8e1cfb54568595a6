//! The dispatcher: decides which steps may run now, and what the end of one means for the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::Interrupts;
use super::carry_out::{Ending, carry_out, report};
use super::step::{Plan, Step, StepId, Work};
use crate::error::{Exit, Problem};
use crate::host::Fleet;
use crate::inventory::NodeName;
use crate::report::{Events, Outcome};

/// How a plan went.
#[derive(Debug, Default)]
pub struct Summary {
    /// Steps that succeeded.
    pub done: usize,
    /// Root causes, in the order in which they came. Without any, and without an interrupt, every step of the plan succeeded.
    pub problems: Vec<Problem>,
    /// Whether a person stopped it.
    pub interrupted: bool,
}

impl Summary {
    /// The exit code it leads to. What broke because a person stopped it is no cause of its own.
    pub fn exit(&self) -> Exit {
        match self.problems.first() {
            _ if self.interrupted => Exit::Interrupted,
            Some(problem) => problem.exit,
            None => Exit::Done,
        }
    }

    /// The one invariant: a step that was skipped, not begun, or whose end nobody saw is never passed over. `planned` is the
    /// number of steps in the plan.
    fn account_for(mut self, planned: usize) -> Self {
        if self.done != planned && self.problems.is_empty() {
            self.problems.push(
                Problem::new(Exit::Failed, format!("{} of {planned} steps were done", self.done))
                    .cause("the others were not begun, or nothing was heard of their end")
                    .next("run the same command again; what is done stays done"),
            );
        }
        self
    }
}

/// Runs every step after what it needs: scripts of one host one after the other and, where nothing stands between them, as
/// one; conversations beside them. When a step fails, those that need it are skipped and all others go on.
pub async fn execute(plan: Plan, fleet: &Fleet, events: &Events, mut interrupts: Interrupts) -> Summary {
    let mut state = State {
        pending: plan.steps.iter().map(|step| step.id.clone()).collect(),
        waiting: plan.steps,
        ..State::default()
    };
    let planned = state.waiting.len();
    let mut running: JoinSet<(Batch, Vec<Ending>)> = JoinSet::new();
    loop {
        state.skip_dependents(events);
        while interrupts.times() == 0
            && let Some((batch, steps)) = state.next_batch()
        {
            let Some(remote) = fleet.get(&batch.host).cloned() else { continue };
            let events = events.clone();
            running.spawn(async move {
                let endings = carry_out(&remote, &batch.unit, steps, &events).await;
                (batch, endings)
            });
        }
        tokio::select! {
            ended = running.join_next() => match ended {
                Some(Ok((batch, endings))) => state.take(&batch, endings),
                Some(Err(_)) => {}
                None => break,
            },
            times = interrupts.next() => match times {
                1 => finish_what_runs(fleet),
                2 => state.stop(fleet).await,
                _ => {}
            },
        }
    }
    state.summary.interrupted = interrupts.times() > 0;
    state.summary.account_for(planned)
}

/// Lets hosts begin no further step of what they were given, without waiting for a machine that does not answer. The locks
/// stay: what runs, conversations among it, is still this run's.
fn finish_what_runs(fleet: &Fleet) {
    for remote in fleet.values() {
        let remote = Arc::clone(remote);
        tokio::spawn(async move { remote.stop_between_parts().await });
    }
}

/// Steps that run together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Batch {
    host: NodeName,
    unit: String,
    is_talk: bool,
}

#[derive(Default)]
struct State {
    /// Not begun.
    waiting: Vec<Step>,
    /// Not ended.
    pending: BTreeSet<StepId>,
    /// Ended badly or skipped, and why those that need it are skipped.
    failed: BTreeMap<StepId, String>,
    running: BTreeSet<Batch>,
    summary: Summary,
}

impl State {
    /// The next steps that may run together on one host: one conversation, or as many neighbouring scripts as need only
    /// each other.
    fn next_batch(&mut self) -> Option<(Batch, Vec<Step>)> {
        let busy = |host: &NodeName| self.running.iter().any(|batch| batch.host == *host && !batch.is_talk);
        let first = self
            .waiting
            .iter()
            .position(|step| self.ready(step, &[]) && (matches!(step.work, Work::Talk(_)) || !busy(&step.runs_on)))?;
        let step = self.waiting.remove(first);
        let is_talk = matches!(step.work, Work::Talk(_));
        let unit = if is_talk { format!("{}-{}", step.id.name, step.id.host) } else { "changes".to_owned() };
        let batch = Batch { host: step.runs_on.clone(), unit, is_talk };
        let mut ids = vec![step.id.clone()];
        let mut steps = vec![step];
        if !is_talk {
            while let Some(next) = self.waiting.iter().position(|step| {
                step.runs_on == batch.host && matches!(step.work, Work::Changes(_)) && self.ready(step, &ids)
            }) {
                let step = self.waiting.remove(next);
                ids.push(step.id.clone());
                steps.push(step);
            }
        }
        self.running.insert(batch.clone());
        Some((batch, steps))
    }

    fn ready(&self, step: &Step, batch: &[StepId]) -> bool {
        let over = |need: &StepId| !self.pending.contains(need) || batch.contains(need);
        step.needs.iter().chain(&step.after).all(over)
    }

    fn skip_dependents(&mut self, events: &Events) {
        while let Some(doomed) =
            self.waiting.iter().position(|step| step.needs.iter().any(|need| self.failed.contains_key(need)))
        {
            let step = self.waiting.remove(doomed);
            let because = step.needs.iter().find_map(|need| self.failed.get(need)).cloned().unwrap_or_default();
            self.pending.remove(&step.id);
            self.failed.insert(step.id.clone(), because.clone());
            report(events, &Ending::skipped(&step, because));
        }
    }

    fn take(&mut self, batch: &Batch, endings: Vec<Ending>) {
        self.running.remove(batch);
        for ending in endings {
            self.pending.remove(&ending.id);
            match ending.result {
                Ok(Outcome::Skipped { because }) => drop(self.failed.insert(ending.id, because)),
                Ok(_) => self.summary.done += 1,
                Err(problem) => {
                    let because = format!("{} on {} did not end well", ending.title, ending.id.host);
                    self.failed.insert(ending.id, because);
                    self.summary.problems.push(problem);
                }
            }
        }
    }

    async fn stop(&self, fleet: &Fleet) {
        let stops = self.running.iter().filter_map(|batch| Some((fleet.get(&batch.host)?.clone(), batch.unit.clone())));
        let mut stopping: JoinSet<()> = stops.map(|(remote, unit)| async move { remote.stop(&unit).await }).collect();
        while stopping.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::step::once;
    use super::*;
    use crate::host::Script;

    fn id(host: &str, name: &'static str) -> StepId {
        StepId { host: NodeName::new(host).unwrap(), name }
    }

    fn step(host: &str, name: &'static str, needs: &[(&str, &'static str)], work: Work) -> Step {
        Step {
            id: id(host, name),
            title: name.to_owned(),
            runs_on: NodeName::new(host).unwrap(),
            needs: needs.iter().map(|(host, name)| id(host, name)).collect(),
            after: Vec::new(),
            changes: Vec::new(),
            work,
        }
    }

    fn script() -> Work {
        Work::Changes(Script::new("true"))
    }

    fn talk() -> Work {
        once(|| Ok(Script::new("true")), |_| Ok(Outcome::Done), |_| Problem::new(Exit::Failed, "no"))
    }

    /// Two prepared hosts, of which the second joins the first.
    fn two_hosts() -> State {
        let waiting = vec![
            step("cp1", "names", &[], script()),
            step("cp1", "files", &[("cp1", "names")], script()),
            step("w1", "names", &[], script()),
            step("cp1", "init", &[("cp1", "files")], talk()),
            step("w1", "join", &[("cp1", "init"), ("w1", "names")], talk()),
            step("w1", "labels", &[("w1", "join"), ("w1", "not in the plan")], script()),
        ];
        State { pending: waiting.iter().map(|step| step.id.clone()).collect(), waiting, ..State::default() }
    }

    /// What begins now: `cp1: names, files`.
    fn begins(state: &mut State) -> Vec<(Batch, String)> {
        let mut begun = Vec::new();
        while let Some((batch, steps)) = state.next_batch() {
            let names: Vec<&str> = steps.iter().map(|step| step.id.name).collect();
            let words = format!("{}: {}", batch.host, names.join(", "));
            begun.push((batch, words));
        }
        begun
    }

    fn words(begun: &[(Batch, String)]) -> Vec<&str> {
        begun.iter().map(|(_, words)| words.as_str()).collect()
    }

    fn ending(host: &str, name: &'static str, result: Result<Outcome, Problem>) -> Ending {
        let step = step(host, name, &[], script());
        let mut ending = Ending::skipped(&step, String::new());
        ending.result = result;
        ending
    }

    fn well(host: &str, name: &'static str) -> Ending {
        ending(host, name, Ok(Outcome::Done))
    }

    fn badly(host: &str, name: &'static str) -> Ending {
        ending(host, name, Err(Problem::new(Exit::Failed, "broken")))
    }

    #[test]
    fn scripts_of_a_host_travel_together_and_hosts_only_wait_for_what_they_need() {
        let mut state = two_hosts();
        let begun = begins(&mut state);
        assert_eq!(words(&begun), ["cp1: names, files", "w1: names"]);
        state.take(&begun[0].0, vec![well("cp1", "names"), well("cp1", "files")]);
        let begun = begins(&mut state);
        assert_eq!(words(&begun), ["cp1: init"], "while w1 is still at its names");
        state.take(&begun[0].0, vec![well("cp1", "init")]);
        assert_eq!(words(&begins(&mut state)), Vec::<&str>::new(), "the join needs w1's names");
    }

    #[test]
    fn what_needs_a_failed_step_is_skipped_with_the_reason_and_others_go_on() {
        let mut state = two_hosts();
        let begun = begins(&mut state);
        state.take(&begun[1].0, vec![badly("w1", "names")]);
        state.skip_dependents(&Events::default());
        let because = "names on w1 did not end well";
        assert_eq!(state.failed[&id("w1", "join")], because);
        assert_eq!(state.failed[&id("w1", "labels")], because, "the root cause, not the step before");
        state.take(&begun[0].0, vec![well("cp1", "names"), well("cp1", "files")]);
        assert_eq!(words(&begins(&mut state)), ["cp1: init"]);
        assert_eq!((state.summary.done, state.summary.problems.len()), (2, 1));
        assert_eq!(state.summary.exit(), Exit::Failed);
    }

    #[test]
    fn a_plan_of_which_a_step_is_missing_at_the_end_never_exits_with_0() {
        let exit = |done, problems, interrupted| Summary { done, problems, interrupted }.account_for(2).exit();
        assert_eq!(exit(2, vec![], false), Exit::Done);
        assert_eq!(exit(1, vec![], false), Exit::Failed);
        assert_eq!(exit(0, vec![], false), Exit::Failed);
        assert_eq!(exit(1, vec![], true), Exit::Interrupted);
        assert_eq!(exit(1, vec![Problem::new(Exit::Connection, "gone")], false), Exit::Connection);
    }
}
