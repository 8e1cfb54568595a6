//! Services that run, a clock that is set, and updates.

use super::host_kernel::SILENT;
use crate::audit::control::{Check, Control, Verdict, nsa};
use crate::audit::seen::system::UNWANTED;
use crate::audit::seen::{Node, Whole};

fn unwanted(node: &Node<'_>) -> Verdict {
    if node.system.units.is_empty() {
        return Verdict::NotChecked("systemd did not answer".to_owned());
    }
    let on = |unit: &&&str| {
        let enabled = node.system.units.get(**unit).is_some_and(|(_, file)| file == "enabled");
        enabled || node.system.active(unit)
    };
    let found: Vec<String> = UNWANTED.iter().filter(on).map(|unit| (*unit).to_owned()).collect();
    Verdict::unless(&found, "none of them is enabled or runs")
}

fn running(node: &Node<'_>) -> Verdict {
    if node.system.units.is_empty() {
        return Verdict::NotChecked("systemd did not answer".to_owned());
    }
    let wrong: Vec<String> = ["containerd.service", "kubelet.service"]
        .into_iter()
        .filter_map(|unit| {
            let (active, file) = node.system.units.get(unit)?;
            (active != "active" || file != "enabled").then(|| format!("{unit} is {active}, {file}"))
        })
        .collect();
    Verdict::unless(&wrong, "containerd and kubelet run and start at boot")
}

fn clock(node: &Node<'_>) -> Verdict {
    if node.system.facts.is_empty() {
        return Verdict::NotChecked(SILENT.to_owned());
    }
    if node.system.is_container() {
        return Verdict::NotApplicable("a container: the clock is its machine's".to_owned());
    }
    match (node.system.time_service(), node.system.fact("synchronized")) {
        (Some(service), "yes") => Verdict::Pass(format!("{service} runs, and the clock is synchronized")),
        (Some(service), _) => Verdict::Fail(format!("{service} runs, and the clock is not synchronized")),
        (None, _) => Verdict::Fail("nothing sets the clock".to_owned()),
    }
}

/// Seconds by which clocks may differ; what the answer travelled is in it.
const APART: f64 = 2.0;

fn clocks(whole: &Whole<'_>) -> Verdict {
    let offsets = || whole.nodes.iter().map(|node| node.clock_offset);
    let (first, last) = (offsets().fold(f64::INFINITY, f64::min), offsets().fold(f64::NEG_INFINITY, f64::max));
    if whole.nodes.is_empty() {
        return Verdict::NotChecked("no host answered".to_owned());
    }
    Verdict::of(last - first <= APART, format!("at most {:.1} s apart", last - first))
}

fn updates(node: &Node<'_>) -> Verdict {
    let Some(apt) = &node.system.apt else {
        return Verdict::NotApplicable("there is no apt: look at this system's own way".to_owned());
    };
    let set = |key: &str| {
        let value = apt.iter().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('"')?.split('"').next());
        value.is_some_and(|value| !["", "0"].contains(&value))
    };
    let mut wrong = Vec::new();
    if !apt.iter().any(|line| line.ends_with(" unattended-upgrades")) {
        wrong.push("unattended-upgrades is not installed".to_owned());
    }
    for key in ["APT::Periodic::Update-Package-Lists", "APT::Periodic::Unattended-Upgrade"] {
        if !set(key) {
            wrong.push(format!("{key} is off"));
        }
    }
    for unit in ["apt-daily.timer", "apt-daily-upgrade.timer"] {
        if !node.system.active(unit) {
            wrong.push(format!("{unit} does not run"));
        }
    }
    Verdict::unless(&wrong, "security upgrades come by themselves")
}

fn held(node: &Node<'_>) -> Verdict {
    if node.system.apt.is_none() {
        return Verdict::NotApplicable("there is no apt: look at this system's own way".to_owned());
    }
    let loose: Vec<String> = ["kubelet", "kubeadm", "kubectl"]
        .into_iter()
        .filter(|name| !node.system.held.iter().any(|held| held == name))
        .map(|name| format!("{name} is not held"))
        .collect();
    Verdict::unless(&loose, format!("held: {}", node.system.held.join(", ")))
}

fn reboot(node: &Node<'_>) -> Verdict {
    if node.system.facts.is_empty() {
        return Verdict::NotChecked(SILENT.to_owned());
    }
    match node.system.fact("reboot") {
        "" => Verdict::Pass("no reboot is due".to_owned()),
        packages => Verdict::Manual(format!("a reboot is due for {packages}")),
    }
}

