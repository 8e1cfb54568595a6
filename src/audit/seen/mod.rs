//! What an audit asks, and what it understood of the answers: one file per kind of evidence, with the shell that shows it and
//! the reader of what that printed. Nothing here is written to a host or judged.

pub mod api;
pub mod certificates;
pub mod documents;
pub mod files;
pub mod programs;
pub mod proofs;
pub mod system;

use std::collections::BTreeMap;

use crate::host::Observed;
use crate::host::facts::Probe;
use crate::inventory::NodeName;
use crate::inventory::cluster::{Cluster, Host};
use crate::render::{RenderError, Templates};

/// Everything that was seen on one host.
pub struct Node<'a> {
    /// Which.
    pub host: &'a Host,
    /// Owners and modes.
    pub files: Vec<files::File>,
    /// The programs that run, and their manifests.
    pub programs: programs::Programs,
    /// The files that programs read.
    pub documents: documents::Documents,
    /// Certificates.
    pub certificates: Vec<certificates::Seen>,
    /// The operating system.
    pub system: system::System,
    /// What live questions were answered.
    pub proofs: proofs::Proofs,
    /// The host's clock minus the operator's, in seconds.
    pub clock_offset: f64,
}

/// Everything that was seen.
pub struct Whole<'a> {
    /// What is wanted; only for names of hosts and namespaces that are exempt.
    pub cluster: &'a Cluster,
    /// The hosts that answered, in the order of the inventory.
    pub nodes: Vec<Node<'a>>,
    /// What the first API server that answered told, and on which host.
    pub api: Option<(&'a NodeName, api::Api)>,
}

/// What one host is asked. `earlier` are control planes before this one that are asked too: when one of them answers, this one
/// is spared the questions about the whole cluster.
///
/// # Errors
/// The template of the pods that are tried does not render.
pub fn probes(host: &Host, earlier: &[&Host], templates: &Templates) -> Result<Vec<Probe>, RenderError> {
    let mut probes = vec![files::probe(), programs::probe(), documents::probe(), certificates::probe()];
    probes.extend(system::probes());
    probes.push(proofs::of_node(host));
    if host.is_control_plane() {
        probes.push(programs::manifests());
        probes.extend(proofs::of_control_plane());
        probes.extend(api::probes(earlier, templates)?);
    }
    Ok(probes)
}

impl<'a> Node<'a> {
    /// Reads a host's answers.
    pub fn read(host: &'a Host, observed: &Observed) -> Self {
        Self {
            host,
            files: files::read(observed),
            programs: programs::read(observed),
            documents: documents::read(observed),
            certificates: certificates::read(observed),
            system: system::read(observed),
            proofs: proofs::read(observed),
            clock_offset: observed.clock_offset,
        }
    }
}

impl<'a> Whole<'a> {
    /// Reads all answers.
    pub fn read(cluster: &'a Cluster, answers: &BTreeMap<NodeName, Observed>) -> Self {
        let answered = || cluster.hosts.iter().filter_map(|host| Some((host, answers.get(&host.name)?)));
        let api = answered().find_map(|(host, observed)| Some((&host.name, api::read(observed)?)));
        Self { cluster, nodes: answered().map(|(host, observed)| Node::read(host, observed)).collect(), api }
    }

    /// The control planes that answered.
    pub fn control_planes(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(|node| node.host.is_control_plane())
    }
}

/// Shell that defines `arguments NAME`, which prints the arguments of the process of that name, a line each, and `option NAME
/// FLAG`, which prints a flag's value: the running process's, else the manifest's.
///
/// The process is told by its first argument: `/proc/PID/comm` is cut off after 15 characters.
pub(super) const ARGUMENTS: &str = r#"arguments() {
grep -lzxE "([^ ]*/)?$1" /proc/[0-9]*/cmdline | while read -r file; do
all=$(tr '\000' '\n' <"$file")
first=$(printf '%s\n' "$all" | head -n 1)
if [ "${first##*/}" = "$1" ]; then printf '%s\n' "$all"; break; fi
done
}
option() {
found=$(arguments "$1" | sed -n "s/^--$2=//p" | tail -n 1)
[ -n "$found" ] || found=$(sed -n "s/^ *- *--$2=//p" "/etc/kubernetes/manifests/$1.yaml" | tail -n 1)
printf '%s\n' "$found"
}"#;

/// Cuts a text at lines `=== TITLE`, which [`SECTION`] prints.
pub(super) fn sections(text: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("=== ") {
            Some(title) => found.push((title, String::new())),
            None => {
                if let Some((_, body)) = found.last_mut() {
                    body.push_str(line);
                    body.push('\n');
                }
            }
        }
    }
    found
}

/// Shell that defines `section TITLE [FILE]`, which prints a file under a title, when it is there.
pub(super) const SECTION: &str =
    r#"section() { if [ -f "${2:-}" ]; then printf '=== %s\n' "$1 $2"; cat "$2"; echo; fi; }"#;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;
    use crate::audit::judge::tests::cluster;

    /// What the last of three control planes is asked, and what a worker is.
    fn every_probe() -> Vec<Probe> {
        let cluster = cluster("");
        let (server, worker) = (&cluster.hosts[0], &cluster.hosts[1]);
        let templates = Templates::load(None).unwrap();
        let mut probes = super::probes(server, &[worker, server], &templates).unwrap();
        probes.extend(super::probes(worker, &[], &templates).unwrap());
        probes
    }

    #[test]
    fn shellcheck_has_nothing_to_say() {
        let folder = tempfile::tempdir().unwrap();
        let files = every_probe().into_iter().enumerate().map(|(number, probe)| {
            let file = folder.path().join(format!("{number} {}", probe.key));
            std::fs::write(&file, probe.shell).unwrap();
            file
        });
        let output = Command::new("shellcheck").args(["-s", "sh"]).args(files).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// An audit only looks. Words that change something stand in no probe, but for the dry run.
    #[test]
    fn no_probe_writes() {
        for probe in every_probe() {
            for word in [
                " rm ",
                " mv ",
                "tee ",
                "chmod ",
                "sysctl -w",
                "kubectl apply",
                " delete ",
                " put ",
                "patch ",
                "systemctl start",
                "systemctl restart",
            ] {
                assert!(!probe.shell.contains(word), "{}: {word}", probe.key);
            }
            assert!(
                !probe.shell.contains("create") || probe.shell.contains("create --dry-run=server"),
                "{}",
                probe.key
            );
            let redirections = probe.shell.replace(">/dev/null", "").replace("2>&1", "");
            assert!(
                !redirections.lines().any(|line| line.contains(" >\"") || line.contains(" >/") || line.contains(">>")),
                "{}",
                probe.key
            );
        }
    }

    proptest! {
        #[test]
        fn sections_hold_exactly_what_stood_between_their_titles(
            parts in prop::collection::vec(("[a-z/. ]{1,9}", "([a-z =:-]{0,9}\n){0,4}"), 0..5),
        ) {
            let text: String = parts.iter().map(|(title, body)| format!("=== {title}\n{body}")).collect();
            let found = sections(&text);
            let expected: Vec<(&str, String)> =
                parts.iter().filter(|(_, body)| !body.contains("=== ")).map(|(title, body)| (title.as_str(), body.clone())).collect();
            prop_assume!(expected.len() == parts.len());
            prop_assert_eq!(found, expected);
        }
    }
}
