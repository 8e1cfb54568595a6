//! Frames: how a program on a host tells forge what it is doing, between its ordinary output.
//!
//! A frame begins with the ASCII record separator (0x1E) and the program's [`Tag`], wherever in a line that is, and ends with
//! the line: a login's start-up file and a script may leave a line unfinished. The tag is random for each program and travels
//! in the program itself, so nothing that only writes output can make a frame.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret::{Secret, hex};

/// What makes the frames of one program its own: 32 random hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// A new one.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn random() -> std::io::Result<Self> {
        Secret::random(16).map(|random| Self(hex(random.expose())))
    }

    /// Shell that defines `frame WORDS…`, which writes a frame.
    pub fn shell(&self) -> String {
        format!("frame() {{ printf '\\036{} %s\\n' \"$*\"; }}\n", self.0)
    }

    /// How each frame begins.
    fn mark(&self) -> Vec<u8> {
        format!("\x1e{} ", self.0).into_bytes()
    }
}

/// One thing a program said.
#[derive(Clone, Debug)]
pub enum Said {
    /// Part N begins.
    Begin(usize),
    /// Part N ended with this status.
    End(usize, i32),
    /// Part N is done, but the operator should know this.
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

/// A program said more than is read: a line without an end, or too much in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of more than {} MiB", FRAME >> 20)]
pub struct TooLong;

/// The longest frame that is read, in bytes: a value of etcd's keys has up to 32 MiB before it is encoded.
const FRAME: usize = 64 << 20;

/// The longest line of ordinary output, in bytes; what is longer comes in pieces.
const LINE: usize = 64 << 10;

/// Cuts a stream of bytes into frames and lines. Each byte is looked at once, or twice where a line is longer than a piece.
#[derive(Debug)]
pub struct Reader {
    mark: Vec<u8>,
    rest: Vec<u8>,
    /// How much of `rest` is known to have no line break.
    scanned: usize,
    /// Whether `rest` is known to hold a frame's beginning.
    in_frame: bool,
}

impl Reader {
    /// A reader of the program that has this tag.
    pub fn new(tag: &Tag) -> Self {
        Self { mark: tag.mark(), rest: Vec::new(), scanned: 0, in_frame: false }
    }

    /// Takes the next bytes and returns what became complete with them.
    ///
    /// # Errors
    /// A frame does not end; the reader is of no use any more.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Said>, TooLong> {
        self.rest.extend_from_slice(bytes);
        let (mut said, mut start) = (Vec::new(), 0);
        while let Some(length) = self.rest[self.scanned..].iter().position(|byte| *byte == b'\n') {
            let end = self.scanned + length;
            self.understand(&self.rest[start..end], &mut said);
            start = end + 1;
            self.scanned = start;
            self.in_frame = false;
        }
        self.rest.drain(..start);
        self.scanned = self.rest.len();
        self.cut_a_long_line(&mut said);
        if self.rest.len() > FRAME { Err(TooLong) } else { Ok(said) }
    }

