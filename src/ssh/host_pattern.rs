//! The host field of a `known_hosts` line: names, wildcards, negations, or one hashed name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Which hosts a line is about.
#[derive(Debug)]
pub(super) enum HostPattern {
    /// Lower case; `!` in front negates; `*` and `?` stand for any characters and any one character.
    Names(Vec<String>),
    /// HMAC-SHA1 of the name.
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

impl HostPattern {
    /// `None` for a hashed name that is not one.
    pub(super) fn parse(field: &str) -> Option<Self> {
        let Some(hashed) = field.strip_prefix("|1|") else {
            return Some(Self::Names(field.split(',').map(str::to_ascii_lowercase).collect()));
        };
        let (salt, hash) = hashed.split_once('|')?;
        Some(Self::Hashed { salt: STANDARD.decode(salt).ok()?, hash: STANDARD.decode(hash).ok()? })
    }

    /// Whether it covers `name`: an address in lower case, as `[address]:port` when the port is not 22.
    pub(super) fn covers(&self, name: &str) -> bool {
        match self {
            Self::Names(patterns) => {
                let any = |negated: bool| {
                    let mut patterns =
                        patterns.iter().map(|text| (text.starts_with('!'), text.trim_start_matches('!')));
                    patterns.any(|(negation, pattern)| negation == negated && glob(pattern, name))
                };
                any(false) && !any(true)
            }
            Self::Hashed { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
                .is_ok_and(|mac| mac.chain_update(name.as_bytes()).verify_slice(hash).is_ok()),
        }
    }
}

/// `*` and `?` as in `ssh_config(5)`; backtracks to the last star only, so it cannot be made slow.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    p = star_at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let table = [
            ("h1", "h1", true),
            ("h1", "h12", false),
            ("h?", "h1", true),
            ("h?", "h", false),
            ("*", "", true),
            ("10.0.*", "10.0.3.4", true),
            ("10.0.*.4", "10.0.3.5", false),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxabc", false),
            ("[*]:2222", "[h]:2222", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
