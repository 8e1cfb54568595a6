//! A machine that is only its answers: it reads what forge sends as a real one would, and replies from a table.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::memory::Memory;
use crate::support::ssh_server::{Reply, RunningServer, SshServer};

/// What forge sent in one exec: the program, and the files that came with it.
#[derive(Clone, Debug)]
pub struct Request {
    pub program: String,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Request {
    /// From the command and its input so far; `None` while there is more to come.
    fn read(command: &str, input: &[u8]) -> Option<Self> {
        let size: usize = command.split("head -c ").nth(1)?.split(' ').next()?.parse().unwrap();
        // sudo takes the first line for itself.
        let skipped =
            if command.contains("sudo -k -S") { input.iter().position(|byte| *byte == b'\n')? + 1 } else { 0 };
        let mut archive = tar::Archive::new(input.get(skipped..skipped + size)?);
        let mut files = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let (name, mut content) = (entry.path().unwrap().display().to_string(), Vec::new());
            entry.read_to_end(&mut content).unwrap();
            files.insert(name, content);
        }
        let program = String::from_utf8(files.remove("run").unwrap()).unwrap();
        Some(Self { program, files })
    }

    /// The shell of each part of a unit's program.
    pub fn parts(&self) -> Vec<String> {
        let body = self.files.get("body").map_or("", |body| std::str::from_utf8(body).unwrap());
        body.split("\nframe begin ").skip(1).map(str::to_owned).collect()
    }

    /// What each frame of the answer begins with.
    fn mark(&self) -> String {
        let body = self.files.get("body").map_or(&[][..], Vec::as_slice);
        let text = self.program.clone() + std::str::from_utf8(body).unwrap();
        let tag = text.split("printf '\\036").nth(1).and_then(|rest| rest.split(' ').next());
        format!("\x1e{} ", tag.unwrap_or_default())
    }
}

/// How it behaves; every method but [`FakeHost::start`] changes one thing.
pub struct FakeHost {
    pub name: &'static str,
    role: &'static str,
    server: SshServer,
    table: Table,
}

#[derive(Default)]
struct Table {
    answers: Mutex<BTreeMap<String, String>>,
    memory: Mutex<Memory>,
    values: BTreeMap<String, String>,
    fails: Option<(String, String)>,
    cuts: Option<String>,
    held: Option<Held>,
    asks_password: bool,
    shuts_out: bool,
    garbles: Option<fn(&str) -> String>,
}

/// A script that holds: says when it runs, and is told whether it goes on (`true`) or was stopped.
struct Held {
    running: Sender<()>,
    going: Mutex<Receiver<bool>>,
    stop: Sender<bool>,
}

const SYSTEM: &str = "distribution debian\nrelease \"12\"\ncodename bookworm\n\
    pretty-name \"Debian GNU/Linux 12 (bookworm)\"\nkernel 6.1.0-40-amd64\narchitecture amd64\ninit systemd\ncpus 2\n\
    memory 1953\nhostname debian\nmachine-id id-of-NAME\ncgroup cgroup2fs\nkmsg there\nsysctls writable";

/// What it says of itself.
pub fn system(name: &str) -> String {
    SYSTEM.replace("NAME", name)
}

const OFFERS: &str = "updated\noffers kubeadm 1.36.3-1.1\noffers kubelet 1.36.3-1.1\noffers kubectl 1.36.3-1.1";

/// The certificate of the fake cluster's CA.
pub const CA: &str = include_str!("../fixtures/certificates/ca.pem");

impl FakeHost {
    /// A freshly installed Debian 12 that forge may log in to as root.
    fn bare(name: &'static str, role: &'static str, last: u8) -> Self {
        let server = SshServer::new().user("root").address(Ipv4Addr::new(127, 0, 0, last));
        let host = Self { name, role, server, table: Table::default() };
        host.says("preflight system", &system(name))
            .says("preflight disk", "/ 20000000")
            .says("preflight identity", &format!("mac 52:54:00:00:00:{last:02x}"))
            .says("preflight source kubernetes", OFFERS)
            .says("preflight source containerd", "updated\noffers containerd.io 2.3.6-1~debian.12~bookworm")
    }

    /// The first control plane, on 127.0.0.2.
    pub fn cp1() -> Self {
        Self::bare("cp1", "control-plane", 2)
    }

    /// A worker, on 127.0.0.3.
    pub fn w1() -> Self {
        Self::bare("w1", "worker", 3)
    }

