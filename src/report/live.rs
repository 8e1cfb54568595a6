//! Events on a terminal: a line per busy host below, finished steps above.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::console::say;
use super::{Event, Lines, Reporter};
use crate::inventory::NodeName;

/// One spinner per running step; everything that stays is printed above them.
pub struct Live {
    lines: Lines,
    bars: MultiProgress,
    /// With the title of each.
    running: BTreeMap<(NodeName, &'static str), (ProgressBar, String)>,
}

impl Live {
    /// Around a [`Lines`], which words what stays.
    pub fn new(lines: Lines) -> Self {
        Self { lines, bars: MultiProgress::new(), running: BTreeMap::new() }
    }
}

impl Reporter for Live {
    fn event(&mut self, event: &Event) {
        match event {
            Event::StepStarted { host, step, title } => {
                let bar = self.bars.add(ProgressBar::new_spinner());
                if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix:<8} {msg} {elapsed}") {
                    bar.set_style(style);
                }
                bar.set_prefix(host.to_string());
                bar.set_message(title.clone());
                bar.enable_steady_tick(Duration::from_millis(120));
                self.running.insert((host.clone(), step), (bar, title.clone()));
            }
            Event::StepFinished { host, step, .. } => {
                if let Some((bar, _)) = self.running.remove(&(host.clone(), *step)) {
                    bar.finish_and_clear();
                }
            }
            Event::Progress { host, step, done, total, per_second } => {
                if let Some((bar, title)) = self.running.get(&(host.clone(), *step)) {
                    bar.set_message(format!("{title}: {done} of {total}, {per_second} a second"));
                }
            }
            _ => {}
        }
        let words = self.lines.words(event);
        if !words.is_empty() {
            self.bars.suspend(|| say(&words));
        }
    }
}
