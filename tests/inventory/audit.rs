//! `audit`: waivers.

use insta::assert_snapshot;

use super::*;

#[test]
fn a_waiver_has_a_control_a_reason_and_a_last_day() {
    let waiver = "audit: {waivers: [{control: CIS-1.2.15, hosts: [cp1], reason: ' measured ', expires: 2027-02-28}]}\n";
    let waivers = cluster(&format!("{waiver}{ONE_HOST}")).audit.waivers;
    assert_eq!((waivers[0].control.as_str(), waivers[0].reason.as_str()), ("CIS-1.2.15", "measured"));
    assert_eq!(waivers[0].expires.to_string(), "2027-02-28");
}

#[test]
fn a_waiver_that_would_do_nothing_is_an_error() {
    assert_snapshot!(complaint_about(
        "audit:\n  waivers:\n  - {control: FORGE-SSHD-ROT, hosts: [w9], reason: x, expires: 2027-02-29}\n  \
         - {control: FORGE-ETCD-CIPHERTEXT, hosts: [cp1], reason: ' ', expires: soon}\n"
    ), @r"
    inventory.yaml has 6 errors

      × there is no control `FORGE-SSHD-ROT`
       ╭─[inventory.yaml:3:15]
     2 │   waivers:
     3 │   - {control: FORGE-SSHD-ROT, hosts: [w9], reason: x, expires: 2027-02-29}
       ·               ──────────────
     4 │   - {control: FORGE-ETCD-CIPHERTEXT, hosts: [cp1], reason: ' ', expires: soon}
       ╰────
      help: did you mean `FORGE-SSHD-ROOT`? docs/audit.md has them all

      × there is no host `w9`
       ╭─[inventory.yaml:3:39]
     2 │   waivers:
     3 │   - {control: FORGE-SSHD-ROT, hosts: [w9], reason: x, expires: 2027-02-29}
       ·                                       ──
     4 │   - {control: FORGE-ETCD-CIPHERTEXT, hosts: [cp1], reason: ' ', expires: soon}
       ╰────

      × `2027-02-29` is not a day
       ╭─[inventory.yaml:3:64]
     2 │   waivers:
     3 │   - {control: FORGE-SSHD-ROT, hosts: [w9], reason: x, expires: 2027-02-29}
       ·                                                                ──────────
     4 │   - {control: FORGE-ETCD-CIPHERTEXT, hosts: [cp1], reason: ' ', expires: soon}
       ╰────
      help: year, month and day: `2027-06-30`

      × FORGE-ETCD-CIPHERTEXT is looked at once, not on hosts
       ╭─[inventory.yaml:4:46]
     3 │   - {control: FORGE-SSHD-ROT, hosts: [w9], reason: x, expires: 2027-02-29}
     4 │   - {control: FORGE-ETCD-CIPHERTEXT, hosts: [cp1], reason: ' ', expires: soon}
       ·                                              ───
     5 │ hosts:
       ╰────
      help: leave `hosts` out

      × a waiver needs a reason
       ╭─[inventory.yaml:4:60]
     3 │   - {control: FORGE-SSHD-ROT, hosts: [w9], reason: x, expires: 2027-02-29}
     4 │   - {control: FORGE-ETCD-CIPHERTEXT, hosts: [cp1], reason: ' ', expires: soon}
       ·                                                            ───
     5 │ hosts:
       ╰────
      help: for whoever reads the report: why, and what is done instead

      × `soon` is not a day
       ╭─[inventory.yaml:4:74]
     3 │   - {control: FORGE-SSHD-ROT, hosts: [w9], reason: x, expires: 2027-02-29}
     4 │   - {control: FORGE-ETCD-CIPHERTEXT, hosts: [cp1], reason: ' ', expires: soon}
       ·                                                                          ────
     5 │ hosts:
       ╰────
      help: year, month and day: `2027-06-30`
    ");
    assert_snapshot!(complaint_about("audit: {waivers: [{control: CIS-1.2.15}]}\n"), @r"
    inventory.yaml has 2 errors

      × `audit.waivers` has no `reason`
       ╭─[inventory.yaml:1:19]
     1 │ audit: {waivers: [{control: CIS-1.2.15}]}
       ·                   ─
     2 │ hosts:
       ╰────
      help: reason: Why it is accepted, for whoever reads the report.

      × `audit.waivers` has no `expires`
       ╭─[inventory.yaml:1:19]
     1 │ audit: {waivers: [{control: CIS-1.2.15}]}
       ·                   ─
     2 │ hosts:
       ╰────
      help: expires: The last day on which it holds: `2027-06-30`.
    ");
}
