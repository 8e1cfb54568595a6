//! Documents for people stay true where a test can tell: links, paths, commands, exit codes, evidence, settings.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser as _;
use clap::error::ErrorKind;
use forge::cli::Cli;
use forge::inventory;

/// Every document, with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in [".", "docs", "vagrant"] {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    paths.sort();
    assert!(paths.len() >= 10, "{paths:?}");
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A document's code blocks with their languages, and what stands between backticks outside of them.
fn code(text: &str) -> (Vec<(&str, Vec<&str>)>, Vec<String>) {
    let (mut blocks, mut prose, mut inside) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            inside = !inside;
            if inside {
                blocks.push((language, Vec::new()));
            }
        } else if inside {
            blocks.last_mut().unwrap().1.push(line);
        } else {
            prose.push_str(line);
            prose.push(' ');
        }
    }
    assert!(!inside, "a code block does not end");
    (blocks, prose.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// What follows `start` up to `end`, everywhere.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

/// GitHub's name for a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in documents() {
        for link in between(&text, "](", ")").into_iter().filter(|link| !link.contains("://")) {
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let found = target.exists()
                && (section.is_empty()
                    || read(&target)
                        .lines()
                        .any(|line| line.starts_with('#') && anchor(line.trim_start_matches('#')) == section));
            if !found {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_path_of_ours_that_is_named_exists() {
    let mut missing = Vec::new();
    for (path, text) in documents() {
        for word in code(&text).1 {
            let ours =
                ["src/", "templates/", "tests/", "docs/", "inventories/"].iter().any(|start| word.starts_with(start));
            if ours && !word.contains([' ', '<', '*', '…']) && !Path::new(&word).exists() {
                missing.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_command_that_is_shown_parses() {
    let mut wrong = Vec::new();
    let mut shown = 0;
    for (path, text) in documents() {
        let (blocks, words) = code(&text);
        let lines = blocks.iter().filter(|(language, _)| *language == "sh").flat_map(|(_, lines)| lines);
        let commands = lines.map(|line| line.split('#').next().unwrap_or_default());
        for command in commands.flat_map(|line| line.split("&&")).flat_map(|line| line.split(['|', ';'])) {
            let Some(arguments) = arguments(command) else { continue };
            shown += 1;
            if let Err(error) = Cli::try_parse_from(&arguments) {
                wrong.push(format!("{}: {command}\n{error}", path.display()));
            }
        }
        // In a sentence `forge up` may stand for the command as such.
        for word in words {
            let Some(arguments) = arguments(&word) else { continue };
            match Cli::try_parse_from(&arguments).map_err(|error| error.kind()) {
                Ok(_)
                | Err(ErrorKind::MissingRequiredArgument | ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {}
                Err(kind) => wrong.push(format!("{}: {word}: {kind:?}", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(shown > 10, "only {shown} commands were found");
}

/// The words of a command line whose program is forge.
fn arguments(command: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = command.split_whitespace().skip_while(|word| word.contains('=')).collect();
    let program = words.first()?.rsplit('/').next()?;
    (program == "forge" && words.len() > 1).then_some(words)
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let source = read("src/error.rs");
    let table = source.split("pub enum Exit {").nth(1).unwrap().split("\n}").next().unwrap();
    let lines: Vec<&str> = table.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let codes: Vec<(String, &str)> = lines
        .chunks(2)
        .map(|pair| {
            let code = pair[1].split_once(" = ").unwrap().1.trim_end_matches(',');
            (code.to_owned(), pair[0].strip_prefix("/// ").unwrap())
        })
        .collect();
    assert_eq!(codes.len(), 10);

    let document = read("docs/exit-codes.md");
    let cells = |line: &str| line.split(" | ").map(|cell| cell.trim_matches(['|', ' ']).to_owned()).collect::<Vec<_>>();
    let rows = document.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| exit"));
    let rows: Vec<(String, String)> = rows.map(|row| (cells(row)[0].clone(), cells(row)[1].clone())).collect();
    let expected: Vec<(String, String)> =
        codes.iter().map(|(code, words)| (code.clone(), (*words).to_owned())).collect();
    assert_eq!(rows, expected, "docs/exit-codes.md");

    let readme = read("README.md");
    for (code, words) in &codes {
        let mut words = words.trim_end_matches('.').to_owned();
        words[..1].make_ascii_lowercase();
        assert!(readme.contains(&format!("| {code} | {words} |")), "README.md: {code}, {words}");
    }
}

#[test]
fn the_readme_has_every_row_of_evidence() {
    let source = read("src/phases/verify/evidence.rs");
    let source = source.split("#[cfg(test)]").next().unwrap();
    let named = ["let check = \"", "row_of(\"", "row(\""].iter().flat_map(|start| between(source, start, "\""));
    // Only there when the look itself was cut off.
    let mut rows: BTreeSet<&str> = named.filter(|row| *row != "the look itself").collect();
    rows.insert("every node Ready at v1.36.x");
    let readme = read("README.md");
    let table = readme.split("| evidence |").nth(1).unwrap().split("\n\n").next().unwrap();
    let shown: BTreeSet<&str> = table.lines().skip(2).map(|row| row[2..].split(" | ").next().unwrap()).collect();
    assert_eq!(shown, rows);
}

#[test]
fn the_hardening_page_has_every_setting() {
    let page = read("docs/hardening.md");
    let cluster = read("templates/kubeadm/cluster-configuration.yaml.tera");
    let mut settings: Vec<String> = between(&cluster, "- {name: ", ",").into_iter().map(str::to_owned).collect();
    settings.retain(|name| !["forge-config", "audit-log"].contains(&name.as_str()));
    for template in ["kubelet-configuration", "kube-proxy-configuration"] {
        let text = read(format!("templates/kubeadm/{template}.yaml.tera"));
        let keys = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        let keys = keys.filter_map(|line| line.split(':').next()).map(str::to_owned);
        settings.extend(keys.filter(|key| !["apiVersion", "kind"].contains(&key.as_str())));
    }
    let kernel = read("src/phases/host/kernel.rs");
    let sysctls = kernel.split("const SYSCTLS").nth(1).unwrap().split("];").next().unwrap();
    settings.extend(between(sysctls, "(\"", "\"),").into_iter().map(|pair| pair.replace("\", \"", "=")));
    assert!(settings.len() > 40, "{settings:?}");
    settings.retain(|setting| !page.contains(&format!("`{setting}`")));
    assert!(settings.is_empty(), "docs/hardening.md does not have {settings:?}");
}

/// Prints the list when it differs, to be copied.
#[test]
fn the_audit_page_lists_every_control() {
    let mut list = String::new();
    for (area, controls) in forge::audit::areas() {
        list.push_str(&format!("### {area}\n\n| control | severity | where | what is wanted |\n|---|---|---|---|\n"));
        for control in controls {
            let mark = if control.scored { "" } else { " *" };
            let (severity, scope) = (control.severity.as_str(), control.check.scope());
            list.push_str(&format!("| {}{mark} | {severity} | {scope} | {} |\n", control.id, control.title));
        }
        list.push('\n');
    }
    let page = read("docs/audit.md");
    let shown = page.split("that it answers, and the remedy.\n\n").nth(1).unwrap();
    if std::env::var_os("UPDATE_CONTROLS").is_some() {
        fs::write("docs/audit.md", page.replace(shown, &format!("{}\n", list.trim_end()))).unwrap();
        return;
    }
    assert!(shown.trim_end() == list.trim_end(), "run: UPDATE_CONTROLS=1 cargo test --test docs");
}

#[test]
fn what_changes_next_is_on_top_of_the_changelog() {
    let changelog = read("CHANGELOG.md");
    assert_eq!(changelog.lines().find(|line| line.starts_with("## ")), Some("## [Unreleased]"));
}

/// Needs Ruby, which not every machine has.
#[test]
fn the_inventory_for_vagrant_is_a_good_one() {
    let Ok(printed) = Command::new("ruby").arg("vagrant/cluster.rb").output() else { return };
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let text = String::from_utf8(printed.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for key in between(&text, "identityFile: \"", "\"") {
        let key = folder.path().join(key);
        fs::create_dir_all(key.parent().unwrap()).unwrap();
        fs::write(key, "").unwrap();
    }
    let path = folder.path().join("inventory.yaml");
    fs::write(&path, text).unwrap();
    let cluster = inventory::load(&path).unwrap_or_else(|invalid| panic!("{invalid}"));
    assert_eq!((cluster.control_planes().count(), cluster.workers().count()), (1, 2));
}

/// The commands of the lab and of the benchmarks: programs that a user starts, those in `lib` are not.
fn shell_commands() -> Vec<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut all = vec![PathBuf::from("bench/ansible/run")];
    for folder in ["lab", "bench"] {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        all.extend(files.filter(|path| path.is_file() && path.metadata().unwrap().permissions().mode() & 0o111 != 0));
    }
    // Runs on a host of the lab, with the names of nodes.
    all.retain(|path| path != Path::new("bench/until-ready"));
    all.sort();
    assert!(all.len() >= 11, "{all:?}");
    all
}

#[test]
fn every_command_of_the_lab_shows_its_usage_and_does_nothing_else() {
    // With next to no other program, so that a command that went on would come to nothing.
    let programs = tempfile::tempdir().unwrap();
    for name in ["bash", "dirname"] {
        let found = Command::new("which").arg(name).output().unwrap();
        let path = String::from_utf8(found.stdout).unwrap();
        std::os::unix::fs::symlink(path.trim(), programs.path().join(name)).unwrap();
    }
    for command in shell_commands() {
        let run = |words: &[&str]| {
            let output = Command::new(&command).args(words).env("PATH", programs.path()).output().unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
        };
        let (code, usage, complaint) = run(&["--help"]);
        assert_eq!((code, complaint.as_str()), (0, ""), "{}", command.display());
        let first = format!("usage: {}", command.display());
        assert!(usage.lines().next().is_some_and(|line| line.starts_with(&first)), "{usage}");
        assert!(usage.lines().count() >= 3, "what it does is not said: {usage}");
        assert_eq!(run(&["-h"]), (0, usage.clone(), String::new()));
        let (code, said, complaint) = run(&["--nonsense"]);
        assert_eq!((code, said.as_str()), (2, ""), "{}: {complaint}", command.display());
        // lab/up leaves its arguments to lab/hosts.
        assert!(
            complaint.starts_with("unknown argument: --nonsense\nusage: ") || complaint.ends_with(&usage),
            "{complaint}"
        );
    }
}
