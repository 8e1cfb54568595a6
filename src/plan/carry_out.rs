//! The executor: carries steps out on one host and tells of each as it begins and ends.

use std::sync::Arc;
use std::time::Instant;

use super::step::{Heard, Step, StepId, Turn, Work};
use crate::error::{Exit, Problem};
use crate::host::frames::Said;
use crate::host::remote::Ended;
use crate::host::{Remote, Script};
use crate::inventory::NodeName;
use crate::report::{Event, Events, Outcome};

/// How one step ended.
pub(super) struct Ending {
    pub(super) id: StepId,
    pub(super) title: String,
    pub(super) result: Result<Outcome, Problem>,
    elapsed_ms: u64,
}

impl Ending {
    fn of(step: &Step, result: Result<Outcome, Problem>, started: Option<Instant>) -> Self {
        let elapsed_ms = started.map_or(0, |started| started.elapsed().as_millis() as u64);
        Self { id: step.id.clone(), title: step.title.clone(), result, elapsed_ms }
    }

    /// A step that is not begun.
    pub(super) fn skipped(step: &Step, because: String) -> Self {
        Self::of(step, Ok(Outcome::Skipped { because }), None)
    }
}

/// Lines of a step's output that are kept for its error.
const TAIL: usize = 20;

/// Carries out one conversation, or scripts that travel together.
pub(super) async fn carry_out(remote: &Arc<Remote>, unit: &str, mut steps: Vec<Step>, events: &Events) -> Vec<Ending> {
    match steps.as_mut_slice() {
        [step] if matches!(step.work, Work::Talk(_)) => {
            begin(events, step);
            let started = Instant::now();
            let result = converse(remote, unit, step, events).await;
            let ending = Ending::of(step, result, Some(started));
            report(events, &ending);
            vec![ending]
        }
        _ => change(remote, unit, &steps, events).await,
    }
}

/// Tells of a step's end.
pub(super) fn report(events: &Events, ending: &Ending) {
    let outcome = match &ending.result {
        Ok(outcome) => outcome.clone(),
        Err(problem) => problem.into(),
    };
    events.emit(&Event::StepFinished {
        host: ending.id.host.clone(),
        step: ending.id.name,
        title: ending.title.clone(),
        outcome,
        elapsed_ms: ending.elapsed_ms,
    });
}

fn begin(events: &Events, step: &Step) {
    events.emit(&Event::StepStarted { host: step.id.host.clone(), step: step.id.name, title: step.title.clone() });
}

/// Several scripts as one program, reported step by step.
async fn change(remote: &Arc<Remote>, unit: &str, steps: &[Step], events: &Events) -> Vec<Ending> {
    let scripts: Vec<Script> = steps
        .iter()
        .map(|step| match &step.work {
            Work::Changes(script) => script.clone(),
            Work::Talk(_) => Script::default(),
        })
        .collect();
    let mut batch = Changes { steps, events, endings: Vec::new(), current: None };
    let result = remote.run(unit, &scripts, &mut |said| batch.hear(said)).await;
    batch.end(result, &remote.name)
}

/// Steps that travel as the parts of one program; [`Remote::run`] hands on only frames that come in turn.
struct Changes<'a> {
    steps: &'a [Step],
    events: &'a Events,
    endings: Vec<Ending>,
    current: Option<(Heard, Instant)>,
}

impl Changes<'_> {
    fn hear(&mut self, said: Said) {
        let Some(step) = self.steps.get(self.endings.len()) else { return };
        match said {
            Said::Begin(_) => {
                begin(self.events, step);
                self.current = Some((Heard::default(), Instant::now()));
            }
            Said::End(_, status) => {
                if let Some((heard, started)) = self.current.take() {
                    let result = if status == 0 { Ok(heard.outcome()) } else { Err(failure(step, &heard.tail())) };
                    self.push(Ending::of(step, result, Some(started)));
                }
            }
            said => {
                if let Some((heard, started)) = &mut self.current {
                    listen(heard, said, step, self.events, *started);
                }
            }
        }
    }

    /// One ending per step, whatever happened to the program.
    fn end(mut self, result: Result<Ended, Problem>, host: &NodeName) -> Vec<Ending> {
        while let Some(step) = self.steps.get(self.endings.len()) {
            let begun = self.current.take().is_some();
            let failed = self.endings.iter().find(|ending| ending.result.is_err());
            let ending = match (&result, failed) {
                (_, Some(failed)) => {
                    Ending::skipped(step, format!("{} on {} did not end well", failed.title, failed.id.host))
                }
                (Err(problem), None) => Ending::of(step, Err(problem.clone()), None),
                (Ok(Ended::Lost), None) => Ending::of(step, Err(lost(host, step)), None),
                (Ok(_), None) if begun => Ending::of(step, Err(failure(step, "it was stopped")), None),
                (Ok(_), None) => Ending::skipped(step, "the run was interrupted".to_owned()),
            };
            self.push(ending);
        }
        self.endings
    }

    fn push(&mut self, ending: Ending) {
        report(self.events, &ending);
        self.endings.push(ending);
    }
}

