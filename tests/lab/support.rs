//! The lab and forge as a person uses them: commands, their output and their exit codes.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The project's folder.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lab's inventory.
pub(crate) fn inventory() -> PathBuf {
    project().join("lab/inventory.yaml")
}

/// Makes bare hosts.
pub(crate) fn bare_hosts(control_planes: usize, workers: usize) {
    let counts = [control_planes.to_string(), workers.to_string()];
    let status = Command::new(project().join("lab/hosts"))
        .args(["--control-planes", &counts[0], "--workers", &counts[1]])
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "lab/hosts failed");
}

/// Runs a command on a host as root, on a way in that does not use forge; it has to succeed.
pub(crate) fn on(host: &str, command: &str) -> String {
    let output = try_on(host, command);
    assert!(output.status.success(), "{host}: {command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same with something to read, which no command line and no log shows.
pub(crate) fn on_with_input(host: &str, command: &str, input: &str) -> String {
    let quoted = format!("sudo sh -c '{}'", command.replace('\'', r"'\''"));
    let mut ssh = Command::new(project().join("lab/ssh"));
    let mut child = ssh.arg(host).arg(quoted).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{host}: {command}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same, whatever it ends with.
pub(crate) fn try_on(host: &str, command: &str) -> Output {
    let quoted = format!("sudo sh -c '{}'", command.replace('\'', r"'\''"));
    Command::new(project().join("lab/ssh")).arg(host).arg(quoted).stdin(Stdio::null()).output().unwrap()
}

/// The cluster that the tests before have left, when it is as the inventory says; otherwise a new one.
pub(crate) fn some_cluster() {
    if inventory().exists() && plan().code == 0 {
        return;
    }
    bare_hosts(1, 1);
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
}

/// kubectl on the first control plane.
pub(crate) fn kubectl(words: &str) -> String {
    on("cp1", &format!("kubectl --kubeconfig=/etc/kubernetes/admin.conf {words}"))
}

/// forge with these words; nobody sits before it.
pub(crate) fn forge(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forge"));
    command.args(words).stdin(Stdio::null()).env_remove("SSH_AUTH_SOCK");
    command
}

/// A command of forge's that changes the lab's cluster, with these words and unasked; its journals in a folder.
pub(crate) fn changing(command: &[&str], words: &[&str], journals: &Path) -> Command {
    let inventory = inventory();
    let mut command = forge(&[command, &[inventory.to_str().unwrap(), "--yes", "--json"], words].concat());
    command.env("XDG_STATE_HOME", journals);
    command
}

/// What forge said and how it ended.
pub(crate) struct Said {
    /// Exit code.
    pub(crate) code: i32,
    /// Events of `--json`.
    pub(crate) events: Vec<Value>,
    /// For people.
    pub(crate) stderr: String,
}

impl Said {
    /// From what a process wrote.
    pub(crate) fn of_output(output: Output) -> Self {
        let lines = String::from_utf8(output.stdout).unwrap();
        let events = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { code: output.status.code().unwrap(), events, stderr: String::from_utf8(output.stderr).unwrap() }
    }

    /// Events of one type.
    pub(crate) fn of(&self, kind: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["type"] == kind).collect()
    }

    /// The summaries of all planned changes.
    pub(crate) fn planned(&self) -> Vec<String> {
        let steps = self.of("planned").into_iter().flat_map(|event| event["steps"].as_array().unwrap());
        let changes =
            steps.flat_map(|step| step["changes"].as_array().unwrap().iter().map(move |change| (step, change)));
        changes.map(|(step, change)| format!("{}: {}", text(&step["host"]), text(&change["summary"]))).collect()
    }

    /// The last event.
    pub(crate) fn finished(&self) -> &Value {
        self.of("finished")[0]
    }

    /// What was found wrong: each finding's words, cause and advice in one line.
    pub(crate) fn found(&self) -> Vec<String> {
        let fatal = self.of("found").into_iter().filter(|event| event["fatal"] == true);
        fatal
            .map(|event| format!("{} | {} | {}", text(&event["what"]), text(&event["cause"]), text(&event["next"])))
            .collect()
    }

    /// Everything, for a failed assertion.
    pub(crate) fn all(&self) -> String {
        let events: Vec<String> = self.events.iter().map(Value::to_string).collect();
        format!("exit {}\n{}\n{}", self.code, self.stderr, events.join("\n"))
    }
}

/// A string without its quotes.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Runs forge to its end.
pub(crate) fn run(words: &[&str]) -> Said {
    Said::of_output(forge(words).output().unwrap())
}

/// `forge up --yes --json` on the lab.
pub(crate) fn up() -> Said {
    run(&["up", inventory().to_str().unwrap(), "--yes", "--json"])
}

/// `forge plan --json` on the lab.
pub(crate) fn plan() -> Said {
    run(&["plan", inventory().to_str().unwrap(), "--json"])
}

/// The lab's inventory with changes, in a file of its own.
pub(crate) struct Changed(tempfile::TempDir);

impl Changed {
    /// Each of `replacements` has to hit something.
    pub(crate) fn by(replacements: &[(&str, &str)]) -> Self {
        let lab = project().join("lab");
        let absolute = |key: &str, path: &str| (format!("{key}: {path}"), format!("{key}: {}/{path}", lab.display()));
        let paths = [("identityFile", ".ssh"), ("knownHosts", "known_hosts"), ("path", "manifests"), ("key", "keys")];
        let paths = paths.map(|(key, path)| absolute(key, path));
        let mut text = std::fs::read_to_string(inventory()).unwrap();
        let all = paths.iter().map(|(from, to)| (from.as_str(), to.as_str())).chain(replacements.iter().copied());
        for (from, to) in all {
            assert!(text.contains(from), "{from} is not in the inventory");
            text = text.replace(from, to);
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("inventory.yaml"), text).unwrap();
        Self(folder)
    }

    /// Puts another file beside it.
    pub(crate) fn with(self, name: &str, text: &str) -> Self {
        std::fs::write(self.0.path().join(name), text).unwrap();
        self
    }

    /// Where it is.
    pub(crate) fn inventory(&self) -> PathBuf {
        self.0.path().join("inventory.yaml")
    }

    /// `forge plan --json` with it.
    pub(crate) fn plan(&self) -> Said {
        self.run("plan", &["--json"])
    }

    /// `forge up --yes --json` with it.
    pub(crate) fn up(&self) -> Said {
        self.run("up", &["--yes", "--json"])
    }

    /// A command with it.
    pub(crate) fn run(&self, command: &str, words: &[&str]) -> Said {
        run(&[&[command, self.inventory().to_str().unwrap()], words].concat())
    }
}

/// A container has no file system for eBPF before the machine gives it one.
pub(crate) fn with_bpf(hosts: &[&str]) {
    for host in hosts {
        on(
            host,
            "[ \"$(stat -f -c %T /sys/fs/bpf 2>/dev/null)\" = bpf_fs ] || \
             { mount -o remount,rw /sys; mkdir -p /sys/fs/bpf; mount -t bpf bpf /sys/fs/bpf; }",
        );
    }
}

/// The control planes of a lab that has three.
pub(crate) const CONTROL_PLANES: [&str; 3] = ["cp1", "cp2", "cp3"];

/// All nodes of such a lab.
pub(crate) const NODES: [&str; 4] = ["cp1", "cp2", "cp3", "w1"];

/// A step's host and name.
pub(crate) type StepName = (String, String);

/// What a run that was watched did.
pub(crate) struct Watched {
    /// The steps of its plan.
    pub(crate) planned: BTreeSet<StepName>,
    /// The steps that were running when it was killed; empty when it ended by itself.
    pub(crate) killed: BTreeSet<StepName>,
}

/// Runs `forge up` and kills it, as nothing can be caught, at the first step that `kill` picks when it begins.
pub(crate) fn up_until(kill: impl Fn(&StepName) -> bool) -> Watched {
    up_until_event("step-started", kill)
}

/// The same for the first event of a type that `kill` picks by its step: `step-output` comes from a script that runs.
pub(crate) fn up_until_event(kind: &str, kill: impl Fn(&StepName) -> bool) -> Watched {
    up_of_until_event(&inventory(), kind, kill)
}

/// The same with another inventory.
pub(crate) fn up_of_until_event(inventory: &Path, kind: &str, kill: impl Fn(&StepName) -> bool) -> Watched {
    run_until(&["up", inventory.to_str().unwrap(), "--yes", "--json"], kind, kill)
}

/// The same for any command.
pub(crate) fn run_until(words: &[&str], kind: &str, kill: impl Fn(&StepName) -> bool) -> Watched {
    until_event(forge(words), kind, kill)
}

/// The same for a command with a machine of its own to write to.
pub(crate) fn until_event(mut command: Command, kind: &str, kill: impl Fn(&StepName) -> bool) -> Watched {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut complaints = child.stderr.take().unwrap();
    let mut watched = Watched { planned: BTreeSet::new(), killed: BTreeSet::new() };
    let mut running = BTreeSet::new();
    let name = |event: &Value| (text(&event["host"]).to_owned(), text(&event["step"]).to_owned());
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        match text(&event["type"]) {
            "planned" => watched.planned = event["steps"].as_array().unwrap().iter().map(name).collect(),
            "step-finished" => drop(running.remove(&name(&event))),
            "step-started" => drop(running.insert(name(&event))),
            _ => {}
        }
        if event["type"] == kind && kill(&name(&event)) {
            child.kill().unwrap();
            child.wait().unwrap();
            watched.killed = running;
            return watched;
        }
    }
    let status = child.wait().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut complaints, &mut said).unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    watched
}

