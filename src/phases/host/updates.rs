//! Security upgrades of the operating system, unattended: never of what Kubernetes runs on, never with a reboot.

use super::{Resources, Site};
use crate::host::resource::{File, OnlyWhere, Service};
use crate::inventory::cluster::Host;

/// After the distribution's `20auto-upgrades` and `50unattended-upgrades`, whose lists it clears.
const FILE: &str = "/etc/apt/apt.conf.d/52forge";

/// Debian names origins by patterns, Ubuntu by pairs; each ignores the other's.
const TEXT: &str = r#"// Written by forge.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
#clear Unattended-Upgrade::Origins-Pattern;
#clear Unattended-Upgrade::Allowed-Origins;
Unattended-Upgrade::Origins-Pattern {
  "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";
  "origin=Debian,codename=${distro_codename},label=Debian-Security";
  "origin=Ubuntu,archive=${distro_codename}-security";
};
Unattended-Upgrade::Package-Blacklist {
  "^kube(let|adm|ctl)$";
  "^containerd(\.io)?$";
  "^(runc|cri-tools|kubernetes-cni)$";
};
Unattended-Upgrade::Automatic-Reboot "false";
"#;

/// needrestart would restart containers' runtime after an upgrade of a library.
const NEEDRESTART: &str = "# Written by forge.\n\
    $nrconf{restart} = 'l';\n\
    $nrconf{override_rc}{qr(^(containerd|kubelet)\\.service$)} = 0;\n";

pub(super) fn resources(_: &Host, site: Site<'_>) -> Resources {
    let needrestart = "/etc/needrestart/conf.d/forge.conf";
    if !site.cluster.security.host.auto_updates {
        return Ok(vec![Box::new(File::absent(FILE)), Box::new(File::absent(needrestart))]);
    }
    Ok(vec![
        Box::new(File::text(FILE, TEXT)),
        Box::new(Service::running("apt-daily.timer")),
        Box::new(Service::running("apt-daily-upgrade.timer")),
        Box::new(OnlyWhere::new("[ -d /etc/needrestart/conf.d ]", File::text(needrestart, NEEDRESTART))),
    ])
}
