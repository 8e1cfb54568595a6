//! The syntaxes of Kubernetes and the web that several sections share.

/// RFC 1123 label: what a host and a cluster may be called.
pub(super) const LABEL_RULE: &str =
    "at most 63 of a-z, 0-9 and `-`, neither beginning nor ending with `-` (RFC 1123 label)";

/// Whether `name` is a DNS name as Kubernetes means it (RFC 1123 subdomain): labels joined by dots, 253 bytes at most.
pub(super) fn is_dns_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(|label| crate::inventory::NodeName::new(label).is_some())
}

/// Whether `text` is a label value, or the name part of a label key: 63 letters, digits, `-`, `_` and `.`, beginning
/// and ending with a letter or digit.
fn is_qualified_word(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.len() <= 63 && text.bytes().all(inside) && ends(text.bytes().next()) && ends(text.bytes().next_back())
}

/// Whether `key` is a label or taint key: `name` or `prefix/name`.
pub(in crate::inventory) fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_name(prefix) && is_qualified_word(name),
        None => is_qualified_word(key),
    }
}

/// Whether `value` is a label or taint value, which may be empty.
pub(in crate::inventory) fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_qualified_word(value)
}

/// Whether `text` is an http or https URL with a host and without blanks.
pub(super) fn is_url(text: &str) -> bool {
    is_rest_of_url(text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")), text)
}

/// Whether `text` is `oci://`, a registry and a path in it.
pub(super) fn is_oci(text: &str) -> bool {
    is_rest_of_url(text.strip_prefix("oci://"), text)
}

fn is_rest_of_url(rest: Option<&str>, text: &str) -> bool {
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '?', '#']))
        && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, '"' | '\''))
}

/// Whether `text` is so many hexadecimal digits.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether `text` is a version as charts and programs have it (Semantic Versioning): three numbers, and perhaps more
/// after a `-` or `+`.
pub(super) fn is_exact_version(text: &str) -> bool {
    let (numbers, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte);
    numbers.split('.').count() == 3 && numbers.split('.').all(number) && rest.len() != 1 && rest.bytes().all(inside)
}
