//! The few bytes of DER that a certificate request is made of (RFC 2986), for ECDSA on P-256. No crate that forge has
//! writes them, and those that do write no more than one organization.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTF8: u8 = 0x0c;
const BITS: u8 = 0x03;

/// 1.2.840.10045.2.1, `id-ecPublicKey`.
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7, `prime256v1`.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.2.840.10045.4.3.2, `ecdsa-with-SHA256`.
const ECDSA_SHA256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// 2.5.4.3, the common name.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
/// 2.5.4.10, an organization.
const ORGANIZATION: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x0a];
/// Version 0, the only one.
const VERSION: &[u8] = &[0x02, 0x01, 0x00];
/// No attributes.
const ATTRIBUTES: &[u8] = &[0xa0, 0x00];

/// What is signed. `point` is the public key, uncompressed.
pub(super) fn request_info(common_name: &str, organizations: &[&str], point: &[u8]) -> Vec<u8> {
    let named =
        |kind: &[u8], text: &str| element(SET, &[&element(SEQUENCE, &[kind, &element(UTF8, &[text.as_bytes()])])]);
    let mut subject: Vec<u8> =
        organizations.iter().flat_map(|organization| named(ORGANIZATION, organization)).collect();
    subject.extend(named(COMMON_NAME, common_name));
    let algorithm = element(SEQUENCE, &[EC_PUBLIC_KEY, P256]);
    let key = element(SEQUENCE, &[&algorithm, &element(BITS, &[&[0], point])]);
    element(SEQUENCE, &[VERSION, &element(SEQUENCE, &[&subject]), &key, ATTRIBUTES])
}

/// The request with its signature.
pub(super) fn signed(info: &[u8], signature: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[info, &element(SEQUENCE, &[ECDSA_SHA256]), &element(BITS, &[&[0], signature])])
}

/// Tag, length, contents.
fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let length = contents.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut all = vec![tag];
    match significant[..] {
        [] => all.push(0),
        [byte] if byte < 0x80 => all.push(byte),
        _ => {
            all.push(0x80 | significant.len() as u8);
            all.extend(significant);
        }
    }
    all.extend(contents);
    all
}
