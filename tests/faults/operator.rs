//! Whoever types the command: a folder with an inventory, and the program itself.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::fake_host::Machine;

/// A folder with `inventory.yaml` and `known_hosts`.
pub struct Operator {
    folder: TempDir,
    /// What is replaced in outputs, and by what.
    names: Vec<(String, String)>,
}

/// What the program left behind.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Add-ons have tests of their own.
pub const NO_ADDONS: &str =
    "addons: {kubeletCsrApprover: {enabled: false}, metricsServer: {enabled: false}, falco: {enabled: false}}";

impl Operator {
    /// Someone with an inventory of these machines who trusts none of them.
    pub fn of(machines: &[&Machine]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/preflight/fixtures/packages.asc");
        let mut inventory = String::from("cluster: {name: prod, kubernetes: \"1.36\"}\nhosts:\n");
        let mut names = vec![(folder.path().display().to_string(), "FOLDER".to_owned())];
        for Machine { name, role, server, .. } in machines {
            let identity = folder.path().join(format!("key-of-{name}"));
            std::fs::copy(server.identity_file(), &identity).unwrap();
            let (address, port) = (server.address(), server.port());
            let ssh = format!("{{port: {port}, identityFile: {}}}", identity.display());
            writeln!(inventory, "  {name}: {{address: {address}, roles: [{role}], ssh: {ssh}}}").unwrap();
            names.push((server.fingerprint(), format!("SHA256:KEY-OF-{name}")));
            names.push((port.to_string(), format!("PORT-OF-{name}")));
        }
        writeln!(
            inventory,
            "ssh: {{user: root}}\ncni: {{provider: none}}\n{NO_ADDONS}\nsources:\n  \
             kubernetesPackages: {{url: 'http://127.0.0.1:9/v{{minor}}', key: {key}}}\n  \
             containerdPackages: {{url: 'http://127.0.0.1:9/containerd', key: {key}}}"
        )
        .unwrap();
        std::fs::write(folder.path().join("inventory.yaml"), inventory).unwrap();
        Self { folder, names }
    }

    /// The same, who trusts all of them.
    pub fn trusting(machines: &[&Machine]) -> Self {
        let operator = Self::of(machines);
        let lines: String = machines.iter().map(|machine| machine.server.known_hosts_line()).collect();
        std::fs::write(operator.known_hosts(), lines).unwrap();
        operator
    }

    /// Wants neither sshd nor the firewall changed: they go on beside everything else.
    pub fn in_order(self) -> Self {
        self.edit(
            "ssh: {user: root}",
            "ssh: {user: root}\nsecurity: {sshd: {enabled: false}, firewall: {enabled: false}}",
        )
    }

    /// Logs in to all of them with this name.
    pub fn user(self, name: &str) -> Self {
        self.edit("ssh: {user: root}", &format!("ssh: {{user: {name}}}"))
    }

    /// Changes the inventory.
    pub fn edit(self, old: &str, new: &str) -> Self {
        let path = self.path("inventory.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(path, text.replace(old, new)).unwrap();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.path("known_hosts")
    }

    /// The journals of all runs.
    pub fn journals(&self) -> String {
        let folder = self.path("state/forge/prod");
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forge"));
        let (verb, rest) = arguments.split_first().unwrap();
        command.args(verb.split(' ')).arg(self.path("inventory.yaml")).args(rest);
        command.env_remove("SSH_AUTH_SOCK").env("HOME", self.folder.path()).env("USER", "somebody");
        command.env("XDG_STATE_HOME", self.path("state"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Begins the program with `inventory.yaml` behind the first argument, which may be two words (`certs renew`).
    pub fn begins(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Runs it to its end, without a terminal.
    pub fn forge(&self, arguments: &[&str]) -> Outcome {
        self.ends(self.begins(arguments))
    }

    /// The same with this on its standard input.
    pub fn forge_fed(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        self.ends(child)
    }

    /// Waits for it. Folders, ports and fingerprints, which differ from run to run, are replaced in what people read.
    pub fn ends(&self, child: Child) -> Outcome {
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let stderr = self.names.iter().fold(text(output.stderr), |text, (value, name)| text.replace(value, name));
        Outcome { code: output.status.code(), stdout: text(output.stdout), stderr }
    }
}

impl Outcome {
    /// The exit code and the errors at the end, as a person reads them.
    pub fn errors(&self) -> String {
        let errors = self.stderr.find("error:").map_or("no errors", |start| &self.stderr[start..]);
        format!("exit {}\n{}", self.code.unwrap_or(-1), errors.trim_end())
    }

    /// Standard output, where every line must be JSON.
    pub fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last event.
    pub fn finished(&self) -> Value {
        self.events().pop().unwrap()
    }

    /// How each step ended: `cp1 swap: done`.
    pub fn steps(&self) -> Vec<String> {
        let of = |event: &Value| {
            let word = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let because = event["outcome"]["because"].as_str().map_or(String::new(), |why| format!(" ({why})"));
            format!("{} {}: {}{because}", word("host"), word("step"), event["outcome"]["outcome"].as_str().unwrap())
        };
        self.events().iter().filter(|event| event["type"] == "step-finished").map(of).collect()
    }
}
