//! Files that the inventory names.

use std::fs;
use std::path::Path;

use forge::inventory::load;
use insta::assert_snapshot;

use super::*;

const EVERY_FILE: &str = "\
ssh: {identityFile: id_ed25519}
security: {audit: {policy: policies}}
cni: {provider: manifests, manifests: [{path: network.yaml}]}
sources: {kubernetesPackages: {url: 'https://apt.example/', key: key.asc}}
";

#[test]
fn a_file_that_cannot_be_read_is_found_before_any_host_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    let text = format!("{EVERY_FILE}{ONE_HOST}");
    let invalid = parse("inventory.yaml", &text, folder.path()).unwrap_err().to_string();
    assert_snapshot!(invalid.replace(folder.path().to_str().unwrap(), "/folder"), @r"
    inventory.yaml has 4 errors

      × cannot read /folder/id_ed25519
       ╭─[inventory.yaml:1:21]
     1 │ ssh: {identityFile: id_ed25519}
       ·                     ─────┬────
       ·                          ╰── No such file or directory (os error 2)
     2 │ security: {audit: {policy: policies}}
       ╰────

      × cannot read /folder/policies
       ╭─[inventory.yaml:2:28]
     1 │ ssh: {identityFile: id_ed25519}
     2 │ security: {audit: {policy: policies}}
       ·                            ────┬───
       ·                                ╰── it is a folder
     3 │ cni: {provider: manifests, manifests: [{path: network.yaml}]}
       ╰────

      × cannot read /folder/network.yaml
       ╭─[inventory.yaml:3:47]
     2 │ security: {audit: {policy: policies}}
     3 │ cni: {provider: manifests, manifests: [{path: network.yaml}]}
       ·                                               ──────┬─────
       ·                                                     ╰── No such file or directory (os error 2)
     4 │ sources: {kubernetesPackages: {url: 'https://apt.example/', key: key.asc}}
       ╰────

      × cannot read /folder/key.asc
       ╭─[inventory.yaml:4:66]
     3 │ cni: {provider: manifests, manifests: [{path: network.yaml}]}
     4 │ sources: {kubernetesPackages: {url: 'https://apt.example/', key: key.asc}}
       ·                                                                  ───┬───
       ·                                                                     ╰── No such file or directory (os error 2)
     5 │ hosts:
       ╰────
    ");
}

#[test]
fn paths_begin_beside_the_inventory() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["id_ed25519", "policies", "network.yaml", "key.asc"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let inventory = folder.path().join("inventory.yaml");
    fs::write(&inventory, format!("{EVERY_FILE}{ONE_HOST}")).unwrap();
    let cluster = load(&inventory).unwrap();
    assert_eq!(cluster.directory, folder.path());
    assert_eq!(cluster.known_hosts, folder.path().join("known_hosts"));
    assert_eq!(cluster.security.audit.policy, Some(folder.path().join("policies")));
    assert_eq!(cluster.hosts[0].ssh.identity_file, Some(folder.path().join("id_ed25519")));
}

#[test]
fn a_tilde_is_the_home_folder() {
    let text = format!("ssh: {{knownHosts: ~/hosts}}\n{ONE_HOST}");
    assert_eq!(cluster(&text).known_hosts, std::env::home_dir().unwrap().join("hosts"));
}

/// As for ssh, it names which of the agent's keys is meant.
#[test]
fn a_public_key_may_be_an_identity() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = folder.path().join("inventory.yaml");
    fs::write(folder.path().join("laptop.pub"), "ssh-ed25519 AAAA laptop").unwrap();
    fs::write(&inventory, format!("ssh: {{identityFile: laptop.pub}}\n{ONE_HOST}")).unwrap();
    assert_eq!(load(&inventory).unwrap().hosts[0].ssh.identity_file, Some(folder.path().join("laptop.pub")));
}

#[test]
fn an_inventory_that_is_not_there_is_named() {
    assert_snapshot!(load(Path::new("/nowhere/inventory.yaml")).unwrap_err(), @r"
    /nowhere/inventory.yaml has 1 error

      × the inventory cannot be read: No such file or directory (os error 2)
    ");
}
