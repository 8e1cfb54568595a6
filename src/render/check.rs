//! Whether a text is the YAML that it has to be.

use serde_json::Value;

use crate::render::{RenderError, yaml};

/// Checks the text of a file that stands in for a template; `name` is what errors call it.
///
/// # Errors
/// When it is not YAML of that kind.
pub(crate) fn check_object(name: &str, text: &str, api_version: &str, kind: &str) -> Result<(), RenderError> {
    check_kinds(name, &parse(name, text, true)?, &[(api_version, kind)])
}

/// The documents of a text; `quote` allows errors to quote it.
pub(super) fn parse(what: &str, text: &str, quote: bool) -> Result<Vec<Value>, RenderError> {
    yaml::documents(text, quote).map_err(|cause| RenderError::NotYaml { what: what.to_owned(), cause })
}

/// Whether each document is of the kind that it has to be; `what` is what errors call them.
pub(crate) fn check_kinds(what: &str, documents: &[Value], kinds: &[(&str, &str)]) -> Result<(), RenderError> {
    let field = |document: &Value, key: &str, without: &str| {
        document.get(key).and_then(Value::as_str).unwrap_or(without).to_owned()
    };
    let of = |document| (field(document, "apiVersion", "(no apiVersion)"), field(document, "kind", "(no kind)"));
    let found: Vec<_> = documents.iter().map(of).collect();
    let same = found.len() == kinds.len()
        && found.iter().zip(kinds).all(|(found, wanted)| (found.0.as_str(), found.1.as_str()) == *wanted);
    if same {
        return Ok(());
    }
    let words = |pairs: &mut dyn Iterator<Item = (String, String)>| {
        let pairs: Vec<_> = pairs.map(|(version, kind)| format!("{version} {kind}")).collect();
        if pairs.is_empty() { "nothing".to_owned() } else { pairs.join(", ") }
    };
    let mut wanted = kinds.iter().map(|(version, kind)| ((*version).to_owned(), (*kind).to_owned()));
    Err(RenderError::WrongKind {
        what: what.to_owned(),
        found: words(&mut found.into_iter()),
        expected: words(&mut wanted),
    })
}
