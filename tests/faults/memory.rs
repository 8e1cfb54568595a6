//! What a fake host remembers of the scripts that it was given, and answers when it is asked again.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::fake_host::Request;

/// The state of a machine, as far as scripts changed it.
#[derive(Default)]
pub struct Memory {
    files: BTreeMap<String, (String, Vec<u8>)>,
    answers: BTreeMap<String, String>,
    /// The pin of the archive that a program is being unpacked from.
    pin: String,
}

impl Memory {
    /// Does what the scripts say: each kind of line is what one kind of resource writes.
    pub fn takes(&mut self, request: &Request) {
        for (number, part) in request.parts().iter().enumerate() {
            for line in part.lines() {
                self.line(line, |name| request.files.get(&format!("part{number}/{name}")).cloned().unwrap_or_default());
            }
        }
    }

    fn line(&mut self, line: &str, file: impl Fn(&str) -> Vec<u8>) {
        let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches(['\'', '"', ';'])).collect();
        match words[..] {
            ["install", "-o", "root", "-g", "root", "-m", mode, name, path] => {
                let content = file(name.strip_prefix("$FORGE/").unwrap());
                self.files.insert(path.strip_suffix(".forge-new").unwrap().to_owned(), (mode.to_owned(), content));
            }
            ["mkdir", "-p", path, "chown", owner, _, "chmod", mode, _] => {
                self.now(format!("directory {path}"), format!("{mode} {owner}"));
            }
            ["modprobe", module] => self.now(format!("kernel module {module}"), module),
            ["said=$(sysctl", "-w", setting, ..] => {
                let (key, value) = setting.split_once('=').unwrap();
                self.now(format!("sysctl {key}"), value);
            }
            ["printf", _, name, ">/etc/hostname", ..] => self.now("hostname", format!("{name}\n{name}")),
            ["cat", name @ ("$FORGE/hosts" | "$FORGE/hosts-template"), into] => {
                let block = String::from_utf8(file(name.strip_prefix("$FORGE/").unwrap())).unwrap();
                let probe = match into.strip_prefix(">>").unwrap().strip_suffix(".forge-new").unwrap() {
                    "/etc/hosts" => "hosts entries".to_owned(),
                    other => format!("hosts entries in {other}"),
                };
                self.now(probe, block.trim());
            }
            ["getent", "group", name, ..] => self.now(format!("user {name}"), format!("{name}\n{name}")),
            ["for", "path", "in", one, other, "do"] if one.ends_with("kubelet.service") => {
                let lines =
                    [one, other].map(|path| format!("override root root 0600 {path}\nfile root root 600 {path}\n"));
                self.now("modes of packaged files", lines.concat().trim());
            }
            ["systemctl", "enable", "--quiet", name] => {
                self.now(format!("service {name}"), "ActiveState=active\nUnitFileState=enabled");
            }
            ["amd64)", _, sum, ..] => self.pin = sum.trim_start_matches("sum=").to_owned(),
            ["mv", _, folder] if folder.starts_with("/usr/local/lib/forge/") => {
                let name = folder.rsplit('/').next().unwrap().split('-').next().unwrap().to_owned();
                self.now(format!("program {folder}/{name}"), format!("755 root:root\n{}", self.pin));
            }
            ["when_unlocked", "apt-get", "-qq", "install", "$install", ref names @ ..] => {
                let installed = names.iter().map(|word| match word.trim_end_matches("-*").split_once('=') {
                    Some((name, version)) => format!("hi  {name} {version}-1.1\n{name}\n"),
                    None => format!("hi  {word} 2.3.6-1\n{word}\n"),
                });
                let installed: String = installed.collect();
                self.now("packages kubernetes", installed.trim());
            }
            ["nft", "--file", path] if !path.starts_with('$') => self.now("nftables table forge", "same"),
            ["systemctl", "try-restart", "ssh"] => self.now("sshd", String::from_utf8(file("sshd")).unwrap()),
            ["augenrules", "--load", ..] => self.now("audit rules", "18 18"),
            _ => {}
        }
    }

    fn now(&mut self, probe: impl Into<String>, answer: impl Into<String>) {
        self.answers.insert(probe.into(), answer.into());
    }

    /// What a probe with this shell prints.
    pub fn answer(&self, probe: &str, shell: &str) -> String {
        let file = probe.strip_prefix("file ").and_then(|path| self.files.get(path));
        match file {
            Some((mode, content)) if shell.contains("sha256sum") => {
                let sum: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{mode} root:root\n{sum}  -")
            }
            Some((mode, content)) => format!("{mode} root:root\n{}", STANDARD.encode(content)),
            None => self.answers.get(probe).cloned().unwrap_or_default(),
        }
    }
}
