//! Names, addresses, roles, labels and taints.

use forge::inventory::NodeName;
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

#[test]
fn a_host_has_the_name_of_a_node() {
    assert_snapshot!(complaint("hosts:\n  Cp_1: {address: 192.0.2.11, roles: [control-plane]}\n"), @r"
    inventory.yaml has 1 error

      × `Cp_1` cannot name a host
       ╭─[inventory.yaml:2:3]
     1 │ hosts:
     2 │   Cp_1: {address: 192.0.2.11, roles: [control-plane]}
       ·   ────
       ╰────
      help: at most 63 of a-z, 0-9 and `-`, neither beginning nor ending with `-` (RFC 1123 label)
    ");
}

proptest! {
    #[test]
    fn node_names_are_what_rfc_1123_says(name in "[a-zA-Z0-9_.-]{0,70}") {
        let letters = name.chars().all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '-'));
        let ends = !name.starts_with('-') && !name.ends_with('-');
        prop_assert_eq!(NodeName::new(&name).is_some(), letters && ends && (1..=63).contains(&name.len()));
    }
}

#[test]
fn an_address_belongs_to_one_host() {
    let text = "\
hosts:
  cp1: {address: \"2001:db8::11\", roles: [control-plane]}
  w1: {address: \"2001:DB8:0::11\", roles: [worker]}
cluster: {podSubnet: \"fd00:1::/56\", serviceSubnet: \"fd00:2::/112\"}
";
    assert_snapshot!(complaint(text), @r#"
    inventory.yaml has 1 error

      × cp1 and w1 have the same address 2001:db8::11
       ╭─[inventory.yaml:2:18]
     1 │ hosts:
     2 │   cp1: {address: "2001:db8::11", roles: [control-plane]}
       ·                  ───────┬──────
       ·                         ╰── first here
     3 │   w1: {address: "2001:DB8:0::11", roles: [worker]}
       ·                 ────────┬───────
       ·                         ╰── again
     4 │ cluster: {podSubnet: "fd00:1::/56", serviceSubnet: "fd00:2::/112"}
       ╰────
    "#);
}

#[test]
fn an_address_is_not_a_name() {
    assert_snapshot!(complaint("hosts:\n  cp1: {address: cp1.example, roles: [control-plane]}\n"), @r"
    inventory.yaml has 1 error

      × `cp1.example` is not an IP address
       ╭─[inventory.yaml:2:18]
     1 │ hosts:
     2 │   cp1: {address: cp1.example, roles: [control-plane]}
       ·                  ───────────
       ╰────
      help: etcd and the kubelets are bound to addresses, so a host is given by its address, not by a name
    ");
    assert_snapshot!(complaint("hosts:\n  cp1: {address: 0.0.0.0, roles: [control-plane]}\n"), @r"
    inventory.yaml has 1 error

      × 0.0.0.0 is not the address of a machine
       ╭─[inventory.yaml:2:18]
     1 │ hosts:
     2 │   cp1: {address: 0.0.0.0, roles: [control-plane]}
       ·                  ───────
       ╰────
    ");
}

#[test]
fn two_control_planes_are_worse_than_one() {
    let text = "\
cluster: {endpoint: \"api.prod.example:6443\"}
hosts:
  cp1: {address: 192.0.2.11, roles: [control-plane]}
  cp2: {address: 192.0.2.12, roles: [control-plane]}
";
    assert_snapshot!(complaint(text), @r"
    inventory.yaml has 1 error

      × 2 control planes: the number must be odd
       ╭─[inventory.yaml:3:30]
     2 │ hosts:
     3 │   cp1: {address: 192.0.2.11, roles: [control-plane]}
       ·                              ─────
     4 │   cp2: {address: 192.0.2.12, roles: [control-plane]}
       ·                              ─────
       ╰────
      help: etcd needs more than half of its members: 2 tolerate as few failures as 1 (0), and are one machine
            more that can fail. Take 1 or 3
    ");
}

#[test]
fn a_cluster_has_a_control_plane() {
    assert_snapshot!(complaint("hosts:\n  w1: {address: 192.0.2.21, roles: [worker]}\n"), @r"
    inventory.yaml has 1 error

      × no host has the role `control-plane`
       ╭─[inventory.yaml:1:1]
     1 │ hosts:
       · ─────
     2 │   w1: {address: 192.0.2.21, roles: [worker]}
       ╰────
      help: give it to one host, or to three
    ");
    assert_snapshot!(complaint("hosts: {}\n"), @r"
    inventory.yaml has 1 error

      × no host has the role `control-plane`
       ╭─[inventory.yaml:1:1]
     1 │ hosts: {}
       · ─────
       ╰────
      help: give it to one host, or to three
    ");
}

#[test]
fn a_role_is_given_once() {
    assert_snapshot!(complaint("hosts:\n  cp1: {address: 192.0.2.11, roles: [control-plane, control-plane]}\n"), @r"
    inventory.yaml has 1 error

      × cp1 has a role twice
       ╭─[inventory.yaml:2:30]
     1 │ hosts:
     2 │   cp1: {address: 192.0.2.11, roles: [control-plane, control-plane]}
       ·                              ─────
       ╰────
    ");
}

#[test]
fn labels_follow_the_rules_of_kubernetes() {
    let text = "\
hosts:
  cp1:
    address: 192.0.2.11
    roles: [control-plane]
    labels:
      disk: ssd
      example.com/rack: R1_a.b
      empty: \"\"
      -disk: ssd
      Example.com/rack: r1
      rack: \"row 1\"
";
    assert_snapshot!(complaint(text), @r#"
    inventory.yaml has 3 errors

      × `-disk` is not a label key
        ╭─[inventory.yaml:9:7]
      8 │       empty: ""
      9 │       -disk: ssd
        ·       ─────
     10 │       Example.com/rack: r1
        ╰────
      help: an optional DNS name and a slash, then at most 63 letters, digits, `-`, `_` and `.`, beginning and
            ending with a letter or digit

      × `Example.com/rack` is not a label key
        ╭─[inventory.yaml:10:7]
      9 │       -disk: ssd
     10 │       Example.com/rack: r1
        ·       ────────────────
     11 │       rack: "row 1"
        ╰────
      help: an optional DNS name and a slash, then at most 63 letters, digits, `-`, `_` and `.`, beginning and
            ending with a letter or digit

      × `row 1` is not a label value
        ╭─[inventory.yaml:11:13]
     10 │       Example.com/rack: r1
     11 │       rack: "row 1"
        ·             ───────
        ╰────
      help: at most 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit; or
            nothing
    "#);
}

#[test]
fn taints_are_written_as_kubectl_writes_them() {
    let text = "\
hosts:
  cp1:
    address: 192.0.2.11
    roles: [control-plane]
    taints:
      - dedicated=infra:NoSchedule
      - example.com/gpu:NoExecute
      - dedicated=infra
      - dedicated=infra:Never
      - dedicated=other:NoSchedule
";
    assert_snapshot!(complaint(text), @r"
    inventory.yaml has 3 errors

      × `dedicated=infra` is not a taint
       ╭─[inventory.yaml:8:9]
     7 │       - example.com/gpu:NoExecute
     8 │       - dedicated=infra
       ·         ───────────────
     9 │       - dedicated=infra:Never
       ╰────
      help: `key=value:Effect` or `key:Effect`, the effect being NoSchedule, PreferNoSchedule or NoExecute

      × `dedicated=infra:Never` is not a taint
        ╭─[inventory.yaml:9:9]
      8 │       - dedicated=infra
      9 │       - dedicated=infra:Never
        ·         ─────────────────────
     10 │       - dedicated=other:NoSchedule
        ╰────
      help: `key=value:Effect` or `key:Effect`, the effect being NoSchedule, PreferNoSchedule or NoExecute

      × cp1 has two taints with key `dedicated` and effect NoSchedule
        ╭─[inventory.yaml:10:9]
      9 │       - dedicated=infra:Never
     10 │       - dedicated=other:NoSchedule
        ·         ──────────────────────────
        ╰────
    ");
}
