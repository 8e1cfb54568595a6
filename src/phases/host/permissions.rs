//! Files of the operating system that nobody but root has to read.

use super::{Resources, Site};
use crate::host::resource::{Modes, Rule};
use crate::inventory::cluster::Host;

const fn rule(root: &'static str, mode: u32) -> Rule {
    Rule { root, entries: "-maxdepth 0", mode, owner: "root:root" }
}

const RULES: &[Rule] = &[
    rule("/boot/grub/grub.cfg", 0o600),
    rule("/etc/cron.d", 0o700),
    rule("/etc/cron.daily", 0o700),
    rule("/etc/cron.hourly", 0o700),
    rule("/etc/cron.monthly", 0o700),
    rule("/etc/cron.weekly", 0o700),
    rule("/etc/crontab", 0o600),
    rule("/etc/ssh/sshd_config", 0o600),
    rule("/etc/sudoers.d", 0o750),
];

pub(super) fn resources(_: &Host, _: Site<'_>) -> Resources {
    Ok(vec![Box::new(Modes::of("system files", RULES))])
}
