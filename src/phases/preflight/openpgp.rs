//! OpenPGP public keys as apt wants them: out of the armor, and known by their fingerprint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// Packet tag of a primary key (RFC 9580, 5.5.1.1).
const PUBLIC_KEY: u8 = 6;

/// A primary key with everything that belongs to it: user ids, subkeys, signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// 40 upper-case hexadecimal digits.
    pub(super) fingerprint: String,
    /// Its packets.
    pub(super) bytes: Vec<u8>,
}

/// The certificates in a file, armored or binary.
///
/// # Errors
/// The file holds no OpenPGP public key; in words.
pub(super) fn certificates(file: &[u8]) -> Result<Vec<Certificate>, String> {
    let binary = dearmor(file)?;
    let mut found: Vec<Certificate> = Vec::new();
    let mut rest = binary.as_slice();
    while !rest.is_empty() {
        let packet = Packet::first(rest).ok_or("it holds no OpenPGP public key, or it is damaged")?;
        let (bytes, after) = rest.split_at(packet.total);
        if packet.tag == PUBLIC_KEY {
            found.push(Certificate { fingerprint: fingerprint(packet.body)?, bytes: bytes.to_vec() });
        } else {
            found.last_mut().ok_or("it does not begin with an OpenPGP public key")?.bytes.extend(bytes);
        }
        rest = after;
    }
    if found.is_empty() { Err("it is empty".to_owned()) } else { Ok(found) }
}

/// Binary packets out of a file that may hold several armored blocks or be binary already.
fn dearmor(file: &[u8]) -> Result<Vec<u8>, String> {
    let Some(text) = std::str::from_utf8(file).ok().filter(|text| text.contains(BEGIN)) else {
        return Ok(file.to_vec());
    };
    let mut binary = Vec::new();
    for block in text.split(BEGIN).skip(1) {
        let body = block.split(END).next().unwrap_or_default();
        // Header lines end with an empty line; a line that begins with = is a checksum that nobody needs to look at.
        let lines = body.lines().skip(1).map(str::trim).skip_while(|line| line.contains(": "));
        let encoded: String = lines.filter(|line| !line.starts_with('=')).collect();
        binary.extend(STANDARD.decode(encoded).map_err(|error| format!("its armor is damaged: {error}"))?);
    }
    Ok(binary)
}

struct Packet<'a> {
    tag: u8,
    body: &'a [u8],
    /// Bytes of header and body.
    total: usize,
}

impl<'a> Packet<'a> {
    /// The packet at the beginning of `bytes` (RFC 9580, 4.2). Lengths that only streams use do not occur in keys.
    fn first(bytes: &'a [u8]) -> Option<Self> {
        let number = |from: usize, count: usize| -> Option<usize> {
            Some(bytes.get(from..from + count)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
        };
        let first = *bytes.first()?;
        let (tag, header, length) = match (first & 0x80, first & 0x40) {
            (0, _) => return None,
            (_, 0) => {
                let size = 1_usize.checked_shl(u32::from(first & 3)).filter(|size| *size <= 4)?;
                (first >> 2 & 0x0f, 1 + size, number(1, size)?)
            }
            _ => {
                let (header, length) = match number(1, 1)? {
                    short @ 0..192 => (2, short),
                    long @ 192..224 => (3, ((long - 192) << 8) + number(2, 1)? + 192),
                    255 => (6, number(2, 4)?),
                    _ => return None,
                };
                (first & 0x3f, header, length)
            }
        };
        let total = header.checked_add(length)?;
        Some(Self { tag, body: bytes.get(header..total)?, total })
    }
}

/// A version 4 fingerprint (RFC 9580, 5.5.4.2).
fn fingerprint(body: &[u8]) -> Result<String, String> {
    if body.first() != Some(&4) {
        return Err("it holds a key that is not of OpenPGP's version 4".to_owned());
    }
    let length = u16::try_from(body.len()).map_err(|_| "it holds a key of more than 64 KiB")?;
    let mut hash = Sha1::new();
    hash.update([0x99]);
    hash.update(length.to_be_bytes());
    hash.update(body);
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_file_makes_it_stumble(mut file in prop::collection::vec(any::<u8>(), 0..64), key in any::<bool>()) {
            if let (true, Some(first)) = (key, file.first_mut()) {
                *first = 0x98 | *first & 3;
            }
            let _ = certificates(&file);
            let _ = certificates(format!("{BEGIN}\n\n{}\n=AAAA\n{END}\n", STANDARD.encode(&file)).as_bytes());
        }
    }
}
