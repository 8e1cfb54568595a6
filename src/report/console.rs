//! The only functions that write to standard output and standard error, and that ask.
#![expect(clippy::print_stderr, reason = "this is the one place that prints")]

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::visible::{Colour, coloured, to_terminal};
use crate::error::Problem;

/// What a command was asked for, to standard output.
pub fn answer(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away (`forge schema | head`) is no error.
    let _ =
        out.write_all(text.as_bytes()).and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") });
    let _ = out.flush();
}

/// Lines for people, to standard error. Whatever is in them cannot steer the terminal.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", to_terminal(text));
}

/// An error for people.
pub fn complain(problem: &Problem) {
    let label = paint(Colour::Red, "error:");
    say(&format!("{label} {problem}"));
}

/// Whether people look at standard error and have not asked for plain text.
pub fn is_terminal() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// `text` in a colour for [`say`], where there are colours. See <https://no-color.org>.
pub fn paint(colour: Colour, text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !is_terminal() { text.to_owned() } else { coloured(colour, text) }
}

/// Asks a person. `None` when there is none: neither a terminal to ask on nor to read from.
pub fn ask(question: &str) -> Option<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    eprint!("{} [y/N] ", to_terminal(question));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    Some(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Asks for something that must not be seen. `None` without a terminal.
pub fn ask_secret(question: &str) -> Option<crate::secret::Secret> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    rpassword::prompt_password(to_terminal(question)).ok().map(crate::secret::Secret::new)
}

/// Takes a line that must not be seen from standard input. `None` on a terminal, where it would be seen.
pub fn read_secret() -> Option<crate::secret::Secret> {
    if std::io::stdin().is_terminal() {
        return None;
    }
    let mut line = Vec::new();
    std::io::stdin().lock().read_until(b'\n', &mut line).ok()?;
    line.truncate(line.trim_ascii_end().len());
    (!line.is_empty()).then(|| crate::secret::Secret::new(line))
}
