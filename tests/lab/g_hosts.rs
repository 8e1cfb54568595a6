//! Hardened hosts: nobody is locked out whatever goes wrong, strangers stay outside, and what somebody changes shows.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::*;

/// What the product's timer takes at most, and a host that is busy.
const TIMER: Duration = Duration::from_secs(40);

/// A command on this machine, which has to succeed.
fn here(program: &str, words: &str) {
    let status = Command::new(program).args(words.split_whitespace()).status().unwrap();
    assert!(status.success(), "{program} {words}");
}

/// The lab's network without its last number, and the bridge: `10.77.0` and `forgelab0`.
fn network() -> (String, String) {
    let route = Command::new("ip").args(["-o", "route", "get", &address("cp1")]).output().unwrap();
    let route = String::from_utf8(route.stdout).unwrap();
    let bridge = route.split(" dev ").nth(1).unwrap().split(' ').next().unwrap();
    let address = address("cp1");
    (address.rsplit_once('.').unwrap().0.to_owned(), bridge.to_owned())
}

/// A host's address, from the inventory.
fn address(host: &str) -> String {
    let text = std::fs::read_to_string(inventory()).unwrap();
    text.split(&format!("  {host}: {{address: ")).nth(1).unwrap().split(',').next().unwrap().to_owned()
}

/// Another address of the operator's machine, used for one host while this lives.
struct Elsewhere {
    host: String,
    bridge: String,
    address: String,
}

impl Elsewhere {
    /// The machine has it and does not use it yet.
    fn ready(host: &str) -> Self {
        let (network, bridge) = network();
        let address = format!("{network}.250");
        here("ip", &format!("address replace {address}/24 dev {bridge}"));
        Self { host: self::address(host), bridge, address }
    }

    /// From now on new connections to the host come from it.
    fn moves(&self) {
        here("ip", &format!("route replace {}/32 dev {} src {}", self.host, self.bridge, self.address));
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["route", "del", &format!("{}/32", self.host)]).status();
        let _ =
            Command::new("ip").args(["address", "del", &format!("{}/24", self.address), "dev", &self.bridge]).status();
    }
}

/// The lab's inventory with only the machine's own address trusted.
fn trusting() -> Changed {
    let (network, _) = network();
    Changed::by(&[("security:\n", &format!("security:\n  trustedCIDRs: [{network}.1/32]\n"))])
}

/// Somebody who comes from where `host` is reached from now gets in, within the timer.
fn assert_reachable(host: &str, since: Instant) {
    while !try_on(host, "true").status.success() {
        assert!(since.elapsed() < TIMER, "{host} is shut after {:?}", since.elapsed());
    }
    println!("{host} lets us in {:.1} s later", since.elapsed().as_secs_f64());
}

/// Nothing is armed any more.
fn assert_disarmed(host: &str) {
    let armed = "ls /var/lib/forge/undo /etc/systemd/system | grep -E 'forge-undo|^sshd$|^firewall$' || true";
    assert_eq!(on(host, armed), "");
}

#[test]
fn g_1_an_sshd_that_lets_nobody_work_is_taken_back() {
    bare_hosts(1, 1);
    let said = Changed::by(&[("security:\n", "security:\n  sshd: {settings: {MaxSessions: 0}}\n")]).up();
    let ended = Instant::now();
    assert_eq!(said.code, 1, "{}", said.all());
    let found = said.found();
    for host in ["cp1", "w1"] {
        let what = format!("{host}: sshd would have shut us out, a second login shows");
        assert!(found.iter().any(|line| line.starts_with(&what)), "{}", said.all());
        assert_reachable(host, ended);
        assert_eq!(on(host, "ls /etc/ssh/sshd_config.d"), "10-lab.conf\n", "as it was");
        assert_disarmed(host);
    }
}

