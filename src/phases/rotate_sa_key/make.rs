//! A new key pair, made by kubeadm on a control plane: of the kind that the inventory wants, by the program that made the first.

use super::Site;
use crate::error::Problem;
use crate::host::{Script, quote};
use crate::inventory::cluster::Host;
use crate::kube::aside_config;
use crate::phases::unrendered;

/// In memory, like all of `/run`: the key comes to a disk only where it will be used.
const FOLDER: &str = "/run/forge/sa-key";

/// Hands it back as the values `key` and `public`; `version` is that of the host's kubeadm.
///
/// # Errors
/// A template cannot be rendered.
pub fn make(host: &Host, site: Site<'_>, version: &str) -> Result<Script, Problem> {
    let config = aside_config(site.templates, site.cluster, host, version, FOLDER).map_err(unrendered)?;
    let folder = quote(FOLDER);
    let script = Script::new(format!(
        "umask 077\ntrap 'rm -rf {folder}' EXIT\nrm -rf {folder}\nmkdir {folder}\n\
         kubeadm init phase certs sa --config \"$FORGE/config\" >/dev/null\n\
         emit key <{folder}/sa.key\nemit public <{folder}/sa.pub"
    ));
    Ok(script.file("config", config))
}

/// Hands a key that was made earlier back as the value `key`.
pub fn read(path: &str) -> Script {
    Script::new(format!("emit key <{}", quote(path)))
}
