//! The step graph and what runs it.

mod carry_out;
mod execute;
mod interrupt;
mod journal;
mod step;

pub use execute::{Summary, execute};
pub use interrupt::Interrupts;
pub use journal::journal;
pub use step::{Heard, Late, Plan, Step, StepId, Talk, Turn, Work, once};