#[test]
fn g_2_a_firewall_that_shuts_the_operator_out_is_taken_back() {
    let elsewhere = Elsewhere::ready("cp1");
    let table = || on("cp1", "nft list table inet forge 2>/dev/null || true");
    let before = table();
    let changed = trusting();
    let said = std::thread::scope(|scope| {
        let run = scope.spawn(|| changed.up());
        // The firewall's turn comes after sshd's second login: then the operator has moved.
        while !try_on("cp1", "[ -e /etc/ssh/sshd_config.d/00-forge.conf ]").status.success() {
            assert!(!run.is_finished(), "it ended before the operator could move");
        }
        elsewhere.moves();
        run.join().unwrap()
    });
    let ended = Instant::now();
    assert_eq!(said.code, 1, "{}", said.all());
    let found = said.found();
    let what = "cp1: firewall would have shut us out, a second login shows";
    assert!(found.iter().any(|line| line.starts_with(what)), "{}", said.all());
    assert_reachable("cp1", ended);
    assert_eq!(table(), before, "as it was");
    assert_disarmed("cp1");
}

#[test]
fn g_3_a_forge_that_is_killed_before_it_confirms_locks_nobody_out() {
    let elsewhere = Elsewhere::ready("cp1");
    let changed = trusting();
    let watched =
        up_of_until_event(&changed.inventory(), "step-output", |(host, step)| host == "cp1" && step == "firewall");
    assert!(!watched.killed.is_empty(), "it ended by itself");
    elsewhere.moves();
    let killed = Instant::now();
    assert!(!try_on("cp1", "true").status.success(), "the firewall was not there yet");
    assert_reachable("cp1", killed);
    assert_disarmed("cp1");
}

#[test]
fn g_4_the_next_run_takes_back_what_was_not_confirmed_and_converges() {
    let changed = trusting();
    let watched =
        up_of_until_event(&changed.inventory(), "step-output", |(host, step)| host == "cp1" && step == "firewall");
    assert!(!watched.killed.is_empty(), "it ended by itself");
    let said = changed.up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    for host in ["cp1", "w1"] {
        assert_disarmed(host);
    }
    let again = changed.up();
    assert_eq!(again.planned(), Vec::<String>::new(), "{}", again.all());
    assert!(again.finished()["roundTrips"].as_u64().unwrap() <= 2, "{}", again.all());
}

#[test]
fn g_5_strangers_are_dropped_and_pods_and_nodes_are_not() {
    let (network, bridge) = network();
    let stranger = "forge-stranger";
    here("ip", &format!("netns add {stranger}"));
    here("ip", &format!("link add fs-outer type veth peer name fs-inner netns {stranger}"));
    here("ip", &format!("link set fs-outer master {bridge} up"));
    here("ip", &format!("-n {stranger} address add {network}.200/24 dev fs-inner"));
    here("ip", &format!("-n {stranger} link set fs-inner up"));
    let reaches = |port: u16, from_outside: bool| {
        let ask = format!("timeout 2 bash -c ': </dev/tcp/{}/{port}'", address("cp1"));
        let mut command = Command::new(if from_outside { "ip" } else { "sh" });
        if from_outside {
            command.args(["netns", "exec", stranger, "sh"]);
        }
        command.arg("-c").arg(ask).status().unwrap().code()
    };
    let outside: Vec<_> = [22, 6443, 10250, 2379].map(|port| reaches(port, true)).to_vec();
    let inside: Vec<_> = [22, 6443, 10250, 2379].map(|port| reaches(port, false)).to_vec();
    // It answers below IP, where no table of ours filters.
    let neighbour = Command::new("ip").args(["-n", stranger, "neighbour", "show", &address("cp1")]).output().unwrap();
    here("ip", &format!("netns delete {stranger}"));
    let neighbour = String::from_utf8(neighbour.stdout).unwrap();
    assert!(neighbour.contains("lladdr"), "the stranger is on the network at all: {neighbour}");
    assert_eq!(outside, [Some(124); 4], "dropped, not refused");
    assert_eq!(inside, [Some(0), Some(0), Some(124), Some(124)], "the operator is let in to SSH and the API only");
    // The kubelet of another node is asked by the API server.
    kubectl("-n kube-system logs ds/kube-proxy --tail=1");
}

