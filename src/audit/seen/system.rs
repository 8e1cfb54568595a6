//! The operating system as it is now: kernel settings, listening sockets, packet filter, units, sshd, accounts, updates.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::sections;
use crate::host::Observed;
use crate::host::facts::Probe;

/// Kernel settings and the values that pass.
pub const SYSCTLS: &[(&str, &[&str])] = &[
    ("net.ipv4.conf.all.accept_redirects", &["0"]),
    ("net.ipv4.conf.default.accept_redirects", &["0"]),
    ("net.ipv4.conf.all.secure_redirects", &["0"]),
    ("net.ipv4.conf.default.secure_redirects", &["0"]),
    ("net.ipv4.conf.all.send_redirects", &["0"]),
    ("net.ipv4.conf.default.send_redirects", &["0"]),
    ("net.ipv4.conf.all.accept_source_route", &["0"]),
    ("net.ipv4.conf.default.accept_source_route", &["0"]),
    ("net.ipv6.conf.all.accept_redirects", &["0"]),
    ("net.ipv6.conf.default.accept_redirects", &["0"]),
    ("net.ipv6.conf.all.accept_source_route", &["0"]),
    ("net.ipv4.tcp_syncookies", &["1", "2"]),
    ("net.ipv4.icmp_echo_ignore_broadcasts", &["1"]),
    ("net.ipv4.icmp_ignore_bogus_error_responses", &["1"]),
    ("kernel.randomize_va_space", &["2"]),
    ("kernel.kptr_restrict", &["1", "2"]),
    ("kernel.dmesg_restrict", &["1"]),
    ("kernel.yama.ptrace_scope", &["1", "2", "3"]),
    ("kernel.unprivileged_bpf_disabled", &["1", "2"]),
    ("kernel.perf_event_paranoid", &["2", "3", "4"]),
    ("kernel.kexec_load_disabled", &["1"]),
    ("kernel.sysrq", &["0"]),
    ("fs.protected_hardlinks", &["1"]),
    ("fs.protected_symlinks", &["1"]),
    ("fs.protected_fifos", &["1", "2"]),
    ("fs.protected_regular", &["1", "2"]),
    ("fs.suid_dumpable", &["0"]),
    ("vm.overcommit_memory", &["1"]),
    ("vm.panic_on_oom", &["0"]),
    ("kernel.panic", &["10"]),
    ("kernel.panic_on_oops", &["1"]),
    ("kernel.keys.root_maxkeys", &["1000000"]),
    ("kernel.keys.root_maxbytes", &["25000000"]),
];

/// Services that a node has no use for.
pub const UNWANTED: &[&str] = &[
    "avahi-daemon.service",
    "avahi-daemon.socket",
    "cups.service",
    "cups-browsed.service",
    "bluetooth.service",
    "ModemManager.service",
    "apport.service",
    "whoopsie.service",
    "vsftpd.service",
    "telnet.socket",
    "inetd.service",
    "xinetd.service",
];

const TIME: &[&str] = &[
    "systemd-timesyncd.service",
    "chrony.service",
    "chronyd.service",
    "ntp.service",
    "ntpd.service",
    "ntpsec.service",
    "openntpd.service",
];

const OTHERS: &[&str] = &[
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "unattended-upgrades.service",
    "auditd.service",
    "kubelet.service",
    "containerd.service",
];

/// The operating system.
#[derive(Clone, Debug, Default)]
pub struct System {
    /// Setting → value, of those in [`SYSCTLS`] that the kernel has.
    pub sysctls: BTreeMap<String, String>,
    /// `sshd -T`: lower-case keyword → values in their order; empty when there is no sshd.
    pub sshd: BTreeMap<String, Vec<String>>,
    /// Base chains that see incoming packets; `None` when nft did not answer.
    pub input_chains: Option<Vec<Chain>>,
    /// Listening TCP sockets.
    pub listening: Vec<(IpAddr, u16)>,
    /// Unit → active state and unit file state.
    pub units: BTreeMap<String, (String, String)>,
    /// Single facts, by the names in the shell below.
    pub facts: BTreeMap<String, String>,
    /// The package manager's settings about upgrades; `None` where there is no apt.
    pub apt: Option<Vec<String>>,
    /// Held packages.
    pub held: Vec<String>,
}

/// One base chain with hook input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// `inet forge_host input`.
    pub name: String,
    /// Whether what no rule accepts is dropped.
    pub drops: bool,
    /// Its rules, when it drops.
    pub rules: Vec<String>,
}

