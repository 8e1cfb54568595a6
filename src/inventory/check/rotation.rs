//! `rotation`: ages.

use crate::inventory::cluster::{Age, Rotation};
use crate::inventory::finding::Findings;
use crate::inventory::model::Inventory;

/// How old keys, certificates and tokens may become.
pub(super) fn rotation(inventory: &Inventory, findings: &mut Findings<'_>) -> Option<Rotation> {
    let wanted = &inventory.rotation;
    let certificates = age(&wanted.certificates, "certificates", findings);
    let encryption_key = age(&wanted.encryption_key, "encryptionKey", findings);
    let tokens = age(&wanted.tokens, "tokens", findings);
    Some(Rotation { certificates: certificates?, encryption_key: encryption_key?, tokens: tokens? })
}

fn age(text: &str, key: &str, findings: &mut Findings<'_>) -> Option<Age> {
    let age = Age::parse(text);
    if age.is_none() {
        let help = "a number of days or hours: `90d`, `24h`";
        findings.at(&["rotation", key], format!("`{text}` is not an age"), "").help(help);
    }
    age
}
