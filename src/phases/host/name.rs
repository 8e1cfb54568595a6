//! The hostname equals the node name (CIS 4.2.7).

use super::{Resources, Site};
use crate::host::resource::Hostname;
use crate::inventory::cluster::Host;

pub(super) fn resources(host: &Host, _: Site<'_>) -> Resources {
    Ok(vec![Box::new(Hostname(host.name.to_string()))])
}
