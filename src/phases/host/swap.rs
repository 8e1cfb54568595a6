//! Swap off, now and after the next boot (the kubelet refuses to start otherwise).

use super::{Resources, Site};
use crate::host::resource::SwapOff;
use crate::inventory::cluster::Host;

pub(super) fn resources(_: &Host, _: Site<'_>) -> Resources {
    Ok(vec![Box::new(SwapOff)])
}
