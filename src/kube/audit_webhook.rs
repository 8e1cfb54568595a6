//! The backend that gets the API server's audit events.

use crate::inventory::Cluster;
use crate::render::RenderError;
use crate::secret::Secret;

/// The file behind `--audit-webhook-config-file`: the user's kubeconfig; `None` without one.
///
/// # Errors
/// It cannot be read.
pub fn audit_webhook(cluster: &Cluster) -> Result<Option<Secret>, RenderError> {
    let Some(path) = &cluster.security.audit.webhook else { return Ok(None) };
    let content = std::fs::read(path)
        .map_err(|error| RenderError::Unreadable { path: path.clone(), cause: error.to_string() })?;
    Ok(Some(Secret::new(content)))
}
