//! etcd's data belongs to a user of its own on the host (CIS 1.1.12).

use super::{Resources, Site};
use crate::host::resource::{Directory, SystemUser};
use crate::inventory::cluster::Host;
use crate::kube::paths;

pub(super) fn resources(host: &Host, _: Site<'_>) -> Resources {
    if !host.is_control_plane() {
        return Ok(Vec::new());
    }
    let folder = Directory::new(paths::ETCD, 0o700).owner("etcd:etcd");
    Ok(vec![Box::new(SystemUser("etcd".to_owned())), Box::new(folder)])
}
