//! What each control plane says of its encryption configuration: the file, the journal, and what its API server has loaded.

use super::super::control_planes::{self, ControlPlane, own_server};
use crate::host::facts::Probe;
use crate::host::resource::{Content, File};
use crate::host::{Observed, Resource as _, quote};
use crate::inventory::cluster::Host;
use crate::kube::encryption::rotation::Journal;
use crate::kube::{paths, staged};

/// One control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// How it is otherwise.
    pub control_plane: ControlPlane,
    /// `600 root:root`; empty without a file.
    pub mode: String,
    /// SHA-256 of the file.
    pub sum: String,
    /// A journal that can be read.
    pub journal: Option<Journal>,
    /// The version of the forge that left a journal which cannot.
    pub stranger: Option<String>,
    /// SHA-256 of the file that the API server has loaded; empty when it does not tell.
    pub loaded: String,
}

fn file() -> File {
    File::secret(paths::ENCRYPTION, Content::Absent)
}

/// The questions.
pub fn probes(host: &Host) -> Vec<Probe> {
    let mut probes = control_planes::probes(host);
    probes.extend([
        Probe::quick(file().id(), file().probe()),
        Probe::quick("rotation journal", format!("cat {}", paths::ROTATION)),
        Probe::slow("rotation loaded", LOADED.replace("@SERVER@", &quote(&own_server(host)))),
    ]);
    probes
}

/// The API server's metric as it is.
const LOADED: &str = "kubectl --server=@SERVER@ --request-timeout=10s get --raw /metrics | \
     grep '^apiserver_encryption_config_controller_last_config_info{'";

impl Server {
    /// Reads the answers.
    pub fn parse(seen: &Observed) -> Self {
        let mut file = seen.get(&file().id()).lines();
        let first = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
        Self {
            control_plane: ControlPlane::parse(seen),
            mode: file.next().unwrap_or_default().to_owned(),
            sum: first(file.next().unwrap_or_default()),
            journal: staged::journal(seen.get("rotation journal")),
            stranger: staged::stranger(seen.get("rotation journal")),
            loaded: seen.get("rotation loaded").lines().find_map(loaded).unwrap_or_default().to_owned(),
        }
    }
}

/// The sum in `apiserver_encryption_config_controller_last_config_info{apiserver_id_hash="…",hash="sha256:SUM"} 1`: the API
/// server's own word for what it has loaded, set when it starts and after each reload (Kubernetes 1.34 and later).
fn loaded(line: &str) -> Option<&str> {
    line.split_once(",hash=\"sha256:")?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_plane_is_read_from_its_answers() {
        let answers = [
            ("file /etc/kubernetes/forge/encryption/config.yaml", "600 root:root\nabc  -"),
            ("rotation journal", ""),
            (
                "rotation loaded",
                "apiserver_encryption_config_controller_last_config_info{apiserver_id_hash=\"sha256:1\",hash=\"sha256:abc\"} 1",
            ),
        ];
        let answers = answers.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
        let server = Server::parse(&Observed { answers, ..Observed::default() });
        assert_eq!((&*server.mode, &*server.sum, &*server.loaded), ("600 root:root", "abc", "abc"));
        assert_eq!(server.journal, None);
    }
}
