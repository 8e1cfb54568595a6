//! One session per bastion, shared by all hosts behind it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use super::errors::ConnectError;
use super::link::Link;
use crate::inventory::cluster::Bastion;

/// The bastions of one run.
#[derive(Default)]
pub(super) struct Bastions(Mutex<HashMap<Bastion, Arc<Slot>>>);

#[derive(Default)]
struct Slot {
    attempts: AtomicU64,
    session: Mutex<Option<Result<Arc<Link>, ConnectError>>>,
}

impl Bastions {
    /// The living session, or the one that `connect` makes. Whoever waits while an attempt runs shares its failure, so
    /// that a hundred hosts do not try a dead bastion a hundred times; whoever comes later tries again.
    pub(super) async fn session(
        &self,
        bastion: &Bastion,
        connect: impl AsyncFnOnce() -> Result<Link, ConnectError>,
    ) -> Result<Arc<Link>, ConnectError> {
        let slot = Arc::clone(self.0.lock().await.entry(bastion.clone()).or_default());
        let came_during = slot.attempts.load(Ordering::Acquire);
        let mut session = slot.session.lock().await;
        match &*session {
            Some(Ok(link)) if !link.is_dead() => return Ok(Arc::clone(link)),
            Some(Err(error)) if slot.attempts.load(Ordering::Acquire) != came_during => return Err(error.clone()),
            _ => {}
        }
        let outcome = connect().await.map(Arc::new);
        *session = Some(outcome.clone());
        slot.attempts.fetch_add(1, Ordering::Release);
        outcome
    }
}
