//! Events and the ways to show them. Nothing outside this module writes to the terminal.

mod audit;
pub mod console;
mod event;
mod json;
mod lines;
mod live;
mod visible;

use std::sync::{Arc, Mutex};

pub use event::{
    AuditCounts, ControlFinding, Event, ListedCertificate, Outcome, PlannedChange, PlannedStep, WaiverNote,
};
pub use json::Json;
pub use lines::Lines;
pub use live::Live;

/// Something that is told every event, in order.
pub trait Reporter: Send {
    /// Takes one event.
    fn event(&mut self, event: &Event);
}

/// Where events go; cheap to clone.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Box<dyn Reporter>>>>);

impl std::fmt::Debug for Events {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Events")
    }
}

impl Events {
    /// To these reporters.
    pub fn to(reporters: Vec<Box<dyn Reporter>>) -> Self {
        Self(Arc::new(Mutex::new(reporters)))
    }

    /// Tells all reporters.
    pub fn emit(&self, event: &Event) {
        // A reporter that panicked once is still asked: losing the screen must not lose the journal.
        let mut reporters = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for reporter in reporters.iter_mut() {
            reporter.event(event);
        }
    }
}
