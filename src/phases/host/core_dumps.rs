//! No core dumps: a program's memory may hold any secret.

use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::File;
use crate::inventory::cluster::Host;

const FILES: &[(&str, &str)] = &[
    ("/etc/security/limits.d/forge.conf", "# Written by forge: no core dumps.\n* hard core 0\nroot hard core 0\n"),
    (
        "/etc/systemd/coredump.conf.d/forge.conf",
        "# Written by forge: no core dumps.\n[Coredump]\nStorage=none\nProcessSizeMax=0\n",
    ),
];

pub(super) fn resources(_: &Host, site: Site<'_>) -> Resources {
    let allowed = site.cluster.security.host.core_dumps;
    let file = |(path, text): &(&str, &str)| if allowed { File::absent(*path) } else { File::text(*path, *text) };
    Ok(FILES.iter().map(|each| Box::new(file(each)) as Box<dyn Resource>).collect())
}
