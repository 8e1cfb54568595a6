//! Frames: how a script on a host tells forge what it is doing, between its ordinary output.
//!
//! A frame is a line that begins with the ASCII record separator (0x1E), followed by words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret::Secret;

/// One thing a script said.
#[derive(Debug)]
pub enum Said {
    /// Part N begins.
    Begin(usize),
    /// Part N ended with this status.
    End(usize, i32),
    /// Part N is done, but somebody should know this.
    Warn(usize, String),
    /// Part N hands back a named value.
    Value(usize, String, Secret),
    /// Part N has done so many of so many.
    Progress(usize, u64, u64),
    /// Any other frame.
    Frame(String),
    /// Ordinary output.
    Line(String),
}

/// Cuts a stream of bytes into frames and lines.
#[derive(Debug, Default)]
pub struct Reader {
    rest: Vec<u8>,
}

impl Reader {
    /// Takes the next bytes and returns what became complete with them.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Said> {
        self.rest.extend_from_slice(bytes);
        let mut said = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            said.push(understand(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r'])));
        }
        said
    }
}

fn understand(line: &str) -> Said {
    let Some(frame) = line.strip_prefix('\x1e') else {
        return Said::Line(line.to_owned());
    };
    let (word, rest) = frame.split_once(' ').unwrap_or((frame, ""));
    let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
    let number = first.parse::<usize>();
    match (word, number) {
        ("begin", Ok(part)) => Said::Begin(part),
        ("end", Ok(part)) => Said::End(part, others.parse().unwrap_or(-1)),
        ("warn", Ok(part)) => Said::Warn(part, others.to_owned()),
        ("value", Ok(part)) => {
            let (name, value) = others.split_once(' ').unwrap_or((others, ""));
            Said::Value(part, name.to_owned(), Secret::new(STANDARD.decode(value).unwrap_or_default()))
        }
        ("progress", Ok(part)) => match others.split_once(' ').map(|(done, total)| (done.parse(), total.parse())) {
            Some((Ok(done), Ok(total))) => Said::Progress(part, done, total),
            _ => Said::Frame(frame.to_owned()),
        },
        _ => Said::Frame(frame.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_being_cut_anywhere() {
        let stream = b"\x1ebegin 4\nhello\n\x1evalue 4 ca aGk=\n\x1ewarn 4 not good\n\x1eprogress 4 50 700\n\x1eend 4 0\n\x1eclock 12.5\n";
        for cut in 0..stream.len() {
            let mut reader = Reader::default();
            let mut said = reader.take(&stream[..cut]);
            said.extend(reader.take(&stream[cut..]));
            assert_eq!(
                format!("{said:?}"),
                r#"[Begin(4), Line("hello"), Value(4, "ca", [redacted]), Warn(4, "not good"), Progress(4, 50, 700), End(4, 0), Frame("clock 12.5")]"#
            );
        }
    }
}
