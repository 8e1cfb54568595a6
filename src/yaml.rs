//! The only way YAML comes in or goes out: strict when read, safely quoted when written.
//!
//! `serde_yaml` is the name everybody knows; behind it stands serde-saphyr, the implementation that is maintained.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
pub use serde_yaml::Spanned;
use serde_yaml::{DuplicateKeyPolicy, Options, UserMessageFormatter};

/// Why a text is not the YAML that was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// What is wrong, without the place.
    pub message: String,
    /// Where, as far as it is known.
    pub place: Option<Place>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    /// In characters from the beginning of the text.
    pub offset: u64,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        self.place.map_or(Ok(()), |place| write!(formatter, " (line {}, column {})", place.line, place.column))
    }
}

impl From<serde_yaml::Error> for Error {
    fn from(error: serde_yaml::Error) -> Self {
        let place = error.location().map(|location| Place {
            line: location.line(),
            column: location.column(),
            offset: location.span().offset(),
        });
        let mut message = error.without_snippet().render_with_formatter(&UserMessageFormatter);
        if let Some(Place { line, column, .. }) = place {
            let suffix = format!(" at line {line}, column {column}");
            message.truncate(message.strip_suffix(&suffix).map_or(message.len(), str::len));
        }
        Self { message, place }
    }
}

/// What to do with a key that a mapping has twice.
#[derive(Clone, Copy, Debug)]
pub enum Duplicates {
    /// An error, as YAML says.
    Refuse,
    /// Hand all of them to a reader that looks for them.
    KeepAll,
    /// Pass over the later ones, for a reader whose text has been looked through already.
    KeepFirst,
}

fn options(duplicates: Duplicates) -> Options {
    let policy = match duplicates {
        Duplicates::Refuse => DuplicateKeyPolicy::Error,
        Duplicates::KeepAll => DuplicateKeyPolicy::PassThrough,
        Duplicates::KeepFirst => DuplicateKeyPolicy::FirstWins,
    };
    serde_yaml::options! { strict_booleans: true, duplicate_keys: policy }
}

/// Reads one document. Only `true` and `false` are booleans; a duplicate key is an error.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_str_with(text, Duplicates::Refuse)
}

/// As [`from_str`], with another idea of duplicate keys.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn from_str_with<T: DeserializeOwned>(text: &str, duplicates: Duplicates) -> Result<T, Error> {
    Ok(serde_yaml::from_str_with_options(text, options(duplicates))?)
}

/// Reads every document of a stream; empty ones are left out.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn documents(text: &str) -> Result<Vec<Value>, Error> {
    let all: Vec<Value> = serde_yaml::from_str_multiple_with_options(text, options(Duplicates::Refuse))?;
    Ok(all.into_iter().filter(|document| !document.is_null()).collect())
}

/// Writes one document that YAML 1.1 and 1.2 readers understand alike: whatever either could mistake for a number, a
/// boolean, a date or null is quoted, and long lines stay whole.
///
/// # Errors
/// When the value has no YAML form.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, Error> {
    let options = serde_yaml::ser_options! { folded_wrap_chars: usize::MAX, min_fold_chars: usize::MAX };
    serde_yaml::to_string_with_options(value, options)
        .map_err(|error| Error { message: error.to_string(), place: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_true_and_false_are_booleans() {
        assert_eq!(from_str::<Value>("[true, yes, on, false, no]").unwrap(), json!([true, "yes", "on", false, "no"]));
    }

    #[test]
    fn a_duplicate_key_is_an_error_with_its_place() {
        let error = from_str::<Value>("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(error.to_string(), "duplicate mapping key `a` is not allowed here (line 3, column 1)");
    }

    #[test]
    fn a_stream_of_documents_loses_only_the_empty_ones() {
        assert_eq!(documents("---\na: 1\n---\n# nothing\n---\n- b\n").unwrap(), [json!({"a": 1}), json!(["b"])]);
    }

    #[test]
    fn what_another_reader_could_mistake_is_quoted() {
        let text = to_string(&json!({"on": "no", "day": "2024-01-01", "time": "12:30:45", "none": "~"})).unwrap();
        insta::assert_snapshot!(text, @r#"
        "on": "no"
        day: "2024-01-01"
        time: "12:30:45"
        none: "~"
        "#);
    }

    #[test]
    fn long_lines_stay_whole() {
        let words = "word ".repeat(60).trim_end().to_owned();
        assert_eq!(to_string(&json!({ "text": words })).unwrap(), format!("text: {words}\n"));
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_went(key in any::<String>(), value in any::<String>()) {
            let written = json!({ key: [value] });
            prop_assert_eq!(from_str::<Value>(&to_string(&written).unwrap()).unwrap(), written);
        }
    }
}
