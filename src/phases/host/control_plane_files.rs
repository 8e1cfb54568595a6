//! What the API server reads: audit policy, admission, authentication, encryption key. There before `init` and `join`.

use serde_json::Value;

use super::super::unrendered;
use super::{Resources, Site};
use crate::error::Problem;
use crate::host::Resource;
use crate::host::resource::{Content, Directory, File, text_of};
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
    for (_, file) in files(host, site)? {
        all.push(Box::new(file));
    }
    let content = match &site.facts.encryption {
        Some(config) => Content::Secret(config.clone()),
        None => Content::Kept(site.facts.encryption_sum(&host.name).to_owned()),
    };
    // Only hosts that lack it get one; only the rotation of the key changes it.
    all.push(Box::new(File::secret(paths::ENCRYPTION, content).irreplaceable()));
    Ok(all)
}

/// The files that are made of the inventory alone.
fn files(host: &Host, site: Site<'_>) -> Result<Vec<(&'static str, File)>, Problem> {
    let (templates, cluster) = (site.templates, site.cluster);
    let text = |path, content: String| (path, File::text(path, content).mode(0o600));
    let authentication = kube::authentication_config(templates, cluster).map_err(unrendered)?;
    // Issuers are read again by the API server itself, the part about anonymous requests is not.
    let reloads = anonymous(text_of(seen(host, site, paths::AUTHENTICATION))) == anonymous(&authentication);
    let (path, mut authentication) = text(paths::AUTHENTICATION, authentication);
    if reloads {
        authentication = authentication.reloaded();
    }
    let webhook = kube::audit_webhook(cluster).map_err(unrendered)?;
    let webhook = webhook.map_or_else(
        || File::absent(paths::AUDIT_WEBHOOK),
        |content| File::secret(paths::AUDIT_WEBHOOK, Content::Secret(content)),
    );
    Ok(vec![
        text(paths::AUDIT_POLICY, kube::audit_policy(templates, cluster).map_err(unrendered)?),
        text(paths::ADMISSION, kube::admission_config(templates, cluster).map_err(unrendered)?),
        (path, authentication),
        (paths::AUDIT_WEBHOOK, webhook),
    ])
}

/// Of these files those whose content changes in this run and which an API server that runs has to be restarted for.
///
/// # Errors
/// One cannot be rendered.
pub fn read_anew(host: &Host, site: Site<'_>) -> Result<Vec<&'static str>, Problem> {
    let changes = |(path, file): &(&str, File)| !file.is_reloaded() && !file.has_content(seen(host, site, path));
    Ok(files(host, site)?.into_iter().filter(changes).map(|(path, _)| path).collect())
}

fn seen<'a>(host: &Host, site: Site<'a>, path: &str) -> &'a str {
    site.facts.hosts.get(&host.name).map_or("", |seen| seen.get(&format!("file {path}")))
}

/// Who may come without credentials, as far as the text can be read.
fn anonymous(text: impl AsRef<str>) -> Option<Value> {
    crate::yaml::from_str::<Value>(text.as_ref()).ok()?.get("anonymous").cloned()
}