#[test]
fn g_6_the_firewall_is_there_after_a_boot() {
    power("w1", "kill");
    power("w1", "start");
    assert!(on("w1", "nft list table inet forge").contains("policy drop"));
    // What a kernel does not have is tried again after a boot.
    let others = || {
        let mut planned = trusting().run("plan", &["--json"]).planned();
        planned.retain(|line| !line.contains(": not there → ") && !line.contains("namespace forge-verify"));
        planned
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !others().is_empty() {
        assert!(Instant::now() < deadline, "{:?}", others());
    }
    let said = trusting().up();
    assert_eq!(said.code, 0, "{}", said.all());
}

/// What is broken on w1, and what the plan says of it.
const DRIFT: &[(&str, &str)] = &[
    ("rm /etc/ssh/sshd_config.d/00-forge.conf", "w1: file /etc/ssh/sshd_config.d/00-forge.conf: create"),
    ("nft insert rule inet forge input tcp dport 9999 accept", "w1: nftables table forge: change"),
    ("systemctl disable --quiet forge-firewall", "w1: service forge-firewall: enable"),
    ("sysctl -qw net.ipv4.conf.all.send_redirects=1", "w1: sysctl net.ipv4.conf.all.send_redirects: 1 → 0"),
    ("rm /etc/modprobe.d/forge.conf", "w1: file /etc/modprobe.d/forge.conf: create"),
    ("rm /etc/security/limits.d/forge.conf", "w1: file /etc/security/limits.d/forge.conf: create"),
    ("chmod 755 /etc/cron.daily", "w1: modes of system files: /etc/cron.daily: 755 root:root → at most 700 root:root"),
    ("rm /etc/apt/apt.conf.d/52forge", "w1: file /etc/apt/apt.conf.d/52forge: create"),
    ("systemctl disable --quiet --now apt-daily-upgrade.timer", "w1: service apt-daily-upgrade.timer: enable, start"),
    (
        "printf \"[Service]\\nExecStart=/bin/true\\n\" >/usr/lib/systemd/system/vsftpd.service; systemctl daemon-reload",
        "w1: masked unused services: vsftpd.service",
    ),
];

#[test]
fn g_7_what_somebody_changes_shows_and_is_mended() {
    for (command, _) in DRIFT {
        on("w1", command);
    }
    let changed = trusting();
    let plan = changed.run("plan", &["--json"]);
    assert_eq!(plan.code, 10, "{}", plan.all());
    let planned = plan.planned();
    for (_, line) in DRIFT {
        assert!(planned.iter().any(|planned| planned == line), "{line}: {}", plan.all());
    }
    // The effective setting too, because it comes from the file, and the verification.
    assert_eq!(planned.len(), DRIFT.len() + 2, "{planned:?}");
    let said = changed.up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    assert_eq!(changed.run("plan", &["--json"]).code, 0);
}

#[test]
fn g_8_trusted_networks_without_the_operator_are_refused() {
    let changed = Changed::by(&[("security:\n", "security:\n  trustedCIDRs: [192.0.2.0/24]\n")]);
    let said = changed.up();
    assert_eq!(said.code, 5, "{}", said.all());
    assert!(said.of("step-started").is_empty(), "{}", said.all());
    let (network, _) = network();
    let found = said.found();
    let advice = format!("add {network}.1 to security.trustedCIDRs");
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("security.trustedCIDRs would shut you out of cp1") && line.ends_with(&advice)),
        "{}",
        said.all()
    );
}

#[test]
fn g_9_status_shows_who_needs_a_reboot() {
    on("w1", "touch /run/reboot-required; echo linux-image-amd64 >/run/reboot-required.pkgs");
    let said = run(&["status", inventory().to_str().unwrap(), "--json"]);
    assert_eq!((said.code, said.finished()["roundTrips"].as_u64()), (0, Some(1)), "{}", said.all());
    let row = |host: &str, what: &str| {
        let rows = said.of("status").into_iter().find(|row| row["host"] == host && row["what"] == what).unwrap();
        (rows["fine"].as_bool().unwrap(), text(&rows["found"]).to_owned())
    };
    assert!(row("cp1", "node").0 && row("w1", "node").1.starts_with("Ready, v1."), "{}", said.all());
    assert!(row("cp1", "reboot").0);
    let (fine, found) = row("w1", "reboot");
    assert!(!fine && found.starts_with("needed: for linux-image-amd64"), "{found}");
    on("w1", "rm /run/reboot-required /run/reboot-required.pkgs");
}