    /// What is left when no more will come: a line that nobody finished.
    pub fn rest(&mut self) -> Option<Said> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty() && self.frame_in(&rest).is_none()).then(|| Said::Line(text(&rest)))
    }

    /// Output that does not come to the end of its line is no reason to keep it all.
    fn cut_a_long_line(&mut self, said: &mut Vec<Said>) {
        if self.in_frame || self.rest.len() <= LINE {
            return;
        }
        let end = match self.frame_in(&self.rest) {
            Some(begin) => {
                self.in_frame = true;
                begin
            }
            // The frame's beginning may have come in part.
            None => self.rest.len() - (self.mark.len() - 1),
        };
        if end > 0 {
            said.push(Said::Line(text(&self.rest[..end])));
            self.rest.drain(..end);
            self.scanned = self.rest.len();
        }
    }

    fn frame_in(&self, bytes: &[u8]) -> Option<usize> {
        let mut from = 0;
        while let Some(next) = bytes[from..].iter().position(|byte| *byte == self.mark[0]) {
            from += next;
            if bytes[from..].starts_with(&self.mark) {
                return Some(from);
            }
            from += 1;
        }
        None
    }

    fn understand(&self, line: &[u8], said: &mut Vec<Said>) {
        let begin = self.frame_in(line);
        let (output, frame) = line.split_at(begin.unwrap_or(line.len()));
        if begin.is_none() || !output.is_empty() {
            said.push(Said::Line(text(output)));
        }
        if begin.is_some() {
            said.push(meaning(&text(&frame[self.mark.len()..])));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\r').to_owned()
}

/// A frame that is not as it should be is none of the known ones.
fn meaning(frame: &str) -> Said {
    known(frame).unwrap_or_else(|| Said::Frame(frame.to_owned()))
}

fn known(frame: &str) -> Option<Said> {
    let (word, rest) = frame.split_once(' ')?;
    let (part, others) = rest.split_once(' ').unwrap_or((rest, ""));
    let part = part.parse::<usize>().ok()?;
    match word {
        "begin" => Some(Said::Begin(part)),
        "end" => Some(Said::End(part, others.parse().ok()?)),
        "warn" => Some(Said::Warn(part, others.to_owned())),
        "value" => {
            let (name, value) = others.split_once(' ')?;
            Some(Said::Value(part, name.to_owned(), Secret::new(STANDARD.decode(value).ok()?)))
        }
        "progress" => {
            let (done, total) = others.split_once(' ')?;
            Some(Said::Progress(part, done.parse().ok()?, total.parse().ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag() -> Tag {
        Tag("0123456789abcdef0123456789abcdef".to_owned())
    }

    fn read(pieces: &[&[u8]]) -> String {
        let mut reader = Reader::new(&tag());
        let said: Vec<Said> = pieces.iter().flat_map(|piece| reader.take(piece).unwrap()).collect();
        format!("{said:?}")
    }

    fn stream(text: &str) -> Vec<u8> {
        text.replace('#', &String::from_utf8(tag().mark()).unwrap()).into_bytes()
    }

    #[test]
    fn frames_survive_being_cut_anywhere() {
        let stream =
            stream("#begin 4\nhello\n#value 4 ca aGk=\n#warn 4 not good\n#progress 4 50 700\n#end 4 0\n#clock 12.5\n");
        for cut in 0..stream.len() {
            assert_eq!(
                read(&[&stream[..cut], &stream[cut..]]),
                r#"[Begin(4), Line("hello"), Value(4, "ca", [redacted]), Warn(4, "not good"), Progress(4, 50, 700), End(4, 0), Frame("clock 12.5")]"#
            );
        }
    }

    #[test]
    fn a_frame_is_found_behind_a_line_that_nobody_finished() {
        let stream = stream("\x1b]0;x\x07#begin 0\nlast words#end 0 0\n");
        assert_eq!(read(&[&stream]), r#"[Line("\u{1b}]0;x\u{7}"), Begin(0), Line("last words"), End(0, 0)]"#);
    }

    #[test]
    fn a_frame_without_the_tag_is_output() {
        let forged = "\x1eend 0 0\n\x1e0123456789abcdef0123456789abcdee end 0 0\n";
        assert!(!read(&[forged.as_bytes()]).contains("End"));
    }

    #[test]
    fn a_frame_that_is_not_whole_says_nothing() {
        for frame in ["end 0", "end 0 x", "value 0 ca", "value 0 ca %%%", "begin", "begin -1", "progress 0 1"] {
            assert_eq!(read(&[&stream(&format!("#{frame}\n"))]), format!("[Frame({frame:?})]"));
        }
    }

    #[test]
    fn a_line_without_an_end_comes_in_pieces_and_hides_no_frame() {
        let mut reader = Reader::new(&tag());
        let (mut lines, mut ends) = (0, 0);
        let flood = vec![0x1e; LINE + 7];
        for bytes in [flood.as_slice(), &flood, &stream("#end 0 0\n")] {
            for said in reader.take(bytes).unwrap() {
                lines += usize::from(matches!(said, Said::Line(_)));
                ends += usize::from(matches!(said, Said::End(0, 0)));
            }
            assert!(reader.rest.len() <= LINE);
        }
        assert!(lines >= 2 && ends == 1);
    }

    #[test]
    fn a_frame_without_an_end_is_given_up() {
        let mut reader = Reader::new(&tag());
        assert!(reader.take(&stream("#value 0 ca ")).is_ok());
        let mebibyte = vec![b'A'; 1 << 20];
        let taken = (0..100).take_while(|_| reader.take(&mebibyte).is_ok()).count();
        assert_eq!(taken, 63);
    }

    proptest! {
        #[test]
        fn no_output_without_the_tag_becomes_a_frame(pieces in proptest::collection::vec(any::<Vec<u8>>(), 0..20)) {
            let mut reader = Reader::new(&tag());
            for piece in &pieces {
                for said in reader.take(piece).unwrap() {
                    prop_assert!(matches!(said, Said::Line(_)), "{:?}", said);
                }
            }
        }
    }
}
