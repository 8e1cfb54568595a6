//! YAML, keys and types.

use forge::error::{Exit, Problem};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

#[test]
fn what_is_not_yaml_is_shown_where_it_stops_being_yaml() {
    assert_snapshot!(complaint("hosts:\n  cp1: {address: 192.0.2.11\n  roles: [control-plane]}\n"), @r"
    inventory.yaml has 1 error

      × this is not YAML
       ╭─[inventory.yaml:3:8]
     2 │   cp1: {address: 192.0.2.11
     3 │   roles: [control-plane]}
       ·        ┬
       ·        ╰── while parsing a flow mapping, did not find expected ',' or '}'
       ╰────
    ");
    assert_snapshot!(complaint("hosts:\n  cp1: address: 192.0.2.11\n"), @r"
    inventory.yaml has 1 error

      × this is not YAML
       ╭─[inventory.yaml:2:15]
     1 │ hosts:
     2 │   cp1: address: 192.0.2.11
       ·               ┬
       ·               ╰── mapping values are not allowed in this context
       ╰────
    ");
}

#[test]
fn an_empty_file_gets_a_beginning() {
    assert_snapshot!(complaint("# nothing yet\n"), @r"
    inventory.yaml has 1 error

      × the inventory is empty
      help: `hosts` is all that one must write, for example
            hosts:
              cp1: {address: 192.0.2.11, roles: [control-plane, worker]}
    ");
}

#[test]
fn two_documents_are_one_too_many() {
    assert_snapshot!(complaint("hosts: {}\n---\nhosts: {}\n"), @r"
    inventory.yaml has 1 error

      × this is not YAML
       ╭─[inventory.yaml:3:1]
     2 │ ---
     3 │ hosts: {}
       · ┬
       · ╰── only single YAML document expected but multiple found
       ╰────
    ");
}

#[test]
fn an_unknown_key_gets_its_nearest_name() {
    assert_snapshot!(complaint("hosts:\n  cp1: {adress: 192.0.2.11, roles: [control-plane]}\n"), @r"
    inventory.yaml has 1 error

      × unknown key `adress`
       ╭─[inventory.yaml:2:9]
     1 │ hosts:
     2 │   cp1: {adress: 192.0.2.11, roles: [control-plane]}
       ·         ──────
       ╰────
      help: did you mean `address`?
    ");
}

#[test]
fn a_key_in_the_wrong_section_is_sent_to_the_right_one() {
    assert_snapshot!(complaint_about("podSubnet: 10.1.0.0/16\n"), @r"
    inventory.yaml has 1 error

      × unknown key `podSubnet`
       ╭─[inventory.yaml:1:1]
     1 │ podSubnet: 10.1.0.0/16
       · ─────────
     2 │ hosts:
       ╰────
      help: `podSubnet` stands under `cluster`
    ");
}

#[test]
fn a_key_that_is_like_no_other_gets_the_list() {
    assert_snapshot!(complaint_about("proxy: {socks: 192.0.2.1}\n"), @r"
    inventory.yaml has 1 error

      × unknown key `socks`
       ╭─[inventory.yaml:1:9]
     1 │ proxy: {socks: 192.0.2.1}
       ·         ─────
     2 │ hosts:
       ╰────
      help: known here: http, https, noProxy
    ");
}

#[test]
fn three_mistakes_are_found_in_one_go() {
    let text = "\
cluster:
  kubernets: \"1.36\"
  endpoint: 192.0.2.10:6443
hosts:
  cp1: {address: 192.0.2.11, roles: [control-plane]}
  w1: {address: 192.0.2.11, roles: [worker]}
";
    assert_snapshot!(complaint(text), @r#"
    inventory.yaml has 3 errors

      × unknown key `kubernets`
       ╭─[inventory.yaml:2:3]
     1 │ cluster:
     2 │   kubernets: "1.36"
       ·   ─────────
     3 │   endpoint: 192.0.2.10:6443
       ╰────
      help: did you mean `kubernetes`?

      × the endpoint must be a name, not an address
       ╭─[inventory.yaml:3:13]
     2 │   kubernets: "1.36"
     3 │   endpoint: 192.0.2.10:6443
       ·             ───────┬───────
       ·                    ╰── an address
     4 │ hosts:
       ╰────
      help: certificates and kubeconfig files are made for the endpoint: a name can move to another machine or a
            load balancer, an address cannot. Any name will do, for example `api.prod.internal:6443`; forge
            writes it to /etc/hosts where there is no DNS

      × cp1 and w1 have the same address 192.0.2.11
       ╭─[inventory.yaml:5:18]
     4 │ hosts:
     5 │   cp1: {address: 192.0.2.11, roles: [control-plane]}
       ·                  ─────┬────
       ·                       ╰── first here
     6 │   w1: {address: 192.0.2.11, roles: [worker]}
       ·                 ─────┬────
       ·                      ╰── again
       ╰────
    "#);
}

#[test]
fn what_later_versions_will_know_is_refused_and_not_ignored() {
    let settings = "\
security:
  encryption: {provider: kms}
";
    assert_snapshot!(complaint_about(settings), @r"
    inventory.yaml has 1 error

      × `kms` is not supported by this version
       ╭─[inventory.yaml:2:26]
     1 │ security:
     2 │   encryption: {provider: kms}
       ·                          ───
     3 │ hosts:
       ╰────
      help: one of secretbox, aescbc, aesgcm
    ");
}

#[test]
fn a_key_may_stand_only_once() {
    let text = "\
hosts:
  cp1: {address: 192.0.2.11, roles: [control-plane]}
  cp1: {address: 192.0.2.12, roles: [worker]}
";
    assert_snapshot!(complaint(text), @r"
    inventory.yaml has 1 error

      × the key `cp1` stands here twice
       ╭─[inventory.yaml:2:3]
     1 │ hosts:
     2 │   cp1: {address: 192.0.2.11, roles: [control-plane]}
       ·   ─┬─
       ·    ╰── first here
     3 │   cp1: {address: 192.0.2.12, roles: [worker]}
       ·   ─┬─
       ·    ╰── again
       ╰────
    ");
}

#[test]
fn what_must_be_written_is_missed() {
    assert_snapshot!(complaint("cluster: {name: prod}\n"), @r"
    inventory.yaml has 1 error

      × the inventory has no `hosts`
      help: hosts: The machines by name. The name becomes the host name and the node name: an RFC 1123 label.
    ");
    assert_snapshot!(complaint("hosts:\n  cp1: {roles: []}\n"), @r"
    inventory.yaml has 2 errors

      × `hosts.cp1` has no `address`
       ╭─[inventory.yaml:2:3]
     1 │ hosts:
     2 │   cp1: {roles: []}
       ·   ───
       ╰────
      help: address: The IP address that forge logs into and the other nodes use.

      × `hosts.cp1.roles` must not be empty
       ╭─[inventory.yaml:2:9]
     1 │ hosts:
     2 │   cp1: {roles: []}
       ·         ─────
       ╰────
    ");
}

#[test]
fn types_are_not_guessed() {
    let text = "\
ssh: {port: \"22\"}
cni: {wireguard: yes}
hosts:
  cp1: {address: 192.0.2.11, roles: control-plane, labels: {gpu: true}, ssh: {port: 70000}}
";
    assert_snapshot!(complaint(text), @r#"
    inventory.yaml has 5 errors

      × `ssh.port` must be a whole number
       ╭─[inventory.yaml:1:13]
     1 │ ssh: {port: "22"}
       ·             ──┬─
       ·               ╰── this is text
     2 │ cni: {wireguard: yes}
       ╰────

      × `cni.wireguard` must be true or false
       ╭─[inventory.yaml:2:18]
     1 │ ssh: {port: "22"}
     2 │ cni: {wireguard: yes}
       ·                  ─┬─
       ·                   ╰── this is text
     3 │ hosts:
       ╰────

      × `hosts.cp1.roles` must be a list
       ╭─[inventory.yaml:4:37]
     3 │ hosts:
     4 │   cp1: {address: 192.0.2.11, roles: control-plane, labels: {gpu: true}, ssh: {port: 70000}}
       ·                                     ──────┬──────
       ·                                           ╰── this is text
       ╰────

      × `hosts.cp1.labels.gpu` must be text
       ╭─[inventory.yaml:4:66]
     3 │ hosts:
     4 │   cp1: {address: 192.0.2.11, roles: control-plane, labels: {gpu: true}, ssh: {port: 70000}}
       ·                                                                  ──┬─
       ·                                                                    ╰── this is a boolean
       ╰────
      help: put it in quotes

      × `hosts.cp1.ssh.port` must be from 1 to 65535
       ╭─[inventory.yaml:4:85]
     3 │ hosts:
     4 │   cp1: {address: 192.0.2.11, roles: control-plane, labels: {gpu: true}, ssh: {port: 70000}}
       ·                                                                                     ─────
       ╰────
    "#);
}

#[test]
fn an_unknown_word_gets_its_nearest() {
    let settings = "security: {podSecurity: {enforce: base-line, warn: strict}}\n";
    assert_snapshot!(complaint_about(settings), @r"
    inventory.yaml has 2 errors

      × `security.podSecurity.enforce` cannot be `base-line`
       ╭─[inventory.yaml:1:35]
     1 │ security: {podSecurity: {enforce: base-line, warn: strict}}
       ·                                   ─────────
     2 │ hosts:
       ╰────
      help: did you mean `baseline`?

      × `security.podSecurity.warn` cannot be `strict`
       ╭─[inventory.yaml:1:52]
     1 │ security: {podSecurity: {enforce: base-line, warn: strict}}
       ·                                                    ──────
     2 │ hosts:
       ╰────
      help: one of privileged, baseline, restricted
    ");
}

#[test]
fn a_version_without_quotes_is_read_as_it_is_written() {
    assert_eq!(cluster(&format!("cluster: {{kubernetes: 1.36}}\n{ONE_HOST}")).kubernetes.to_string(), "1.36");
    let cluster = cluster("hosts:\n  cp1: {address: 192.0.2.11, roles: [control-plane], labels: {release: 1.10}}\n");
    assert_eq!(cluster.hosts[0].labels["release"], "1.10");
}

#[test]
fn anchors_and_merge_keys_save_typing() {
    let text = "\
hosts:
  cp1: &machine {address: 192.0.2.11, roles: [control-plane, worker]}
  w1:
    <<: *machine
    address: 192.0.2.21
    roles: [worker]
";
    assert_eq!(cluster(text).hosts[1].address.to_string(), "192.0.2.21");
}

proptest! {
    #[test]
    fn a_damaged_file_is_explained_and_never_a_crash(at in 0.0..1.0_f64, length in 0_usize..40, put in "[ -~\n\t\u{e9}*&{}\\[\\]:]{0,8}") {
        let whole: Vec<char> = include_str!("../../inventories/ha.yaml").chars().collect();
        let start = (whole.len() as f64 * at) as usize;
        let end = (start + length).min(whole.len());
        let text: String = whole[..start].iter().copied().chain(put.chars()).chain(whole[end..].iter().copied()).collect();
        if let Err(invalid) = parse("inventory.yaml", &text, Path::new("/nowhere")) {
            prop_assert!(!invalid.findings().is_empty());
            for (place, _) in invalid.findings().iter().flat_map(|finding| &finding.labels) {
                prop_assert!(text.get(place.clone()).is_some(), "{place:?}");
            }
            prop_assert!(!invalid.render(false).is_empty());
        }
    }
}

#[test]
fn an_invalid_inventory_ends_with_exit_code_3() {
    let invalid = parse("inventory.yaml", "hosts: {}\n", Path::new("/nowhere")).unwrap_err();
    let problem = Problem::from(invalid.clone());
    assert_eq!((problem.exit, problem.to_string()), (Exit::Inventory, invalid.render(false)));
    assert!(!invalid.render(false).contains('\u{1b}') && invalid.render(true).contains('\u{1b}'));
}
