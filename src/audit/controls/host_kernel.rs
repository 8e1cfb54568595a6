//! The kernel: its settings as they are now, its modules, AppArmor, swap, core dumps.

use crate::audit::control::{Check, Control, Verdict};
use crate::audit::seen::Node;
use crate::audit::seen::system::SYSCTLS;

/// Settings whose name begins with one of these; a setting that this kernel has not is passed over.
fn sysctls(node: &Node<'_>, wanted: impl Fn(&str) -> bool) -> Verdict {
    let all = SYSCTLS.iter().filter(|(key, _)| wanted(key));
    let seen: Vec<(&str, &str, &[&str])> =
        all.filter_map(|(key, good)| Some((*key, node.system.sysctls.get(*key)?.as_str(), *good))).collect();
    let wrong: Vec<String> = seen
        .iter()
        .filter(|(_, value, good)| !good.contains(value))
        .map(|(key, value, good)| format!("{key} is {value}, not {}", good.join(" or ")))
        .collect();
    if seen.is_empty() {
        return Verdict::NotChecked("/proc/sys could not be read".to_owned());
    }
    Verdict::unless(&wrong, format!("all {} settings", seen.len()))
}

/// The kubelet insists on these (`protectKernelDefaults`), and exits without them at its next start.
fn is_kubelets(key: &str) -> bool {
    [
        "vm.overcommit_memory",
        "vm.panic_on_oom",
        "kernel.panic",
        "kernel.panic_on_oops",
        "kernel.keys.root_maxkeys",
        "kernel.keys.root_maxbytes",
    ]
    .contains(&key)
}

/// No fact at all was seen.
pub(super) const SILENT: &str = "the host did not tell";

const MODULES: &[&str] = &["cramfs", "freevxfs", "jffs2", "hfs", "hfsplus", "dccp", "rds", "tipc"];

fn modules(node: &Node<'_>) -> Verdict {
    if node.system.facts.is_empty() {
        return Verdict::NotChecked(SILENT.to_owned());
    }
    let name = |word: &str| word.replace('-', "_");
    let list = |fact: &str| node.system.fact(fact).split_whitespace().map(name).collect::<Vec<_>>();
    let (blocked, loaded) = (list("blocked-modules"), list("loaded-modules"));
    let mut wrong: Vec<String> = MODULES
        .iter()
        .filter(|module| loaded.contains(&name(module)))
        .map(|module| format!("{module} is loaded"))
        .collect();
    wrong.extend(
        MODULES
            .iter()
            .filter(|module| !blocked.contains(&name(module)))
            .map(|module| format!("{module} may be loaded")),
    );
    Verdict::unless(&wrong, format!("{} modules that no node needs cannot be loaded", MODULES.len()))
}

fn apparmor(node: &Node<'_>) -> Verdict {
    match node.system.fact("apparmor") {
        "Y" => Verdict::Pass("the kernel enforces AppArmor".to_owned()),
        "" => Verdict::NotApplicable("the kernel has no AppArmor".to_owned()),
        other => Verdict::Fail(format!("the kernel has AppArmor, turned off ({other})")),
    }
}

fn core_dumps(node: &Node<'_>) -> Verdict {
    if node.system.facts.is_empty() {
        return Verdict::NotChecked(SILENT.to_owned());
    }
    let (limit, pattern, storage) =
        (node.system.fact("core-limit"), node.system.fact("core-pattern"), node.system.fact("core-storage"));
    let mut wrong = Vec::new();
    if limit != "0" {
        wrong.push(if limit.is_empty() {
            "logins may dump core".to_owned()
        } else {
            format!("logins may dump core: {limit}")
        });
    }
    if pattern.contains("systemd-coredump") && storage != "none" {
        wrong.push("systemd-coredump keeps what it is given".to_owned());
    }
    Verdict::unless(&wrong, "logins may not dump core, and nothing keeps a dump")
}

fn swap(node: &Node<'_>) -> Verdict {
    if node.system.facts.is_empty() {
        return Verdict::NotChecked(SILENT.to_owned());
    }
    let swaps: Vec<String> = node.system.fact("swap").split_whitespace().map(str::to_owned).collect();
    Verdict::unless(&swaps, "there is no swap")
}

const fn kernel(id: &'static str, title: &'static str, check: fn(&Node<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::Node(check))
        .how("/proc/sys: what the kernel has now")
        .remedy("forge up INVENTORY (security.sysctls)")
}

pub(super) const CONTROLS: &[Control] = &[
    kernel("FORGE-SYSCTL-NETWORK", "The kernel takes no routes from strangers", |node| {
        sysctls(node, |key| key.starts_with("net."))
    }),
    kernel("FORGE-SYSCTL-KERNEL", "The kernel hides its addresses and its doors", |node| {
        sysctls(node, |key| key.starts_with("kernel.") && !is_kubelets(key))
    }),
    kernel("FORGE-SYSCTL-FILES", "Links and pipes in shared folders are safe", |node| {
        sysctls(node, |key| key.starts_with("fs."))
    }),
    kernel("FORGE-SYSCTL-KUBELET", "The kernel is as the kubelet insists on", |node| sysctls(node, is_kubelets))
        .remedy("forge up INVENTORY: the kubelet does not start without them"),
    kernel("FORGE-MODULES", "Modules that no node needs cannot be loaded", modules)
        .low()
        .how("modprobe --showconfig and /proc/modules")
        .remedy("forge up INVENTORY"),
    kernel("FORGE-APPARMOR", "AppArmor is on where the kernel has it", apparmor)
        .how("/sys/module/apparmor")
        .remedy("start the kernel with AppArmor"),
    kernel("FORGE-CORE-DUMPS", "Nothing writes a program's memory to a disk", core_dumps)
        .low()
        .how("limits, systemd-coredump's settings and the kernel's core pattern")
        .remedy("forge up INVENTORY"),
    kernel("FORGE-SWAP", "Memory does not reach a disk as swap", swap).how("/proc/swaps").remedy("forge up INVENTORY"),
];

#[cfg(test)]
mod tests {
    use super::super::find;
    use crate::audit::judge::tests::{node, verdict};

    #[test]
    fn a_setting_is_named_with_its_value_and_one_that_is_not_there_is_passed_over() {
        let with = |text: &str| verdict(find("FORGE-SYSCTL-FILES").unwrap(), &node(&[("audit sysctls", text)]));
        assert_eq!(with("fs/suid_dumpable:0\nfs/protected_regular:2\n"), "pass: all 2 settings");
        assert_eq!(with("fs/suid_dumpable:2\n"), "fail: fs.suid_dumpable is 2, not 0");
        assert!(with("").starts_with("not checked"));
    }
}
