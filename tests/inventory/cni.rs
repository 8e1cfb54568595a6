//! `cni`: Calico, manifests, none.

use insta::assert_snapshot;

use super::*;

#[test]
fn a_calico_version_that_is_known_comes_with_its_checksums() {
    let cluster = cluster(&format!("cni: {{version: 3.31.7, encapsulation: None, wireguard: true}}\n{ONE_HOST}"));
    assert_snapshot!(serde_json::to_string_pretty(&cluster.cni).unwrap(), @r#"
    {
      "provider": "calico",
      "version": "3.31.7",
      "encapsulation": "None",
      "wireguard": true,
      "manifests": [
        {
          "url": {
            "url": "https://raw.githubusercontent.com/projectcalico/calico/v3.31.7/manifests/operator-crds.yaml",
            "sha256": "380414d5756e9a1af29ddb1ad70cada07aa344ae7a2680ba7355248621f8adbf"
          }
        },
        {
          "url": {
            "url": "https://raw.githubusercontent.com/projectcalico/calico/v3.31.7/manifests/tigera-operator.yaml",
            "sha256": "092c10b3d0cb73617aca51367ca59755348f4647e6d2e63fa4e5b81266203214"
          }
        }
      ]
    }
    "#);
}

#[test]
fn another_calico_version_needs_the_sums_from_the_user() {
    assert_snapshot!(complaint_about("cni: {version: 3.33.0}\n"), @r"
    inventory.yaml has 1 error

      × the checksums of Calico 3.33.0 are not known
       ╭─[inventory.yaml:1:16]
     1 │ cni: {version: 3.33.0}
       ·                ──────
     2 │ hosts:
       ╰────
      help: known are 3.32.1 and 3.31.7; for 3.33.0, list its operator-crds.yaml and tigera-operator.yaml in
            `cni.manifests`, with sums
    ");
    assert_snapshot!(complaint_about("cni: {version: v3.32.1}\n"), @r"
    inventory.yaml has 1 error

      × `v3.32.1` is not a Calico version
       ╭─[inventory.yaml:1:16]
     1 │ cni: {version: v3.32.1}
       ·                ───────
     2 │ hosts:
       ╰────
      help: three numbers, as in 3.32.1
    ");
    let pinned = format!("cni:\n  version: 3.33.0\n  manifests: [{{url: 'https://x.example/a', sha256: {:064}}}]\n", 0);
    assert!(serde_json::to_string(&cluster(&format!("{pinned}{ONE_HOST}")).cni).unwrap().contains("3.33.0"));
    assert_snapshot!(complaint_about(&pinned.replace("  version: 3.33.0\n", "")), @r"
    inventory.yaml has 1 error

      × `cni.manifests` needs `cni.version` beside it
       ╭─[inventory.yaml:2:3]
     1 │ cni:
     2 │   manifests: [{url: 'https://x.example/a', sha256: 0000000000000000000000000000000000000000000000000000000000000000}]
       ·   ────┬────
       ·       ╰── of which version of Calico?
     3 │ hosts:
       ╰────
    ");
}

#[test]
fn a_manifest_is_a_file_or_a_pinned_url() {
    let settings = "\
cni:
  provider: manifests
  manifests:
    - {url: https://example.com/network.yaml}
    - {url: https://example.com/network.yaml, sha256: abc}
    - {url: example.com/network.yaml, sha256: abc}
    - {path: network.yaml, url: https://example.com/network.yaml}
    - {}
";
    assert_snapshot!(complaint_about(settings), @r"
    inventory.yaml has 5 errors

      × a manifest has a path or a URL
       ╭─[inventory.yaml:3:3]
     2 │   provider: manifests
     3 │   manifests:
       ·   ────┬────
       ·       ╰── neither
     4 │     - {url: https://example.com/network.yaml}
       ╰────
      help: `{path: network.yaml}` beside the inventory, or `{url: https://…, sha256: …}`

      × a manifest from the network needs `sha256`
       ╭─[inventory.yaml:4:13]
     3 │   manifests:
     4 │     - {url: https://example.com/network.yaml}
       ·             ────────────────┬───────────────
       ·                             ╰── not pinned
     5 │     - {url: https://example.com/network.yaml, sha256: abc}
       ╰────
      help: curl -fsSL https://example.com/network.yaml | sha256sum

      × `abc` is not a SHA-256
       ╭─[inventory.yaml:5:55]
     4 │     - {url: https://example.com/network.yaml}
     5 │     - {url: https://example.com/network.yaml, sha256: abc}
       ·                                                       ─┬─
       ·                                                        ╰── 64 hexadecimal digits
     6 │     - {url: example.com/network.yaml, sha256: abc}
       ╰────

      × `example.com/network.yaml` is not an http or https URL
       ╭─[inventory.yaml:6:13]
     5 │     - {url: https://example.com/network.yaml, sha256: abc}
     6 │     - {url: example.com/network.yaml, sha256: abc}
       ·             ────────────────────────
     7 │     - {path: network.yaml, url: https://example.com/network.yaml}
       ╰────

      × a manifest has a path, or a URL with a sum
       ╭─[inventory.yaml:7:14]
     6 │     - {url: example.com/network.yaml, sha256: abc}
     7 │     - {path: network.yaml, url: https://example.com/network.yaml}
       ·              ──────┬─────
       ·                    ╰── both
     8 │     - {}
       ╰────
      help: `{path: network.yaml}` beside the inventory, or `{url: https://…, sha256: …}`
    ");
}

#[test]
fn manifests_of_add_ons_are_checked_in_the_same_way() {
    assert_snapshot!(complaint_about("addons:\n  manifests:\n    - {url: https://example.com/a.yaml}\n    - {path: none.yaml}\n"), @r"
    inventory.yaml has 2 errors

      × a manifest from the network needs `sha256`
       ╭─[inventory.yaml:3:13]
     2 │   manifests:
     3 │     - {url: https://example.com/a.yaml}
       ·             ─────────────┬────────────
       ·                          ╰── not pinned
     4 │     - {path: none.yaml}
       ╰────
      help: curl -fsSL https://example.com/a.yaml | sha256sum

      × cannot read /nowhere/none.yaml
       ╭─[inventory.yaml:4:14]
     3 │     - {url: https://example.com/a.yaml}
     4 │     - {path: none.yaml}
       ·              ────┬────
       ·                  ╰── No such file or directory (os error 2)
     5 │ hosts:
       ╰────
    ");
}

#[test]
fn settings_of_another_provider_are_not_ignored() {
    assert_snapshot!(complaint_about("cni: {provider: manifests, wireguard: false}\n"), @r"
    inventory.yaml has 2 errors

      × `cni.manifests` is empty
       ╭─[inventory.yaml:1:17]
     1 │ cni: {provider: manifests, wireguard: false}
       ·                 ────┬────
       ·                     ╰── needs at least one
     2 │ hosts:
       ╰────
      help: `{path: network.yaml}` beside the inventory, or `{url: https://…, sha256: …}`

      × `cni.wireguard` is for provider `calico` only
       ╭─[inventory.yaml:1:28]
     1 │ cni: {provider: manifests, wireguard: false}
       ·                            ─────────
     2 │ hosts:
       ╰────
    ");
    assert_snapshot!(complaint_about("cni: {provider: none, manifests: [{path: /dev/null}]}\n"), @r"
    inventory.yaml has 1 error

      × provider `none` applies no manifests
       ╭─[inventory.yaml:1:23]
     1 │ cni: {provider: none, manifests: [{path: /dev/null}]}
       ·                       ─────────
     2 │ hosts:
       ╰────
    ");
}

#[test]
fn ip_in_ip_is_not_for_ipv6() {
    let text = "cluster: {podSubnet: 'fd00:10::/56', serviceSubnet: 'fd00:20::/112'}\ncni: {encapsulation: ENCAPSULATION}\n\
                hosts: {cp1: {address: '2001:db8::1', roles: [control-plane]}}\n";
    let of = |encapsulation: &str| text.replace("ENCAPSULATION", encapsulation);
    for encapsulation in ["VXLAN", "VXLANCrossSubnet", "None"] {
        cluster(&of(encapsulation));
    }
    for encapsulation in ["IPIP", "IPIPCrossSubnet"] {
        let said = complaint(&of(encapsulation));
        assert!(said.contains(&format!("Calico has no {encapsulation} for IPv6 pods")), "{said}");
        assert!(said.contains("with an IPv6 `cluster.podSubnet`: VXLAN, VXLANCrossSubnet or None"), "{said}");
    }
}
