//! The executor: carries steps out on one host and tells of each as it begins and ends.

use std::sync::Arc;
use std::time::Instant;

use super::step::{Heard, Step, StepId, Turn, Work};
use crate::error::{Exit, Problem};
use crate::host::frames::Said;
use crate::host::remote::Ended;
use crate::host::{Remote, Script};
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

/// Several scripts as one program, told of step by step.
async fn change(remote: &Arc<Remote>, unit: &str, steps: &[Step], events: &Events) -> Vec<Ending> {
    let scripts: Vec<Script> = steps
        .iter()
        .map(|step| match &step.work {
            Work::Changes(script) => script.clone(),
            Work::Talk(_) => Script::default(),
        })
        .collect();
    let mut endings: Vec<Ending> = Vec::new();
    let mut current: Option<(&Step, Heard, Instant)> = None;
    let mut hear = |said: Said| match said {
        Said::Begin(part) => {
            if let Some(step) = steps.get(part) {
                begin(events, step);
                current = Some((step, Heard::default(), Instant::now()));
            }
        }
        Said::End(_, status) => {
            if let Some((step, heard, started)) = current.take() {
                let result = if status == 0 { Ok(heard.outcome()) } else { Err(failure(step, &heard.tail())) };
                endings.push(Ending::of(step, result, Some(started)));
                endings.iter().last().into_iter().for_each(|ending| report(events, ending));
            }
        }
        said => {
            if let Some((step, heard, started)) = &mut current {
                listen(heard, said, step, events, *started);
            }
        }
    };
    let result = remote.run(unit, &scripts, &mut hear).await;
    let broken = current.map(|(step, ..)| step.id.clone());
    for step in steps.iter().skip(endings.len()) {
        let failed = endings.iter().find(|ending| ending.result.is_err());
        let ending = match (&result, failed) {
            (_, Some(failed)) => {
                Ending::skipped(step, format!("{} on {} did not end well", failed.title, failed.id.host))
            }
            (Err(problem), None) => Ending::of(step, Err(problem.clone()), None),
            (Ok(Ended::Lost), None) => Ending::of(step, Err(lost(remote, step)), None),
            (Ok(_), None) if broken.as_ref() == Some(&step.id) => {
                Ending::of(step, Err(failure(step, "it was stopped")), None)
            }
            (Ok(_), None) => Ending::skipped(step, "the run was interrupted".to_owned()),
        };
        report(events, &ending);
        endings.push(ending);
    }
    endings
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
            Turn::Run(script) => {
                if remote.run(unit, std::slice::from_ref(&script), &mut hear).await? == Ended::Lost {
                    return Err(lost(remote, step));
                }
            }
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
        Said::End(_, status) => heard.well = status == 0,
        Said::Progress(_, done, total) => {
            let per_second = (done as f64 / started.elapsed().as_secs_f64().max(0.001)) as u64;
            let (host, step) = (step.id.host.clone(), step.id.name);
            events.emit(&Event::Progress { host, step, done, total, per_second });
        }
        Said::Begin(_) | Said::Frame(_) => {}
    }
}

fn failure(step: &Step, cause: &str) -> Problem {
    Problem::new(Exit::Failed, format!("{}: {} failed", step.id.host, step.title))
        .cause(cause)
        .next("mend the cause and run the same command again; what is done stays done")
}

fn lost(remote: &Remote, step: &Step) -> Problem {
    Problem::new(Exit::Connection, format!("the connection to {} was lost during: {}", remote.name, step.title))
        .cause("the machine stopped answering; what it was doing goes on there if it lives")
        .next("run the same command again: it waits for what still runs and goes on from there")
}
