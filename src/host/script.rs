//! Shell that runs on hosts: the one quoting function and the one way to hand a script its files.

use std::fmt::Write as _;

use super::frames::Tag;
use super::lock::{self, STOP};
use super::parts::STOPPED;
use crate::secret::Secret;

/// `value` as one word of a POSIX shell, whatever it holds.
///
/// Inside single quotes the shell knows no special character but the single quote itself (POSIX XCU 2.2.2), so that one
/// is written as `'\''`.
pub fn quote(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,=".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) && !value.starts_with('=') {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// A piece of shell and the files that travel with it.
///
/// The text may be shown to anybody: what is secret travels as a file, which the text names as `"$FORGE/NAME"`. The text
/// runs under `set -eu` in a shell of its own. It may call `warn TEXT`, and `emit NAME`, which takes a value from standard
/// input and hands it back to forge without showing it, and `progress DONE TOTAL`.
#[derive(Clone, Debug, Default)]
pub struct Script {
    text: String,
    files: Vec<(String, Secret)>,
}

impl Script {
    /// A script of one or more lines.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), files: Vec::new() }
    }

    /// Adds a line.
    #[must_use]
    pub fn line(mut self, text: impl AsRef<str>) -> Self {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(text.as_ref());
        self
    }

    /// Adds a file; the text finds it as `"$FORGE/NAME"`, mode 0600.
    #[must_use]
    pub fn file(mut self, name: &str, content: Secret) -> Self {
        self.files.push((name.to_owned(), content));
        self
    }

    /// Everything `other` does, after this.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self = self.line(other.text);
        self.files.extend(other.files);
        self
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The files.
    pub fn files(&self) -> &[(String, Secret)] {
        &self.files
    }
}

/// A login's environment may name proxies, as `/etc/environment` does on many hosts: what forge asks its own servers would go
/// there. The inventory's proxy is exported where it is meant.
pub(super) const NO_PROXY: &str =
    "unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY ftp_proxy FTP_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY\n";

/// What every script can call. `emit`, `warn` and `progress` write frames (see [`super::frames`]) for the part that is running.
const PRELUDE: &str = r#"#!/bin/sh
export LC_ALL=C DEBIAN_FRONTEND=noninteractive HOME=/root KUBECONFIG=/etc/kubernetes/admin.conf
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
FORGE=$1
forge_part=0
warn() { frame warn "$forge_part" "$*"; }
progress() { frame progress "$forge_part" "$1" "$2"; }
emit() { frame value "$forge_part" "$1" "$(base64 -w0)"; }
trap 'rm -rf "$FORGE"/part* "$FORGE/body"' EXIT
"#;

/// One shell program out of parts that run in order, each framed, up to the first that fails; and the parts' files, whose
/// names are made distinct. With a run, no part begins unless that run still holds the host's lock, and none but the first
/// once it was asked to stop.
///
/// Each part is a subshell with `set -eu` and no standard input. The status is taken outside any `||` or `if`, where the
/// shell would ignore `set -e` inside the subshell (POSIX XCU 2.15, `set -e`).
pub fn program(parts: &[Script], run: Option<&str>, tag: &Tag) -> (String, Vec<(String, Secret)>) {
    let mut text = format!("{PRELUDE}{NO_PROXY}{}", tag.shell());
    if let Some(run) = run {
        let _ = writeln!(text, "wanted() {}", lock::still_held_by(run));
    }
    let mut files = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let folder = format!("part{number}");
        files.extend(part.files().iter().map(|(name, content)| (format!("{folder}/{name}"), content.clone())));
        let wanted = match run {
            None => String::new(),
            Some(_) if number == 0 => format!("wanted || {{ frame {STOPPED}; exit 0; }}\n"),
            Some(_) => format!("if [ -e {STOP} ] || ! wanted; then frame {STOPPED}; exit 0; fi\n"),
        };
        let _ = write!(
            text,
            "{wanted}forge_part={number}\nframe begin {number}\n(\nset -eu\nFORGE=$FORGE/{folder}\ntrap - EXIT\n{}\n) </dev/null 2>&1\nrc=$?\n\
             frame end {number} \"$rc\"\n[ \"$rc\" -eq 0 ] || exit 1\n",
            part.text()
        );
    }
    (text, files)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::super::frames::Reader;
    use super::*;

    proptest! {
        #[test]
        fn a_quoted_word_reaches_the_program_unchanged(word in "[^\0]*") {
            let output = Command::new("sh").arg("-c").arg(format!("printf %s {}", quote(&word))).output().unwrap();
            prop_assert_eq!(output.stdout, word.as_bytes());
        }
    }

    #[test]
    fn a_program_stops_at_the_first_part_that_fails_and_says_so() {
        let parts = [Script::new("echo one"), Script::new("false\necho not reached"), Script::new("echo three")];
        let (tag, mut said) = (Tag::random().unwrap(), Vec::new());
        let text = program(&parts, None, &tag).0;
        let output = Command::new("sh").arg("-c").arg(text).arg("sh").arg("/nonexistent").output().unwrap();
        said.extend(Reader::new(&tag).take(&output.stdout).unwrap());
        assert_eq!(format!("{said:?}"), r#"[Begin(0), Line("one"), End(0, 0), Begin(1), End(1, 1)]"#);
        assert_eq!(output.status.code(), Some(1));
    }
}
