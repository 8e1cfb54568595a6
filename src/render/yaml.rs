//! YAML of this module: its errors quote a text only when it may be shown.

use serde_json::Value;

use crate::yaml;

/// Every document of `text`; the error is for people, and quotes the text only when `quote` is set.
pub(super) fn documents(text: &str, quote: bool) -> Result<Vec<Value>, String> {
    yaml::documents(text).map_err(|error| match (quote, error.place) {
        (true, _) => error.to_string(),
        (false, Some(place)) => format!("line {}, column {}", place.line, place.column),
        (false, None) => "it cannot be read".to_owned(),
    })
}

/// `documents` as one text; strings that another reader could take for something else are quoted.
pub(super) fn text(documents: &[Value]) -> Result<String, String> {
    let texts: Result<Vec<String>, _> = documents.iter().map(yaml::to_string).collect();
    texts.map(|texts| texts.join("---\n")).map_err(|error| error.to_string())
}
