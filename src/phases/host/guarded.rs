//! The conversation around a change that could shut us out: change behind a timer, log in anew, confirm or take back.

use crate::error::{Exit, Problem};
use crate::host::{Guard, Script, guard};
use crate::inventory::NodeName;
use crate::plan::{Heard, Talk, Turn};
use crate::report::Outcome;

/// One guarded change.
pub(super) struct Guarded {
    host: NodeName,
    title: &'static str,
    guard: Guard,
    change: Option<Script>,
    stage: Stage,
    warnings: Vec<String>,
}

#[derive(Clone, Copy)]
enum Stage {
    Begin,
    Changing,
    LoggingIn,
    Confirming,
}

impl Guarded {
    pub(super) fn new(host: &NodeName, title: &'static str, guard: Guard, change: Script) -> Self {
        Self { host: host.clone(), title, guard, change: Some(change), stage: Stage::Begin, warnings: Vec::new() }
    }

    fn problem(&self, what: &str, heard: &Heard) -> Problem {
        Problem::new(Exit::Failed, format!("{}: {} {what}", self.host, self.title)).cause(heard.tail())
    }
}

impl Talk for Guarded {
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem> {
        let heard = heard.unwrap_or_default();
        self.warnings.extend(heard.warnings.iter().cloned());
        let (stage, turn) = match self.stage {
            Stage::Begin => (Stage::Changing, Turn::Run(self.guard.around(self.change.take().unwrap_or_default()))),
            Stage::Changing if heard.well => (Stage::LoggingIn, Turn::LogIn),
            Stage::Changing => {
                let problem = self.problem("could not be changed; what was there is back", &heard);
                return Ok(Turn::GiveUp(
                    self.guard.take_back(),
                    problem.next("mend the cause and run the same command again"),
                ));
            }
            Stage::LoggingIn if heard.well => (Stage::Confirming, Turn::Run(self.guard.confirm())),
            Stage::LoggingIn => {
                let problem = self.problem("would have shut us out, a second login shows", &heard).next(format!(
                    "change the inventory; {} has taken the change back, or does so within {} seconds",
                    self.host,
                    guard::SECONDS
                ));
                return Ok(Turn::GiveUp(self.guard.take_back(), problem));
            }
            Stage::Confirming if heard.well => {
                let what = self.warnings.join("; ");
                let outcome = if what.is_empty() { Outcome::Done } else { Outcome::Warned { what } };
                return Ok(Turn::Done(outcome));
            }
            Stage::Confirming => {
                return Err(self.problem("was not confirmed", &heard).next("run the same command again"));
            }
        };
        self.stage = stage;
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk() -> Guarded {
        let guard = Guard { name: "sshd", files: Vec::new(), note: "", restore: "" };
        let mut talk = Guarded::new(&NodeName::new("w1").unwrap(), "sshd", guard, Script::new("make the change"));
        let Ok(Turn::Run(script)) = talk.next(None) else { panic!("it begins with a script") };
        let (armed, changed) = (script.text().find("enable --quiet --now"), script.text().find("make the change"));
        assert!(armed.is_some() && armed < changed, "the timer comes first");
        talk
    }

    fn said(well: bool, line: &str) -> Option<Heard> {
        Some(Heard { well, lines: vec![line.to_owned()], ..Heard::default() })
    }

    fn gives_up(turn: Result<Turn, Problem>) -> (String, String) {
        let Ok(Turn::GiveUp(script, problem)) = turn else { panic!("it goes on") };
        assert!(script.text().contains("/undo"), "{}", script.text());
        (problem.what, problem.cause)
    }

    #[test]
    fn a_change_that_lets_a_second_login_pass_is_confirmed() {
        let mut talk = talk();
        assert!(matches!(talk.next(said(true, "")), Ok(Turn::LogIn)));
        let Ok(Turn::Run(script)) = talk.next(said(true, "")) else { panic!("not confirmed") };
        assert!(script.text().contains("disable --quiet --now forge-undo-sshd.timer"));
        assert!(matches!(talk.next(said(true, "")), Ok(Turn::Done(Outcome::Done))));
    }

    #[test]
    fn whatever_goes_wrong_is_taken_back_with_its_reason() {
        let mut refused = talk();
        let (what, cause) = gives_up(refused.next(said(false, "Bad configuration option")));
        assert_eq!(what, "w1: sshd could not be changed; what was there is back");
        assert_eq!(cause, "Bad configuration option");

        let mut shut = talk();
        assert!(matches!(shut.next(said(true, "")), Ok(Turn::LogIn)));
        let (what, cause) = gives_up(shut.next(said(false, "w1 refused the login of ops")));
        assert_eq!(what, "w1: sshd would have shut us out, a second login shows");
        assert_eq!(cause, "w1 refused the login of ops");

        let mut late = talk();
        assert!(matches!(late.next(said(true, "")), Ok(Turn::LogIn)));
        assert!(matches!(late.next(said(true, "")), Ok(Turn::Run(_))));
        let Err(problem) = late.next(said(false, "the confirmation came after 30 seconds")) else {
            panic!("confirmed")
        };
        assert_eq!(problem.what, "w1: sshd was not confirmed");
    }
}