/// One conversation, to its end.
async fn converse(remote: &Arc<Remote>, unit: &str, step: &mut Step, events: &Events) -> Result<Outcome, Problem> {
    let mut last = None;
    loop {
        let turn = match &mut step.work {
            Work::Talk(talk) => talk.next(last.take())?,
            Work::Changes(script) => Turn::Run(script.clone()),
        };
        let mut heard = Heard::default();
        let started = Instant::now();
        let mut hear = |said| listen(&mut heard, said, step, events, started);
        match turn {
            Turn::Done(outcome) => return Ok(outcome),
            Turn::Run(script) => match remote.run(unit, std::slice::from_ref(&script), &mut hear).await? {
                Ended::Well => heard.well = true,
                Ended::Badly => {}
                Ended::Lost => return Err(lost(&remote.name, step)),
            },
            Turn::LogIn => match remote.log_in_again().await {
                Ok(()) => heard.well = true,
                Err(refusal) => heard.lines = vec![refusal.what, refusal.cause],
            },
            Turn::GiveUp(script, problem) => {
                // Whether it ran changes nothing for whoever reads this: the cause came before it.
                let _ = remote.run(unit, std::slice::from_ref(&script), &mut hear).await;
                return Err(problem);
            }
        }
        last = Some(heard);
    }
}

fn listen(heard: &mut Heard, said: Said, step: &Step, events: &Events, started: Instant) {
    match said {
        Said::Line(line) => {
            events.emit(&Event::StepOutput { host: step.id.host.clone(), step: step.id.name, line: line.clone() });
            if heard.lines.len() == TAIL {
                heard.lines.remove(0);
            }
            heard.lines.push(line);
        }
        Said::Warn(_, text) => heard.warnings.push(text),
        Said::Value(_, name, value) => drop(heard.values.insert(name, value)),
        Said::Progress(_, done, total) => {
            let per_second = (done as f64 / started.elapsed().as_secs_f64().max(0.001)) as u64;
            let (host, step) = (step.id.host.clone(), step.id.name);
            events.emit(&Event::Progress { host, step, done, total, per_second });
        }
        Said::Frame(_) => heard.lines.push("not begun: the host's lock is no longer held for this run".to_owned()),
        Said::Begin(_) | Said::End(..) => {}
    }
}

fn failure(step: &Step, cause: &str) -> Problem {
    Problem::new(Exit::Failed, format!("{}: {} failed", step.id.host, step.title))
        .cause(cause)
        .next("mend the cause and run the same command again; what is done stays done")
}

fn lost(host: &NodeName, step: &Step) -> Problem {
    Problem::new(Exit::Connection, format!("the connection to {host} was lost during: {}", step.title))
        .cause("the machine stopped answering; what it was doing goes on there if it lives")
        .next("run the same command again: it waits for what still runs and goes on from there")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::host::parts::Parts;
    use crate::host::parts::tests::any_said;

    fn steps(count: usize) -> Vec<Step> {
        let host = NodeName::new("cp1").unwrap();
        let step = |name: &'static str| Step {
            id: StepId { host: host.clone(), name },
            title: name.to_owned(),
            runs_on: host.clone(),
            needs: Vec::new(),
            after: Vec::new(),
            changes: Vec::new(),
            work: Work::Changes(Script::new("true")),
        };
        ["one", "two", "three"].into_iter().take(count).map(step).collect()
    }

    proptest! {
        /// Whatever a host says and however its program ends: each step has one ending, and all are done only if each part
        /// began and succeeded in its turn.
        #[test]
        fn no_step_is_done_unless_its_host_said_so(
            all in proptest::collection::vec(any_said(), 0..40),
            count in 1..4usize,
            lost: bool,
        ) {
            let (steps, events) = (steps(count), Events::default());
            let mut batch = Changes { steps: &steps, events: &events, endings: Vec::new(), current: None };
            let (mut parts, mut result) = (Parts::of(count), Ok(if lost { Ended::Lost } else { Ended::Badly }));
            for said in all {
                if parts.take(&said).is_err() {
                    result = Err(Problem::new(Exit::Connection, "out of turn"));
                    break;
                }
                batch.hear(said);
            }
            let endings = batch.end(result, &steps[0].id.host);
            let ids: Vec<StepId> = endings.iter().map(|ending| ending.id.clone()).collect();
            prop_assert_eq!(ids, steps.iter().map(|step| step.id.clone()).collect::<Vec<_>>());
            let done = endings.iter().filter(|ending| matches!(&ending.result, Ok(Outcome::Done | Outcome::Warned { .. }))).count();
            prop_assert_eq!(done == count, parts.all_succeeded());
        }
    }
}
