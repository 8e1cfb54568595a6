//! Owners and modes of what kubeadm, the kubelet, the API server and the pod network write (CIS 1.1, 4.1), and files that
//! must not stay.

use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::{Directory, File, Modes, Rule};
use crate::inventory::cluster::Host;
use crate::kube::paths;

const fn rule(root: &'static str, entries: &'static str, mode: u32) -> Rule {
    Rule { root, entries, mode, owner: "root:root" }
}

const FOLDER: &str = "-maxdepth 0 -type d";
const FILES: &str = "-type f";

/// One probe looks at one tree.
const TREES: &[(&str, &[Rule])] = &[
    (
        "kubeadm's files",
        &[
            rule(paths::KUBERNETES, FOLDER, 0o755),
            rule(paths::KUBERNETES, "-maxdepth 1 -type f -name '*.conf'", 0o600),
            rule(paths::MANIFESTS, FILES, 0o600),
        ],
    ),
    (
        "certificates and keys",
        &[
            rule(paths::PKI, "-type d", 0o755),
            rule(paths::PKI, "-type f -name '*.crt'", 0o644),
            rule(paths::PKI, "-type f ! -name '*.crt'", 0o600),
        ],
    ),
    (
        "the kubelet's files",
        &[
            rule(paths::KUBELET_CONFIG, FILES, 0o600),
            rule(paths::KUBELET_INSTANCE_CONFIG, FILES, 0o600),
            rule(paths::KUBELET_FLAGS, FILES, 0o600),
        ],
    ),
    ("network configuration", &[rule(paths::CNI, FILES, 0o600)]),
    ("audit log", &[rule(paths::AUDIT_FOLDER, FILES, 0o600)]),
];

pub(super) fn resources(_: &Host, _: Site<'_>) -> Resources {
    // The package brings the folder, open to all, while this run is under way.
    let mut all: Vec<Box<dyn Resource>> = vec![Box::new(Directory::new(paths::MANIFESTS, 0o700))];
    all.extend(TREES.iter().map(|(title, rules)| Box::new(Modes::of(title, rules)) as Box<dyn Resource>));
    // The first passes by RBAC and is made by `kubeadm init` and upgrades; the second holds a join's token.
    let leftovers = [paths::SUPER_ADMIN_KUBECONFIG, paths::DISCOVERY];
    all.extend(leftovers.map(|path| Box::new(File::absent(path)) as Box<dyn Resource>));
    Ok(all)
}
