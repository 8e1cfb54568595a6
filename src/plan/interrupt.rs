//! Ctrl-C: the first finishes what runs, the second stops it, the third leaves.

use tokio::sync::watch;

use crate::error::Exit;

/// How often a person has asked to stop.
#[derive(Clone, Debug)]
pub struct Interrupts(watch::Receiver<u32>);

impl Interrupts {
    /// Listens for SIGINT and SIGTERM; `say` words what happens. The third ends the process at once.
    pub fn listen(say: fn(&str)) -> Self {
        let (sender, receiver) = watch::channel(0);
        tokio::spawn(async move {
            let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
                return;
            };
            loop {
                tokio::select! {
                    result = tokio::signal::ctrl_c() => if result.is_err() { return },
                    _ = terminate.recv() => {}
                }
                sender.send_modify(|times| *times += 1);
                let times = *sender.borrow();
                match times {
                    1 => say("stopping: what runs is finished first (again to stop it)"),
                    2 => say("stopping the steps that run (again to leave at once)"),
                    _ => std::process::exit(i32::from(Exit::Interrupted as u8)),
                }
            }
        });
        Self(receiver)
    }

    /// Never.
    #[cfg(test)]
    pub fn never() -> Self {
        Self(watch::channel(0).1)
    }

    /// How often so far.
    pub fn times(&self) -> u32 {
        *self.0.borrow()
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> u32 {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.times()
    }
}
