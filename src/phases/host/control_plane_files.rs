//! What the API server reads: audit policy, admission, authentication, encryption key. There before `init` and `join`.

use super::super::unrendered;
use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::{Content, Directory, File};
use crate::inventory::cluster::Host;
use crate::kube::{self, paths};

pub(super) fn resources(host: &Host, site: Site<'_>) -> Resources {
    if !host.is_control_plane() {
        return Ok(Vec::new());
    }
    let mut all: Vec<Box<dyn Resource>> = vec![
        Box::new(Directory::new(paths::FORGE, 0o700)),
        Box::new(Directory::new(paths::ENCRYPTION_FOLDER, 0o700)),
        Box::new(Directory::new("/var/log/kubernetes", 0o755)),
        Box::new(Directory::new(paths::AUDIT_FOLDER, 0o700)),
    ];
    let templates = site.templates;
    let files = [
        (paths::AUDIT_POLICY, kube::audit_policy(templates, site.cluster)),
        (paths::ADMISSION, kube::admission_config(templates, site.cluster)),
        (paths::AUTHENTICATION, kube::authentication_config(templates)),
    ];
    for (path, content) in files {
        all.push(Box::new(File::text(path, content.map_err(unrendered)?).mode(0o600)));
    }
    let content = match &site.facts.encryption {
        Some(config) => Content::Secret(config.clone()),
        None => Content::Kept(site.facts.encryption_sum(&host.name).to_owned()),
    };
    all.push(Box::new(File::secret(paths::ENCRYPTION, content)));
    Ok(all)
}
