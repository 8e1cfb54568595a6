//! Steps and what they need: the plan as data.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::error::{Exit, Problem};
use crate::host::{Difference, Script};
use crate::inventory::NodeName;
use crate::report::{Outcome, PlannedChange, PlannedStep};
use crate::secret::Secret;

/// A step's identity: whose it is and what it does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepId {
    /// The host it is about.
    pub host: NodeName,
    /// Stable over versions: `kubeadm-init`.
    pub name: &'static str,
}

/// One thing to do.
pub struct Step {
    /// Identity.
    pub id: StepId,
    /// For people.
    pub title: String,
    /// The host whose connection it uses; mostly its own.
    pub runs_on: NodeName,
    /// Steps that must have ended well. Steps that are not in the plan count as done.
    pub needs: Vec<StepId>,
    /// Steps that must have ended, well or not.
    pub after: Vec<StepId>,
    /// What will change, for the plan.
    pub changes: Vec<Difference>,
    /// What to do.
    pub work: Work,
}

/// What a step does.
pub enum Work {
    /// One script that is known beforehand; neighbours of this kind on one host travel together.
    Changes(Script),
    /// A conversation with the host: what is said next depends on what was heard.
    Talk(Box<dyn Talk>),
}

/// A conversation: pure, so that it can be tested without a host.
pub trait Talk: Send + Sync {
    /// What to do after `heard`, which is `None` the first time.
    ///
    /// # Errors
    /// What the step failed with.
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem>;
}

/// The next turn of a conversation.
pub enum Turn {
    /// Run this and tell what it said.
    Run(Script),
    /// Log in to the host anew, beside the connection that is there, and tell whether it went well; if not, the refusal is
    /// what was said.
    LogIn,
    /// The end.
    Done(Outcome),
    /// The end too: take back what was done, if the host still answers, and fail with this.
    GiveUp(Script, Problem),
}

/// What a script said.
#[derive(Debug, Default)]
pub struct Heard {
    /// Whether it ended with status 0.
    pub well: bool,
    /// Its last lines.
    pub lines: Vec<String>,
    /// What it handed back by `emit`.
    pub values: BTreeMap<String, Secret>,
    /// What it warned of.
    pub warnings: Vec<String>,
}

impl Heard {
    /// A value as text; empty when it was not handed back.
    pub fn text(&self, name: &str) -> String {
        self.values.get(name).map_or_else(String::new, |value| String::from_utf8_lossy(value.expose()).into_owned())
    }

    /// The last lines as one text.
    pub fn tail(&self) -> String {
        self.lines.join("\n")
    }

    /// Done, or warned when the script warned.
    pub fn outcome(&self) -> Outcome {
        if self.warnings.is_empty() { Outcome::Done } else { Outcome::Warned { what: self.warnings.join("; ") } }
    }
}

/// A value that one step hands to later ones that need it.
pub type Late<T> = Arc<OnceLock<T>>;

/// A conversation of one script. `begin` makes it when the step's turn has come; `conclude` looks at what it said when it
/// ended well.
pub fn once(
    begin: impl FnOnce() -> Result<Script, Problem> + Send + Sync + 'static,
    conclude: impl FnOnce(&Heard) -> Result<Outcome, Problem> + Send + Sync + 'static,
    failed: impl FnOnce(&Heard) -> Problem + Send + Sync + 'static,
) -> Work {
    Work::Talk(Box::new(Once { begin: Some(begin), conclude: Some(conclude), failed: Some(failed) }))
}

struct Once<B, C, F> {
    begin: Option<B>,
    conclude: Option<C>,
    failed: Option<F>,
}

impl<B, C, F> Talk for Once<B, C, F>
where
    B: FnOnce() -> Result<Script, Problem> + Send + Sync,
    C: FnOnce(&Heard) -> Result<Outcome, Problem> + Send + Sync,
    F: FnOnce(&Heard) -> Problem + Send + Sync,
{
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem> {
        match (heard, self.begin.take()) {
            (None, Some(begin)) => begin().map(Turn::Run),
            (Some(heard), _) if heard.well => match self.conclude.take() {
                Some(conclude) => conclude(&heard).map(Turn::Done),
                None => Ok(Turn::Done(heard.outcome())),
            },
            (heard, _) => {
                let heard = heard.unwrap_or_default();
                Err(self
                    .failed
                    .take()
                    .map_or_else(|| Problem::new(Exit::Failed, heard.tail()), |failed| failed(&heard)))
            }
        }
    }
}

/// Steps in an order in which they can run, each after what it needs.
#[derive(Default)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether nothing has to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Adds a step after those it needs.
    pub fn add(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// The plan as it is shown.
    pub fn shown(&self) -> Vec<PlannedStep> {
        let change = |difference: &Difference| PlannedChange {
            summary: difference.summary.clone(),
            diff: difference.diff.clone(),
        };
        let step = |step: &Step| PlannedStep {
            host: step.id.host.clone(),
            step: step.id.name,
            title: step.title.clone(),
            changes: step.changes.iter().map(change).collect(),
        };
        self.steps.iter().map(step).collect()
    }
}
