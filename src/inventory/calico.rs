//! The Calico versions whose manifests are known, with their checksums.

use super::cluster::Manifest;

/// The version that is taken when the inventory names none.
pub(super) const DEFAULT_VERSION: &str = "3.32.1";

/// Version, then file and SHA-256 in the order in which they are applied.
const KNOWN: [(&str, [(&str, &str); 2]); 2] = [
    (
        DEFAULT_VERSION,
        [
            ("operator-crds.yaml", "192f8b2d934ef24b62e86b7e1a6e1762d1c8af26a916f78057bc13fa5ed60f71"),
            ("tigera-operator.yaml", "f18e073794207d372606bc3ea6f8fd73972f86d6828f4ba666dfe0d4aa8ab07f"),
        ],
    ),
    (
        "3.31.7",
        [
            ("operator-crds.yaml", "380414d5756e9a1af29ddb1ad70cada07aa344ae7a2680ba7355248621f8adbf"),
            ("tigera-operator.yaml", "092c10b3d0cb73617aca51367ca59755348f4647e6d2e63fa4e5b81266203214"),
        ],
    ),
];

/// The operator's manifests of a known version.
pub(super) fn manifests(version: &str) -> Option<Vec<Manifest>> {
    let (_, files) = KNOWN.iter().find(|(known, _)| *known == version)?;
    let manifest = |(file, sha256): &(&str, &str)| Manifest::Url {
        url: format!("https://raw.githubusercontent.com/projectcalico/calico/v{version}/manifests/{file}"),
        sha256: (*sha256).to_owned(),
    };
    Some(files.iter().map(manifest).collect())
}

/// The known versions, newest first, for people.
pub(super) fn known_versions() -> String {
    KNOWN.map(|(version, _)| version).join(" and ")
}
