//! Starts a fleet of simulated hosts and measures `forge plan` on it: `fleet [HOSTS]`, run by bench/fleet.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, missing_docs)]

mod answers;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, RwLock};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use answers::{Answers, State};
use serde_json::Value;
use support::ssh_server::{Reply, RunningServer, SshServer, new_key};

const CONTROL_PLANES: usize = 3;
const RUNS: usize = 3;
/// What 200 hosts may cost.
const LIMIT: f64 = 150.0;

fn main() {
    let hosts = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(200);
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::new(RwLock::new(Answers::default()));
    let fleet = start(hosts, &told);
    let inventory = folder.path().join("inventory.yaml");
    write_inventory(&inventory, &fleet);

    println!("{hosts} simulated hosts ({CONTROL_PLANES} control planes), forge plan --json, {RUNS} runs each");
    println!(
        "{:<10} {:>8} {:>8} {:>10} {:>7} {:>7} {:>11} {:>6}",
        "hosts are", "wall", "CPU", "peak RSS", "checks", "steps", "round trips", "exit"
    );
    let mut worst: f64 = 0.0;
    for state in [State::Converged, State::Bare] {
        *told.write().unwrap() = Answers::of(&inventory, state);
        for _ in 0..RUNS {
            let run = measure(&inventory, folder.path());
            let (peak, said) = (run.peak_kib * 1.024 / 1000.0, &run.events);
            let event = |kind: &str| said.iter().find(|event| event["type"] == kind).unwrap_or(&Value::Null);
            let steps = event("planned")["steps"].as_array().map_or(0, Vec::len);
            let name = format!("{state:?}").to_lowercase();
            println!(
                "{name:<10} {:>6.2} s {:>6.2} s {peak:>6.1} MB {:>7} {steps:>7} {:>11} {:>6}",
                run.wall.as_secs_f64(),
                run.cpu,
                event("observed")["checks"],
                format!("{} per host", event("finished")["roundTrips"]),
                event("finished")["exit"],
            );
            for found in said.iter().filter(|event| event["type"] == "found" && event["fatal"] == true).take(3) {
                println!("           found: {} {}", found["what"], found["cause"]);
            }
            // A host whose answers are out of date would be measured doing something else.
            let exit = if state == State::Converged { 0 } else { 10 };
            assert_eq!(event("finished")["exit"], exit, "{name} hosts: {:?}", event("planned"));
            worst = worst.max(peak);
        }
    }
    let verdict = if worst < LIMIT { "within" } else { "OVER" };
    println!("memory: at most {worst:.1} MB, {verdict} the limit of {LIMIT} MB for 200 hosts");
}

/// One server per host, each with an address of its own as the inventory demands, all with the same login.
fn start(hosts: usize, told: &Arc<RwLock<Answers>>) -> Vec<(String, Ipv4Addr, RunningServer)> {
    let login = new_key();
    let one = |number: usize| {
        let name = match number {
            0..CONTROL_PLANES => format!("cp{}", number + 1),
            _ => format!("w{}", number + 1 - CONTROL_PLANES),
        };
        let address = Ipv4Addr::new(127, 1, (number / 250) as u8, (number % 250 + 1) as u8);
        let (told, of) = (Arc::clone(told), name.clone());
        // The program is read to its end, as by a host, and not run: what it would print is known.
        let answer = move |_: &str, _: Vec<u8>| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
            Reply::ok(format!("\x1eclock {now}\n{}\x1eanswered\n", told.read().unwrap().frames(&of)))
        };
        let server = SshServer::new().address(address).user_key(login.clone()).answer(answer).start();
        (name, address, server)
    };
    (0..hosts).map(one).collect()
}

fn write_inventory(path: &Path, fleet: &[(String, Ipv4Addr, RunningServer)]) {
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preflight/fixtures/packages.asc");
    let mut text = format!(
        "cluster: {{name: fleet, kubernetes: \"1.36\", endpoint: \"api.fleet.example:6443\", podSubnet: 10.240.0.0/12}}\n\
         ssh: {{user: ops, identityFile: {identity}, knownHosts: known_hosts}}\n\
         cni: {{provider: none}}\n\
         addons: {{kubeletCsrApprover: {{enabled: false}}, metricsServer: {{enabled: false}}, falco: {{enabled: false}}}}\n\
         sources:\n  kubernetesPackages: {{url: \"http://packages.example/deb/\", key: {key}}}\n  \
         containerdPackages: {{url: \"http://packages.example/containerd\", key: {key}}}\n\
         hosts:\n",
        identity = fleet[0].2.identity_file().display(),
        key = key.display()
    );
    let mut known_hosts = String::new();
    for (name, address, server) in fleet {
        let role = if name.starts_with("cp") { "control-plane" } else { "worker" };
        let port = server.port();
        let _ = writeln!(text, "  {name}: {{address: {address}, roles: [{role}], ssh: {{port: {port}}}}}");
        known_hosts.push_str(&server.known_hosts_line());
    }
    fs::write(path, text).unwrap();
    fs::write(path.with_file_name("known_hosts"), known_hosts).unwrap();
}

struct Measured {
    wall: Duration,
    cpu: f64,
    peak_kib: f64,
    events: Vec<Value>,
}

/// The kernel keeps the high-water mark itself; it is gone with the process, so it is read all the time.
fn measure(inventory: &Path, folder: &Path) -> Measured {
    let out = folder.join("events");
    let begin = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_forge"))
        .arg("plan")
        .arg(inventory)
        .arg("--json")
        .env_remove("SSH_AUTH_SOCK")
        .env("XDG_STATE_HOME", folder)
        .stdin(Stdio::null())
        .stdout(File::create(&out).unwrap())
        .spawn()
        .unwrap();
    let (mut peak_kib, mut cpu) = (0.0, 0.0);
    while child.try_wait().unwrap().is_none() {
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap_or_default();
        let mark = read("status")
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        peak_kib = mark.unwrap_or(peak_kib);
        // After the name in parentheses: state, then the 14th and 15th of all fields are the time used, in 1/100 s.
        let stat = read("stat");
        let fields: Vec<f64> = stat.rsplit_once(") ").map_or_else(Vec::new, |(_, rest)| {
            rest.split(' ').map(|field| field.trim().parse().unwrap_or(0.0)).collect()
        });
        cpu = fields.get(11..13).map_or(cpu, |used| (used[0] + used[1]) / 100.0);
        sleep(Duration::from_millis(2));
    }
    let wall = begin.elapsed();
    let events = fs::read_to_string(out).unwrap().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Measured { wall, cpu, peak_kib, events }
}
