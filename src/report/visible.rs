//! Text for a terminal: what a host, a pod or a network wrote reaches the screen as characters, never as commands to it.

use std::fmt::Write as _;

/// A colour of forge's own. In a text it is a private-use character, which [`to_terminal`] turns into the terminal's sequence;
/// a text that brings such a character along can at most be in one of these colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Errors and failures.
    Red,
    /// What is as it should be.
    Green,
    /// Warnings.
    Yellow,
    /// What a line is about.
    Bold,
    /// What may be passed over.
    Dim,
}

const COLOURS: [(Colour, char, &str); 5] = [
    (Colour::Red, '\u{f8e1}', "\x1b[31;1m"),
    (Colour::Green, '\u{f8e2}', "\x1b[32m"),
    (Colour::Yellow, '\u{f8e3}', "\x1b[33m"),
    (Colour::Bold, '\u{f8e4}', "\x1b[1m"),
    (Colour::Dim, '\u{f8e5}', "\x1b[2m"),
];
const PLAIN: (char, &str) = ('\u{f8e0}', "\x1b[0m");

/// `text` in a colour, in a text that goes through [`to_terminal`].
pub(super) fn coloured(colour: Colour, text: &str) -> String {
    let begin = COLOURS.iter().find(|(known, ..)| *known == colour).map_or(PLAIN.0, |(_, begin, _)| *begin);
    format!("{begin}{text}{}", PLAIN.0)
}

/// What is written to a terminal: control characters (C0, DEL and C1, of which escape sequences are made) and those that change
/// the direction of text are shown as `\x1b` or `\u{202e}`; line breaks and tabs stay.
pub(super) fn to_terminal(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if let Some((.., sequence)) = COLOURS.iter().find(|(_, mark, _)| *mark == char) {
            shown.push_str(sequence);
        } else if char == PLAIN.0 {
            shown.push_str(PLAIN.1);
        } else if matches!(char, '\n' | '\t') {
            shown.push(char);
        } else if char.is_ascii_control() {
            let _ = write!(shown, "\\x{:02x}", u32::from(char));
        } else if char.is_control() || turns_text(char) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(char));
        } else {
            shown.push(char);
        }
    }
    shown
}

/// `text` in one line of its own: a value with line breaks cannot look like several rows.
pub(super) fn one_line(text: &str) -> String {
    text.trim_end_matches('\n').replace('\n', "\\n")
}

/// Marks, embeddings, overrides and isolates of the Unicode Bidirectional Algorithm (UAX #9), and the line separators that
/// some terminals follow.
fn turns_text(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_of_others_are_shown_and_colours_of_ours_are_not() {
        let hostile = "\x1b]52;c;cm0=\x07 \u{9b}2K\r\x7f \u{202e}txt";
        let text = format!("{}: {hostile}\n", coloured(Colour::Red, "error"));
        assert_eq!(
            to_terminal(&text),
            "\x1b[31;1merror\x1b[0m: \\x1b]52;c;cm0=\\x07 \\u{9b}2K\\x0d\\x7f \\u{202e}txt\n"
        );
    }

    #[test]
    fn a_value_stays_in_its_row() {
        assert_eq!(one_line("a\n  pass  everything\n"), "a\\n  pass  everything");
    }

    proptest! {
        #[test]
        fn nothing_but_colours_begins_a_sequence(text: String) {
            let mut shown = to_terminal(&text);
            for (.., sequence) in COLOURS {
                shown = shown.replace(sequence, "");
            }
            shown = shown.replace(PLAIN.1, "");
            prop_assert!(!shown.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\t')), "{:?}", shown);
        }
    }
}