/// Runs a command to its end; `what` happens when the first step that `when` picks begins, and forge goes on.
pub(crate) fn meanwhile(mut command: Command, when: impl Fn(&StepName) -> bool, what: impl FnOnce()) -> Said {
    let mut what = Some(what);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        let step = (text(&event["host"]).to_owned(), text(&event["step"]).to_owned());
        if event["type"] == "step-started" && when(&step) {
            what.take().into_iter().for_each(|what| what());
        }
        lines += &(line + "\n");
    }
    let mut output = child.wait_with_output().unwrap();
    output.stdout = lines.into_bytes();
    let said = Said::of_output(output);
    assert!(what.is_none(), "no such step began: {}", said.all());
    said
}

/// Waits until it is so, for three minutes at most.
pub(crate) fn wait_until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !is() {
        assert!(Instant::now() < deadline, "{what}: not within three minutes");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Cuts a host's power, or gives it back.
pub(crate) fn power(host: &str, what: &str) {
    let status =
        Command::new(project().join("lab/host-power")).args([host, what]).stdin(Stdio::null()).status().unwrap();
    assert!(status.success());
}

/// Every row of the evidence table has passed, and there is one.
pub(crate) fn assert_evidence(said: &Said) {
    let evidence = said.of("evidence");
    assert!(evidence.len() >= 7, "{}", said.all());
    for row in evidence {
        assert_eq!(row["passed"], true, "{}", said.all());
    }
}

/// A second `up` finds nothing to do, in at most two round trips per host, and neither does `plan`.
pub(crate) fn assert_converged() {
    let again = up();
    assert_eq!(again.code, 0, "{}", again.all());
    assert_eq!(again.planned(), Vec::<String>::new());
    assert_eq!(again.finished()["changed"], 0);
    assert!(again.finished()["roundTrips"].as_u64().unwrap() <= 2, "{}", again.all());
    let plan = plan();
    assert_eq!(plan.code, 0, "{}", plan.all());
}
