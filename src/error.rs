//! Errors as a person reads them: what happened, the cause, the next command; and the exit code of each.

use std::fmt;

/// Process exit codes; also in `docs/exit-codes.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// A step failed.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// The inventory is invalid.
    Inventory = 3,
    /// A host cannot be reached, logged into or trusted.
    Connection = 4,
    /// Preflight refused.
    Preflight = 5,
    /// Verification or audit failed.
    Verification = 6,
    /// Another run holds the lock.
    Locked = 7,
    /// Interrupted.
    Interrupted = 8,
    /// `plan`: changes are pending. `rotate sa-key`: the old key may not go yet.
    ChangesPending = 10,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a person is told when something goes wrong.
///
/// `what` reads after `error: ` and names the host; `cause` is in the words of the program that failed; `next` is the
/// command to type. The two last may be empty when there is nothing true to say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// The exit code it leads to.
    pub exit: Exit,
    /// What happened, and on which host.
    pub what: String,
    /// The failing program's own words.
    pub cause: String,
    /// The next thing to do.
    pub next: String,
}

impl Problem {
    /// A problem with neither cause nor advice yet.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), cause: String::new(), next: String::new() }
    }

    /// Adds the failing program's own words.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = cause.to_string();
        self
    }

    /// Adds the next thing to do.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)?;
        for (label, text) in [("  cause: ", &self.cause), ("  next:  ", &self.next)] {
            let mut lines = text.lines();
            if let Some(first) = lines.next() {
                write!(formatter, "\n{label}{first}")?;
            }
            for line in lines {
                write!(formatter, "\n         {line}")?;
            }
        }
        Ok(())
    }
}
