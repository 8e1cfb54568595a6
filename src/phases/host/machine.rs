//! What kind of machine a host is, where that decides what can be hardened on it.

use crate::host::Observed;
use crate::host::facts::Probe;

const KEY: &str = "machine";

/// What a host says of itself. Before it was asked everything counts as possible, so that everything is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// Whether its kernel is another machine's: then the clock and the audit log are too.
    pub(super) is_container: bool,
    /// Whether something other than systemd-timesyncd sets its clock.
    pub(super) keeps_time: bool,
    /// Installed packages for that, which systemd-timesyncd takes the place of.
    pub(super) clocks: Vec<String>,
    /// Whether its kernel enforces AppArmor.
    pub(super) has_apparmor: bool,
    /// Algorithms that its sshd knows; the kind before each: `cipher aes256-ctr`.
    pub(super) algorithms: Vec<String>,
}

/// Packages that set a clock and that apt takes off when systemd-timesyncd comes; `probe` asks for them too.
const CLOCKS: &[&str] = &["chrony", "ntp", "ntpsec", "openntpd"];

pub(super) fn probe() -> Probe {
    Probe::quick(
        KEY,
        r#"systemd-detect-virt --container --quiet && echo container
for unit in chrony chronyd ntp ntpsec ntpd openntpd; do
  systemctl --quiet is-active "$unit" && echo time
done
dpkg-query -W -f '${db:Status-Abbrev} clock ${Package}\n' chrony ntp ntpsec openntpd | sed -n 's/^.i *clock/clock/p'
[ "$(cat /sys/module/apparmor/parameters/enabled)" = Y ] && echo apparmor
for kind in cipher mac kex; do ssh -Q "$kind" | sed "s/^/$kind /"; done"#,
    )
}

impl Machine {
    pub(super) fn of(seen: Option<&Observed>) -> Self {
        let Some(seen) = seen else {
            return Self {
                is_container: false,
                keeps_time: false,
                clocks: Vec::new(),
                has_apparmor: true,
                algorithms: Vec::new(),
            };
        };
        let lines: Vec<&str> = seen.get(KEY).lines().collect();
        Self {
            is_container: lines.contains(&"container"),
            keeps_time: lines.contains(&"time"),
            clocks: CLOCKS
                .iter()
                .filter(|name| lines.contains(&&*format!("clock {name}")))
                .map(|name| (*name).to_owned())
                .collect(),
            has_apparmor: lines.contains(&"apparmor"),
            algorithms: lines
                .iter()
                .filter(|line| line.contains(' ') && !line.starts_with("clock "))
                .map(|line| (*line).to_owned())
                .collect(),
        }
    }

    /// Those of `wanted` that its sshd knows, as sshd_config writes lists; `None` when there is none.
    pub(super) fn knows(&self, kind: &str, wanted: &[&str]) -> Option<String> {
        let known = |name: &&&str| self.algorithms.contains(&format!("{kind} {name}"));
        let list: Vec<&str> = wanted.iter().filter(known).copied().collect();
        (!list.is_empty()).then(|| list.join(","))
    }
}
