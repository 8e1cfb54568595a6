//! Keeps values from becoming structure: what may stand in a template without quotes, the filter that quotes, and what HTML
//! writes otherwise.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{Error, ErrorKind, Write};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

/// What the escape function needs to know of the rendering that runs on this thread, and what it found.
///
/// tera calls the escape function with the text only and drops the message of its error, hence the way round.
#[derive(Default)]
struct Rendering {
    /// Strings of the context that would be read as numbers, booleans or null.
    disguised: HashSet<String>,
    /// The value that was refused.
    refused: Option<String>,
    /// Whether HTML is made, in which every value may stand.
    html: bool,
}

thread_local! {
    static RENDERING: RefCell<Rendering> = RefCell::default();
}

/// Runs `render` so that [`escape`] knows the context; also returns the value that was refused, if one was.
pub(super) fn watching<T>(context: &Value, html: bool, render: impl FnOnce() -> T) -> (T, Option<String>) {
    let mut disguised = HashSet::new();
    collect_disguised(context, &mut disguised);
    RENDERING.set(Rendering { disguised, refused: None, html });
    let result = render();
    (result, RENDERING.take().refused)
}

fn collect_disguised(value: &Value, into: &mut HashSet<String>) {
    match value {
        Value::String(text) if is_number_or_bool(text) => {
            into.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_disguised(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| collect_disguised(field, into)),
        _ => {}
    }
}

/// tera's escape function. In HTML every character that could begin markup is written as its entity; in YAML and TOML plain
/// words pass, and everything else stops the rendering.
pub(super) fn escape(text: &str, output: &mut dyn Write) -> std::io::Result<()> {
    if RENDERING.with_borrow(|rendering| rendering.html) {
        return html(text, output);
    }
    let plain = RENDERING.with_borrow_mut(|rendering| {
        let plain = is_plain_word(text) || (is_number_or_bool(text) && !rendering.disguised.contains(text));
        if !plain {
            rendering.refused.get_or_insert_with(|| text.to_owned());
        }
        plain
    });
    if plain { output.write_all(text.as_bytes()) } else { Err(Error::new(ErrorKind::InvalidInput, "not plain")) }
}

fn html(text: &str, output: &mut dyn Write) -> std::io::Result<()> {
    for character in text.chars() {
        match character {
            '&' => output.write_all(b"&amp;")?,
            '<' => output.write_all(b"&lt;")?,
            '>' => output.write_all(b"&gt;")?,
            '"' => output.write_all(b"&quot;")?,
            '\'' => output.write_all(b"&#39;")?,
            other => write!(output, "{other}")?,
        }
    }
    Ok(())
}

/// Integers and booleans as tera writes them.
fn is_number_or_bool(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    integer && (digits == "0" || !digits.starts_with('0')) || matches!(text, "true" | "false")
}

/// Whether every YAML reader takes `text` for that very string, in block and in flow context.
fn is_plain_word(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._/:=@+-".contains(&byte);
    // YAML 1.1, which Kubernetes reads, has more words than 1.2 that are not strings.
    const TAKEN: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let word = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.bytes().all(safe)
        && !text.ends_with(':')
        && !TAKEN.contains(&text.to_ascii_lowercase().as_str());
    let ipv4 = matches!(text.parse(), Ok(IpAddr::V4(_))) || matches!(text.parse(), Ok(IpNet::V4(_)));
    word || ipv4
}

/// The filter `q`: a JSON string, which YAML's double quotes and TOML's basic strings both read as the same text.
///
/// Control characters that JSON leaves alone are escaped too, because YAML and TOML do not.
pub(super) fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    let harmless = |character: char| {
        !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    json.chars().fold(String::with_capacity(json.len()), |mut out, character| {
        if harmless(character) {
            out.push(character);
        } else {
            out.push_str(&format!("\\u{:04x}", u32::from(character)));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_words_are_those_that_no_reader_takes_for_something_else() {
        for plain in ["cp1", "v1.36.5", "10.0.0.11", "10.244.0.0/16", "/etc/kubernetes", "api.lab:6443", "Node"] {
            assert!(is_plain_word(plain), "{plain}");
        }
        for tricky in [
            "",
            " ",
            "a b",
            "a: b",
            "a:",
            "- a",
            "-a",
            "*a",
            "&a",
            "!a",
            "a#b",
            "a\nb",
            "'a'",
            "yes",
            "NO",
            "Null",
            "~",
            "1.36",
            "0x10",
            "1e3",
            "12:30:45",
            "2026-11-23",
            "a,b",
            "a]b",
            "{a",
            "%a",
            "@a",
            "`a",
            "|",
            ">",
            "?a",
            "é",
        ] {
            assert!(!is_plain_word(tricky), "{tricky}");
        }
    }

    proptest! {
        #[test]
        fn quoted_text_comes_back_from_yaml(text in any::<String>()) {
            let back: Value = serde_yaml::from_str(&quoted(&text)).unwrap();
            prop_assert_eq!(back, Value::from(text));
        }

        #[test]
        fn quoted_text_is_one_line_of_visible_characters(text in any::<String>()) {
            prop_assert!(!quoted(&text).chars().any(char::is_control));
        }

        #[test]
        fn plain_words_come_back_from_yaml(text in "[ -~]{0,12}") {
            if is_plain_word(&text) {
                let back: Value = serde_yaml::from_str(&format!("{{key: {text}}}")).unwrap();
                prop_assert_eq!(back, serde_json::json!({ "key": text }));
            }
        }
    }
}
