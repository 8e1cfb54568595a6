//! Files of the operating system that nobody but root has to read.

use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::Mode;
use crate::inventory::cluster::Host;

const MODES: &[(&str, u32)] = &[
    ("/boot/grub/grub.cfg", 0o600),
    ("/etc/cron.d", 0o700),
    ("/etc/cron.daily", 0o700),
    ("/etc/cron.hourly", 0o700),
    ("/etc/cron.monthly", 0o700),
    ("/etc/cron.weekly", 0o700),
    ("/etc/crontab", 0o600),
    ("/etc/ssh/sshd_config", 0o600),
    ("/etc/sudoers.d", 0o750),
];

pub(super) fn resources(_: &Host, _: Site<'_>) -> Resources {
    Ok(MODES.iter().map(|(path, mode)| Box::new(Mode::new(*path, *mode)) as Box<dyn Resource>).collect())
}
