//! Events as JSON, one object per line on a writer.

use std::io::Write;

use super::{Event, Reporter};

/// One JSON object per line. The journal is one of these on a file, `--json` one on standard output.
pub struct Json<W>(pub W);

impl<W: Write + Send> Reporter for Json<W> {
    fn event(&mut self, event: &Event) {
        // A full disk or a reader that went away must not stop work on the hosts.
        if let Ok(mut line) = serde_json::to_vec(event) {
            line.push(b'\n');
            let _ = self.0.write_all(&line).and_then(|()| self.0.flush());
        }
    }
}