fn audit_daemon(node: &Node<'_>) -> Verdict {
    if node.system.facts.is_empty() {
        return Verdict::NotChecked(SILENT.to_owned());
    }
    if node.system.is_container() {
        return Verdict::NotApplicable("a container: the kernel's audit log is its machine's".to_owned());
    }
    let rules: u32 = node.system.fact("audit-rules").parse().unwrap_or_default();
    Verdict::of(
        node.system.active("auditd.service") && rules > 0,
        format!(
            "auditd is {}, {rules} rules are loaded",
            if node.system.active("auditd.service") { "active" } else { "not active" }
        ),
    )
}

const fn service(id: &'static str, title: &'static str, check: fn(&Node<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::Node(check)).how("systemd's units")
}

pub(super) const CONTROLS: &[Control] = &[
    service("FORGE-SERVICES", "Services that no node needs are off", unwanted)
        .remedy("forge up INVENTORY, or systemctl mask --now the unit"),
    service("FORGE-SERVICES-RUN", "containerd and kubelet run and start at boot", running),
    service("FORGE-CLOCK", "The clock is set by the network's time", clock)
        .how("systemd's units and timedatectl")
        .remedy("timedatectl set-ntp true, or start chrony"),
    Control::new("FORGE-CLOCKS", "The hosts' clocks agree", Check::Cluster(clocks))
        .how("each host's clock against the operator's")
        .remedy("timedatectl set-ntp true, or start chrony"),
    service("FORGE-UPDATES", "Security upgrades of the system come by themselves", updates)
        .high()
        .how("apt-config dump, installed packages and timers")
        .also(&[nsa::UPGRADES]),
    service("FORGE-HELD", "Kubernetes is not upgraded by the system's own upgrades", held)
        .how("apt-mark showhold")
        .also(&[nsa::UPGRADES]),
    service("FORGE-REBOOT", "No reboot is due", reboot)
        .low()
        .how("/run/reboot-required")
        .remedy("drain the node, reboot it, uncordon it")
        .also(&[nsa::UPGRADES]),
    service("FORGE-AUDITD", "The audit daemon watches what is changed", audit_daemon)
        .low()
        .how("auditctl -l")
        .also(&[nsa::AUDIT]),
];

#[cfg(test)]
mod tests {
    use super::super::find;
    use crate::audit::judge::tests::{node, verdict};

    const APT: &str = "=== config\nAPT::Periodic \"\";\nAPT::Periodic::Update-Package-Lists \"1\";\n\
        APT::Periodic::Unattended-Upgrade \"1\";\n=== installed\nii  unattended-upgrades\n=== held\nkubeadm\nkubectl\nkubelet\n";
    const TIMERS: &str = "Id=apt-daily.timer\nActiveState=active\nUnitFileState=enabled\n\n\
        Id=apt-daily-upgrade.timer\nActiveState=active\nUnitFileState=enabled\n";

    #[test]
    fn upgrades_need_the_package_the_settings_and_the_timers() {
        let with = |apt: &str, units: &str| {
            verdict(find("FORGE-UPDATES").unwrap(), &node(&[("audit apt", apt), ("audit units", units)]))
        };
        assert!(with(APT, TIMERS).starts_with("pass"));
        assert_eq!(
            with(&APT.replace("Unattended-Upgrade \"1\"", "Unattended-Upgrade \"0\""), TIMERS),
            "fail: APT::Periodic::Unattended-Upgrade is off"
        );
        assert_eq!(with(&APT.replace("ii  ", "rc  "), TIMERS), "fail: unattended-upgrades is not installed");
        assert_eq!(
            with(APT, &TIMERS.replace("upgrade.timer\nActiveState=active", "upgrade.timer\nActiveState=inactive")),
            "fail: apt-daily-upgrade.timer does not run"
        );
        assert!(with("", TIMERS).starts_with("not applicable"));
    }

    #[test]
    fn a_unit_that_is_enabled_or_runs_is_on() {
        let with = |units: &str| verdict(find("FORGE-SERVICES").unwrap(), &node(&[("audit units", units)]));
        assert!(with("Id=inetd.service\nActiveState=inactive\nUnitFileState=masked\n").starts_with("pass"));
        assert_eq!(with("Id=telnet.socket\nActiveState=active\nUnitFileState=disabled\n"), "fail: telnet.socket");
        assert!(with("").starts_with("not checked"));
    }
}