    /// Another worker, on 127.0.0.4.
    pub fn w2() -> Self {
        Self::bare("w2", "worker", 4)
    }

    /// A first control plane whose scripts all succeed and whose cluster, of cp1 and w1, is as it should be.
    pub fn obedient(self) -> Self {
        self.emits("ca", CA)
            .emits("served", "yes\n")
            .emits("nodes", "cp1 True v1.36.3\nw1 True v1.36.3\n")
            .emits("pods", "cp1 0\nw1 0\n")
            .emits("etcd", "k8s:enc:secretbox:v1:key-1:\u{1}\u{2}")
            .emits("audit", r#"{"level":"Metadata","verb":"create"}"#)
            .emits("anonymous", "cp1\tE: Failed to fetch https://127.0.0.2:6443/api  401  Unauthorized\tok\n")
            .emits("members", r#"[{"endpoint":"https://127.0.0.2:2379","health":true}]"#)
            .emits("certificates", r#"{"certificates":[{"residualTime":31535999}]}"#)
    }

    /// Replaces what a probe prints.
    pub fn says(mut self, probe: &str, answer: &str) -> Self {
        self.table.answers.get_mut().unwrap().insert(probe.to_owned(), answer.to_owned());
        self
    }

    /// What a script hands back when it emits this.
    pub fn emits(mut self, name: &str, value: impl Into<String>) -> Self {
        self.table.values.insert(name.to_owned(), value.into());
        self
    }

    /// The part of a script that has `text` in it prints `output` and fails.
    pub fn fails(mut self, text: &str, output: &str) -> Self {
        self.table.fails = Some((text.to_owned(), output.to_owned()));
        self
    }

    /// Loses its network when a script with `text` in it begins.
    pub fn loses_network_at(mut self, text: &str) -> Self {
        self.table.cuts = Some(text.to_owned());
        self
    }

    /// Stops in its first script until it is told to go on; see [`Hold`].
    pub fn holds(mut self) -> (Self, Hold) {
        let (running, runs) = channel();
        let (goes_on, going) = channel();
        self.table.held = Some(Held { running, going: Mutex::new(going), stop: goes_on.clone() });
        (self, Hold { runs, goes_on })
    }

    /// Wants the login to be `ops`, whose sudo asks for the password `swordfish`.
    pub fn asks_for_a_sudo_password(mut self) -> Self {
        self.server = self.server.user("ops");
        self.table.asks_password = true;
        self
    }

    /// Runs nothing for whoever comes to see whether there is still a way in.
    pub fn shuts_everybody_out(mut self) -> Self {
        self.table.shuts_out = true;
        self
    }

    /// What its scripts say comes out like this.
    pub fn garbles(mut self, said: fn(&str) -> String) -> Self {
        self.table.garbles = Some(said);
        self
    }

    /// Changes the SSH server.
    pub fn but(mut self, change: impl FnOnce(SshServer) -> SshServer) -> Self {
        self.server = change(self.server);
        self
    }

    /// Runs without any table: commands go to the real shell, as the login `ops`, with these programs first.
    pub fn with_a_real_shell(self, programs: &Path) -> Machine {
        let server = self.server.user("ops").shell(programs).start();
        Machine { name: self.name, role: self.role, server, requests: Arc::default(), table: Arc::default() }
    }

    /// Runs.
    pub fn start(self) -> Machine {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let table = Arc::new(self.table);
        let (log, behaviour) = (Arc::clone(&requests), Arc::clone(&table));
        let server = self.server.converses(move |command, input| {
            if command == "true" {
                return Some(if behaviour.shuts_out { Reply::failed(1, "") } else { Reply::ok("") });
            }
            if let Some(refusal) = behaviour.sudo(command, input) {
                return Some(refusal);
            }
            let request = Request::read(command, input)?;
            log.lock().unwrap().push(request.clone());
            let mut reply = behaviour.reply(&request);
            if let Some(garbles) = behaviour.garbles {
                reply.stdout = garbles(std::str::from_utf8(&reply.stdout).unwrap()).into_bytes();
            }
            Some(reply)
        });
        Machine { name: self.name, role: self.role, server: server.start(), requests, table }
    }
}

impl Table {
    fn sudo(&self, command: &str, input: &[u8]) -> Option<Reply> {
        if command == "sudo -k -n true" {
            return Some(if self.asks_password { Reply::failed(1, "") } else { Reply::ok("") });
        }
        if !self.asks_password {
            return None;
        }
        if command.starts_with("sudo -n ") {
            return Some(Reply::failed(1, "sudo: a password is required\n"));
        }
        let line = input.iter().position(|byte| *byte == b'\n')?;
        (&input[..line] != b"swordfish")
            .then(|| Reply::failed(1, "sudo: no password was provided\nsudo: 1 incorrect password attempt\n"))
    }

    fn reply(&self, request: &Request) -> Reply {
        let script = request.program.clone() + &request.parts().concat();
        if self.cuts.as_ref().is_some_and(|text| script.contains(text.as_str())) {
            return Reply::cut();
        }
        if request.program.contains("frame answered") {
            return Reply::ok(self.facts(&request.program).replace('\x1e', &request.mark()));
        }
        let (parts, mark) = (request.parts(), request.mark());
        self.memory.lock().unwrap().takes(request);
        match &self.held {
            Some(held) if request.program.starts_with("systemctl stop ") => held.stop.send(false).unwrap(),
            Some(held) if !parts.is_empty() => {
                held.running.send(()).unwrap();
                let goes_on = held.going.lock().unwrap().recv().unwrap();
                // As a host does when forge has given its lock back, or when systemd stops the unit.
                let said = if goes_on { self.unit(&parts[..1]) + "\x1estopped\n" } else { "\x1ebegin 0\n".to_owned() };
                return Reply::ok(said.replace('\x1e', &mark));
            }
            _ => {}
        }
        Reply::ok(self.unit(&parts).replace('\x1e', &mark))
    }

    fn facts(&self, program: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let (answers, memory) = (self.answers.lock().unwrap(), self.memory.lock().unwrap());
        let mut given = BTreeMap::new();
        for probe in program.split("\n(\n: ").skip(1) {
            let (key, shell) = probe.split_once('\n').unwrap();
            let key = key.trim_matches('\'');
            let number = shell.split("\n) >\"$FORGE/answers/").nth(1).unwrap().split('"').next().unwrap();
            let answer = answers.get(key).cloned().unwrap_or_else(|| memory.answer(key, shell));
            given.insert(number.parse::<usize>().unwrap(), answer);
        }
        let mut all: String = given.iter().map(|(number, answer)| format!("{} {number}\n", answer.len())).collect();
        if given.len() > 1 {
            all += &format!("{} total\n", given.values().map(String::len).sum::<usize>());
        }
        all.extend(given.into_values());
        format!("\x1eclock {now}\n\x1elooking\n\x1eanswers {}\n\x1eanswered\n", STANDARD.encode(all))
    }

    fn unit(&self, parts: &[String]) -> String {
        let mut said = String::new();
        for (number, part) in parts.iter().enumerate() {
            said += &format!("\x1ebegin {number}\n");
            if let Some((_, output)) = self.fails.as_ref().filter(|(text, _)| part.contains(text.as_str())) {
                return said + &format!("{output}\n\x1eend {number} 1\n");
            }
            let in_turn = part.split("for seen in ").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or_default();
            let emits = |name: &str| {
                part.contains(&format!("emit {name}")) || in_turn.split(' ').any(|emitted| emitted == name)
            };
            for (name, value) in self.values.iter().filter(|(name, _)| emits(name)) {
                said += &format!("\x1evalue {number} {name} {}\n", STANDARD.encode(value));
            }
            said += &format!("\x1eend {number} 0\n");
        }
        said
    }
}

/// The other end of a host that holds in its first script.
pub struct Hold {
    runs: Receiver<()>,
    goes_on: Sender<bool>,
}

impl Hold {
    /// Returns when the script runs.
    pub fn runs(&self) {
        self.runs.recv().unwrap();
    }

    /// Lets it come to its end.
    pub fn goes_on(self) {
        self.goes_on.send(true).unwrap();
    }
}

/// A fake host that runs.
pub struct Machine {
    pub name: &'static str,
    pub role: &'static str,
    pub server: RunningServer,
    requests: Arc<Mutex<Vec<Request>>>,
    table: Arc<Table>,
}

impl Machine {
    /// From now on a probe prints this.
    pub fn says(&self, probe: &str, answer: &str) {
        self.table.answers.lock().unwrap().insert(probe.to_owned(), answer.to_owned());
    }

    /// What a probe prints now.
    pub fn said(&self, probe: &str) -> String {
        self.table.answers.lock().unwrap()[probe].clone()
    }

    /// Everything that was understood so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The requests that change something.
    pub fn changes(&self) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.files.contains_key("body")).collect()
    }
}
