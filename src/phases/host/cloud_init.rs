//! cloud-init, where it is installed, does not undo at the next boot what forge has set: host name and `/etc/hosts`.

use super::{Resources, Site};
use crate::host::resource::{File, OnlyWhere};
use crate::inventory::cluster::Host;

pub(super) fn resources(_: &Host, _: Site<'_>) -> Resources {
    // The last file wins over the others, though not over the cloud's own user data.
    let text = "# Written by forge.\npreserve_hostname: true\nmanage_etc_hosts: false\n";
    let file = File::text("/etc/cloud/cloud.cfg.d/99-zz-forge.cfg", text);
    Ok(vec![Box::new(OnlyWhere::new("[ -d /etc/cloud/cloud.cfg.d ]", file))])
}
