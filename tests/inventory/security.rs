//! `security`: encryption, sysctls, exemptions.

use insta::assert_snapshot;

use super::*;

#[test]
fn secrets_are_always_encrypted() {
    assert_snapshot!(complaint_about("security: {encryption: {resources: [configmaps]}}\n"), @r"
    inventory.yaml has 1 error

      × `secrets` must be among the encrypted resources
       ╭─[inventory.yaml:1:25]
     1 │ security: {encryption: {resources: [configmaps]}}
       ·                         ─────────
     2 │ hosts:
       ╰────
      help: forge looks at a secret's bytes in etcd at the end of every run
    ");
    assert_snapshot!(complaint_about("security: {encryption: {resources: [secrets, Config_Maps, secrets]}}\n"), @r"
    inventory.yaml has 2 errors

      × `Config_Maps` is not a resource
       ╭─[inventory.yaml:1:46]
     1 │ security: {encryption: {resources: [secrets, Config_Maps, secrets]}}
       ·                                              ───────────
     2 │ hosts:
       ╰────
      help: a resource as the API server names it: `secrets`, `configmaps`, `widgets.example.com`

      × `secrets` stands here twice
       ╭─[inventory.yaml:1:59]
     1 │ security: {encryption: {resources: [secrets, Config_Maps, secrets]}}
       ·                                                           ───────
     2 │ hosts:
       ╰────
    ");
}

#[test]
fn a_kernel_setting_is_text_a_number_or_null() {
    let settings =
        "security: {sysctls: {vm.max_map_count: 262144, net.ipv4.ip_local_port_range: 1024 65535, kernel.x: null}}\n";
    let sysctls = cluster(&format!("{settings}{ONE_HOST}")).security.sysctls;
    assert_eq!(sysctls["vm.max_map_count"].as_deref(), Some("262144"));
    assert_eq!(sysctls["kernel.x"], None);
    assert_snapshot!(complaint_about("security:\n  sysctls:\n    swappiness: 1\n    vm.swappiness: \"1\\nkernel.x=2\"\n"), @r#"
    inventory.yaml has 2 errors

      × `swappiness` is not a kernel setting
       ╭─[inventory.yaml:3:5]
     2 │   sysctls:
     3 │     swappiness: 1
       ·     ──────────
     4 │     vm.swappiness: "1\nkernel.x=2"
       ╰────
      help: for example `net.ipv4.conf.all.rp_filter`

      × the value of `vm.swappiness` is not one line
       ╭─[inventory.yaml:4:20]
     3 │     swappiness: 1
     4 │     vm.swappiness: "1\nkernel.x=2"
       ·                    ───────────────
     5 │ hosts:
       ╰────
      help: one line of text or a number; `null` drops a setting of forge's
    "#);
}

#[test]
fn exempt_namespaces_are_names() {
    assert_snapshot!(complaint_about("security: {podSecurity: {exemptNamespaces: [kube-system, \"kube-*\"]}}\n"), @r#"
    inventory.yaml has 1 error

      × `kube-*` is not the name of a namespace
       ╭─[inventory.yaml:1:58]
     1 │ security: {podSecurity: {exemptNamespaces: [kube-system, "kube-*"]}}
       ·                                                          ────────
     2 │ hosts:
       ╰────
    "#);
}
