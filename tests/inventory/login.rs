//! `ssh`: defaults, what hosts override, bastions.

use insta::assert_snapshot;

use super::*;

#[test]
fn a_host_overrides_what_it_names_and_inherits_the_rest() {
    let text = "\
ssh:
  user: ops
  port: 2200
  bastion: {address: jump.example, user: jump}
hosts:
  cp1: {address: 192.0.2.11, roles: [control-plane]}
  w1: {address: 192.0.2.21, roles: [worker], ssh: {user: admin, port: 22, bastion: {address: 203.0.113.8, port: 2222}}}
  w2: {address: 192.0.2.22, roles: [worker], ssh: {bastion: null}}
";
    let logins: Vec<_> = cluster(text).hosts.into_iter().map(|host| host.ssh).collect();
    assert_snapshot!(serde_json::to_string_pretty(&logins).unwrap(), @r#"
    [
      {
        "user": "ops",
        "port": 2200,
        "identityFile": null,
        "bastion": {
          "address": "jump.example",
          "user": "jump",
          "port": 22,
          "identityFile": null
        }
      },
      {
        "user": "admin",
        "port": 22,
        "identityFile": null,
        "bastion": {
          "address": "203.0.113.8",
          "user": "admin",
          "port": 2222,
          "identityFile": null
        }
      },
      {
        "user": "ops",
        "port": 2200,
        "identityFile": null,
        "bastion": null
      }
    ]
    "#);
}

#[test]
fn a_host_is_not_its_own_bastion() {
    let text = "\
ssh:
  bastion: {address: 192.0.2.11}
hosts:
  cp1: {address: 192.0.2.11, roles: [control-plane]}
";
    assert_snapshot!(complaint(text), @r"
    inventory.yaml has 1 error

      × cp1 is its own bastion 192.0.2.11
       ╭─[inventory.yaml:2:22]
     1 │ ssh:
     2 │   bastion: {address: 192.0.2.11}
       ·                      ─────┬────
       ·                           ╰── the bastion
     3 │ hosts:
     4 │   cp1: {address: 192.0.2.11, roles: [control-plane]}
       ·                  ─────┬────
       ·                       ╰── the host
       ╰────
      help: if cp1 is reached directly, write `ssh: {bastion: null}` there
    ");
}

#[test]
fn login_names_and_bastions_are_not_openssh_strings() {
    assert_snapshot!(complaint_about("ssh:\n  user: ops@cp1\n  bastion: {address: \"jump@203.0.113.7:22\"}\n"), @r#"
    inventory.yaml has 2 errors

      × `ops@cp1` is not a login name
       ╭─[inventory.yaml:2:9]
     1 │ ssh:
     2 │   user: ops@cp1
       ·         ───────
     3 │   bastion: {address: "jump@203.0.113.7:22"}
       ╰────

      × `jump@203.0.113.7:22` is neither a DNS name nor an IP address
       ╭─[inventory.yaml:3:22]
     2 │   user: ops@cp1
     3 │   bastion: {address: "jump@203.0.113.7:22"}
       ·                      ─────────────────────
     4 │ hosts:
       ╰────
      help: the user and the port have keys of their own: `{address: jump.example, user: ops, port: 22}`
    "#);
}
