//! Which parts of a program have run, by their frames: each begins once, in order, and ends before the next.

use super::frames::Said;

/// How far a program of so many parts is.
#[derive(Debug)]
pub(crate) struct Parts {
    count: usize,
    /// Parts that ended with status 0.
    succeeded: usize,
    running: bool,
    failed: bool,
    stopped: bool,
}

/// A frame came when nothing like it could be said.
#[derive(Debug, thiserror::Error)]
#[error("it said `{0}` out of turn")]
pub(crate) struct OutOfTurn(String);

impl Parts {
    pub(crate) fn of(count: usize) -> Self {
        Self { count, succeeded: 0, running: false, failed: false, stopped: false }
    }

    /// Takes notice of what was said.
    pub(crate) fn take(&mut self, said: &Said) -> Result<(), OutOfTurn> {
        let current = |part: &usize| self.running && *part == self.succeeded;
        let in_turn = match said {
            Said::Begin(part) => {
                !self.running && !self.failed && !self.stopped && *part == self.succeeded && *part < self.count
            }
            Said::End(part, _) | Said::Warn(part, _) | Said::Value(part, ..) | Said::Progress(part, ..) => {
                current(part)
            }
            Said::Frame(frame) => frame == STOPPED && !self.running,
            Said::Line(_) => true,
        };
        if !in_turn {
            // Its first word: behind it may be a value that nobody may see.
            return Err(OutOfTurn(match said {
                Said::Begin(part) => format!("begin {part}"),
                Said::End(part, _) => format!("end {part}"),
                Said::Warn(part, _) => format!("warn {part}"),
                Said::Value(part, ..) => format!("value {part}"),
                Said::Progress(part, ..) => format!("progress {part}"),
                Said::Frame(frame) => frame.split(' ').next().unwrap_or_default().chars().take(20).collect(),
                Said::Line(_) => "a line".to_owned(),
            }));
        }
        match said {
            Said::Begin(_) => self.running = true,
            Said::End(_, status) => {
                self.running = false;
                if *status == 0 { self.succeeded += 1 } else { self.failed = true }
            }
            Said::Frame(_) => self.stopped = true,
            _ => {}
        }
        Ok(())
    }

    /// Whether a part is running.
    pub(crate) fn is_running(&self) -> bool {
        self.running
    }

    /// Whether nothing more will come.
    pub(crate) fn is_over(&self) -> bool {
        self.failed || self.stopped || self.all_succeeded()
    }

    /// Whether every part has run and succeeded.
    pub(crate) fn all_succeeded(&self) -> bool {
        self.succeeded == self.count
    }
}

/// What a program says that begins no further part, because its run has ended or was asked to stop.
pub(crate) const STOPPED: &str = "stopped";

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Frames of up to four parts, and output, as they may come from anywhere.
    pub(crate) fn any_said() -> impl Strategy<Value = Said> {
        let part = 0..4usize;
        prop_oneof![
            part.clone().prop_map(Said::Begin),
            (part.clone(), prop_oneof![4 => Just(0), 1 => Just(1)]).prop_map(|(part, status)| Said::End(part, status)),
            part.prop_map(|part| Said::Warn(part, "careful".to_owned())),
            Just(Said::Frame(STOPPED.to_owned())),
            Just(Said::Line("hello".to_owned())),
        ]
    }

    #[test]
    fn parts_that_run_in_order_succeed() {
        let mut parts = Parts::of(2);
        for said in [Said::Begin(0), Said::Line(String::new()), Said::End(0, 0), Said::Begin(1)] {
            parts.take(&said).unwrap();
        }
        assert!(!parts.all_succeeded());
        parts.take(&Said::End(1, 0)).unwrap();
        assert!(parts.all_succeeded());
    }

    #[test]
    fn what_is_out_of_turn_is_named_without_its_value() {
        let said = Said::Frame("value /etc/x key c3dvcmRmaXNo".to_owned());
        assert_eq!(Parts::of(1).take(&said).unwrap_err().to_string(), "it said `value` out of turn");
    }

    proptest! {
        /// Scrambled, cut and repeated frames: success means that each part's two frames were accepted, in order.
        #[test]
        fn only_frames_in_order_make_a_success(all in proptest::collection::vec(any_said(), 0..40), count in 1..4usize) {
            let (mut parts, mut accepted) = (Parts::of(count), Vec::new());
            for said in &all {
                if parts.take(said).is_err() {
                    break;
                }
                match said {
                    Said::Begin(part) => accepted.push(format!("begin {part}")),
                    Said::End(part, 0) => accepted.push(format!("end {part}")),
                    Said::End(..) => accepted.push("failed".to_owned()),
                    _ => {}
                }
            }
            let whole: Vec<String> = (0..count).flat_map(|part| [format!("begin {part}"), format!("end {part}")]).collect();
            prop_assert_eq!(parts.all_succeeded(), accepted == whole);
            prop_assert!(accepted.len() <= whole.len());
        }
    }
}
