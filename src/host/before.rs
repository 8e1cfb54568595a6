//! What a host printed before forge's program said anything: all there is where a forced command or another shell runs in its
//! place.

use super::frames::Said;

/// The words, as long as nothing of forge's was heard.
#[derive(Default)]
pub(super) struct Before {
    words: String,
    ours: bool,
}

/// Of which no more than this is kept, in bytes.
const WORDS: usize = 1000;

impl Before {
    /// Takes notice of what was said.
    pub(super) fn hear(&mut self, said: &Said) {
        match said {
            Said::Line(line) if !self.ours && self.words.len() < WORDS => {
                self.words.extend(line.chars().take(WORDS));
                self.words.push('\n');
            }
            Said::Line(_) => {}
            _ => self.ours = true,
        }
    }

    /// Its words, when nothing of forge's ran. What the first line of a program calls names itself before its complaints.
    pub(super) fn instead_of_ours(&self, complaints: &str) -> Option<String> {
        let ours = |line: &str| {
            ["mkdir: ", "mktemp: ", "head: ", "tar: ", "/bin/sh: "].iter().any(|name| line.starts_with(name))
        };
        if self.ours || complaints.lines().any(ours) {
            return None;
        }
        let words = format!("{}\n{complaints}", self.words.trim());
        Some(words.trim().chars().take(WORDS).collect())
    }
}