impl System {
    /// One of the single facts; empty when it was not seen.
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }

    /// Whether the host is a container, whose clock and kernel are the machine's.
    pub fn is_container(&self) -> bool {
        !["", "none"].contains(&self.fact("container"))
    }

    /// Whether a unit runs.
    pub fn active(&self, unit: &str) -> bool {
        self.units.get(unit).is_some_and(|(active, _)| active == "active")
    }

    /// The time service that runs.
    pub fn time_service(&self) -> Option<&'static str> {
        TIME.iter().copied().find(|unit| self.active(unit))
    }

    /// Addresses besides loopback on which something listens on this port.
    pub fn open_to_others(&self, port: u16) -> Vec<String> {
        let others = self.listening.iter().filter(|(address, open)| *open == port && !address.is_loopback());
        others.map(|(address, port)| std::net::SocketAddr::new(*address, *port).to_string()).collect()
    }
}

pub(super) fn probes() -> Vec<Probe> {
    let paths: Vec<String> = SYSCTLS.iter().map(|(key, _)| key.replace('.', "/")).collect();
    let units: Vec<&str> = [UNWANTED, TIME, OTHERS].concat();
    vec![
        Probe::quick("audit sysctls", format!("cd /proc/sys && grep -H '' {}", paths.join(" "))),
        Probe::quick("audit sshd", "sshd -T"),
        Probe::quick("audit input chains", CHAINS),
        Probe::quick("audit sockets", "ss -Htln"),
        Probe::quick(
            "audit units",
            format!("systemctl show -p Id -p ActiveState -p UnitFileState {} kubelet.service", units.join(" ")),
        ),
        Probe::quick("audit system", FACTS),
        Probe::quick("audit apt", APT),
    ]
}

/// Chains that drop are shown with their rules, others by their first line: kube-proxy has thousands.
const CHAINS: &str = r#"command -v nft >/dev/null || exit 0
echo "=== answered"
nft list chains | awk '$1 == "table" {table = $2 " " $3} $1 == "chain" {chain = $2} /hook input/ {print table, chain, $0}' |
while read -r family table chain rest; do
printf '=== %s %s %s\n' "$family" "$table" "$chain"
echo "$rest"
case $rest in *"policy drop"*) nft -n list chain "$family" "$table" "$chain" ;; esac
done"#;

const FACTS: &str = r#"fact() { printf '%s\t%s\n' "$1" "$(printf %s "$2" | tr '\n\t' '  ')"; }
fact container "$(systemd-detect-virt --container)"
fact synchronized "$(timedatectl show -p NTPSynchronized --value)"
fact swap "$(tail -n +2 /proc/swaps | cut -d' ' -f1)"
fact apparmor "$(cat /sys/module/apparmor/parameters/enabled)"
fact core-pattern "$(cat /proc/sys/kernel/core_pattern)"
fact core-storage "$(systemd-analyze cat-config systemd/coredump.conf | sed -n 's/^ *Storage *= *//p' | tail -n 1)"
fact core-limit "$(cat /etc/security/limits.conf /etc/security/limits.d/*.conf | awk '$1 == "*" && ($2 == "hard" || $2 == "-") && $3 == "core" {found = $4} END {print found}')"
fact no-password "$(awk -F: '$2 == "" {print $1}' /etc/shadow)"
fact uid-0 "$(awk -F: '$3 == 0 {print $1}' /etc/passwd)"
fact audit-rules "$(auditctl -l | grep -c '^-')"
fact blocked-modules "$(modprobe --showconfig | awk '($1 == "install" && $3 ~ /\/(false|true)$/) || $1 == "blacklist" {print $2}' | sort -u)"
fact loaded-modules "$(cut -d' ' -f1 /proc/modules)"
fact reboot "$(cat /run/reboot-required.pkgs || cat /run/reboot-required)""#;

const APT: &str = r#"command -v apt-config >/dev/null || exit 0
echo "=== config"
apt-config dump | grep -E '^(APT::Periodic|Unattended-Upgrade)'
echo "=== installed"
dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' unattended-upgrades needrestart
echo "=== held"
apt-mark showhold"#;

pub(super) fn read(observed: &Observed) -> System {
    let facts = observed.get("audit system").lines().filter_map(|line| line.split_once('\t'));
    let apt = sections(observed.get("audit apt"));
    let lines = |title: &str| {
        let body = apt.iter().find(|(found, _)| *found == title).map(|(_, body)| body.as_str());
        body.unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut settings = lines("config");
    settings.extend(lines("installed").into_iter().filter(|line| line.starts_with("ii") || line.starts_with("hi")));
    System {
        sysctls: observed.get("audit sysctls").lines().filter_map(sysctl).collect(),
        sshd: sshd(observed.get("audit sshd")),
        input_chains: chains(observed.get("audit input chains")),
        listening: observed.get("audit sockets").lines().filter_map(socket).collect(),
        units: units(observed.get("audit units")),
        facts: facts.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect(),
        apt: (!apt.is_empty()).then_some(settings),
        held: lines("held"),
    }
}

fn sysctl(line: &str) -> Option<(String, String)> {
    let (path, value) = line.split_once(':')?;
    Some((path.replace('/', "."), value.split_whitespace().collect::<Vec<_>>().join(" ")))
}

fn sshd(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in text.lines().filter_map(|line| line.split_once(' ')) {
        all.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    all
}

fn chains(text: &str) -> Option<Vec<Chain>> {
    let sections = sections(text);
    sections.first()?;
    let chain = |(name, body): &(&str, String)| {
        let lines: Vec<&str> = body.lines().map(str::trim).collect();
        let drops = lines.first().is_some_and(|line| line.contains("policy drop"));
        let rules = lines.iter().skip(1).filter(|line| !is_frame(line));
        Chain { name: (*name).to_owned(), drops, rules: rules.map(|line| (*line).to_owned()).collect() }
    };
    Some(sections[1..].iter().map(chain).collect())
}

/// What `nft list chain` prints around the rules.
fn is_frame(line: &str) -> bool {
    line.is_empty() || line == "}" || line.ends_with('{') || line.starts_with("type ")
}

/// The fourth word of `ss -Htln` is `ADDRESS:PORT`; `*` stands for all addresses, and an interface may follow `%`.
fn socket(line: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = line.split_whitespace().nth(3)?.rsplit_once(':')?;
    let address = address.trim_matches(['[', ']']).split('%').next()?.trim_end_matches(']');
    let address = if address == "*" { IpAddr::from([0; 16]) } else { address.parse().ok()? };
    Some((address, port.parse().ok()?))
}

fn units(text: &str) -> BTreeMap<String, (String, String)> {
    let block = |block: &str| {
        let value = |key: &str| block.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
        Some((value("Id=")?, (value("ActiveState=")?, value("UnitFileState=").unwrap_or_default())))
    };
    text.split("\n\n").filter_map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_sockets_are_read_as_ss_writes_them() {
        let lines = "LISTEN 0 4096 127.0.0.1:10257 0.0.0.0:*\nLISTEN 0 128 *:10250 *:*\nLISTEN 0 128 [::1]:2381 [::]:*\n\
                     LISTEN 0 4096 127.0.0.53%lo:53 0.0.0.0:*\nLISTEN 0 128 [fe80::1%eth0]:22 [::]:*\nLISTEN 0 128 10.0.0.1:2379 0.0.0.0:*";
        let system = System { listening: lines.lines().filter_map(socket).collect(), ..System::default() };
        assert_eq!(system.listening.len(), 6);
        assert_eq!(system.open_to_others(10250), ["[::]:10250"]);
        assert_eq!(system.open_to_others(2379), ["10.0.0.1:2379"]);
        assert!([10257, 2381, 53, 1].iter().all(|port| system.open_to_others(*port).is_empty()));
    }

    #[test]
    fn chains_that_drop_come_with_their_rules() {
        let text = "=== answered\n=== inet forge_host input\ntype filter hook input priority filter; policy drop;\n\
            table inet forge_host {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\
            \t\tiifname \"lo\" accept\n\t\tip saddr @admin4 tcp dport 22 accept\n\t}\n}\n\
            === ip filter INPUT\ntype filter hook input priority filter; policy accept;\n";
        let chains = chains(text).unwrap();
        assert_eq!(chains[0].rules, ["iifname \"lo\" accept", "ip saddr @admin4 tcp dport 22 accept"]);
        assert_eq!((chains[0].drops, chains[1].drops, chains[1].name.as_str()), (true, false, "ip filter INPUT"));
        assert_eq!(super::chains(""), None);
        assert_eq!(super::chains("=== answered\n"), Some(Vec::new()));
    }

    #[test]
    fn units_and_settings_are_read_by_name() {
        let seen = units(
            "Id=a.service\nActiveState=active\nUnitFileState=enabled\n\nId=b.socket\nActiveState=inactive\nUnitFileState=\n",
        );
        assert_eq!(seen["a.service"], ("active".to_owned(), "enabled".to_owned()));
        assert_eq!(seen["b.socket"], ("inactive".to_owned(), String::new()));
        assert_eq!(sysctl("kernel/yama/ptrace_scope:1").unwrap(), ("kernel.yama.ptrace_scope".into(), "1".into()));
        assert_eq!(sshd("port 22\nciphers a,b\nacceptenv LANG\nacceptenv LC_*\n")["acceptenv"], ["LANG", "LC_*"]);
    }
}
