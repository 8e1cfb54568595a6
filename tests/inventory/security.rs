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
fn namespaces_of_the_cluster_itself_are_not_closed() {
    let settings = "security:\n  networkPolicy:\n    defaultDenyNamespaces: [default, kube-system, shop, shop, Shop]\n";
    assert_snapshot!(complaint_about(settings), @r"
    inventory.yaml has 3 errors

      × `kube-system` belongs to the cluster itself, which would stop working
       ╭─[inventory.yaml:3:38]
     2 │   networkPolicy:
     3 │     defaultDenyNamespaces: [default, kube-system, shop, shop, Shop]
       ·                                      ───────────
     4 │ hosts:
       ╰────
      help: name the namespaces of your own applications

      × `shop` stands here twice
       ╭─[inventory.yaml:3:57]
     2 │   networkPolicy:
     3 │     defaultDenyNamespaces: [default, kube-system, shop, shop, Shop]
       ·                                                         ────
     4 │ hosts:
       ╰────

      × `Shop` is not the name of a namespace
       ╭─[inventory.yaml:3:63]
     2 │   networkPolicy:
     3 │     defaultDenyNamespaces: [default, kube-system, shop, shop, Shop]
       ·                                                               ────
     4 │ hosts:
       ╰────
    ");
}

#[test]
fn an_allowed_registry_is_a_host_and_maybe_a_folder() {
    let registries = |list: &str| format!("security: {{images: {{allowedRegistries: [{list}]}}}}\n");
    let good =
        "registry.k8s.io, ghcr.io/acme, docker.io/library, 'mirror.example:5000', 'mirror:5000/a/b_c', localhost";
    assert_eq!(cluster(&format!("{}{ONE_HOST}", registries(good))).security.images.allowed_registries.len(), 6);
    let bad = "registry.k8s.io/, 'https://ghcr.io', acme, '*.example.com', GHCR.io, 'mirror:0', 'ghcr.io/a:1', ''";
    let told = complaint_about(&registries(bad));
    assert_eq!(told.matches("is not a registry").count(), 8, "{told}");
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

#[test]
fn a_trusted_network_is_a_network_or_an_address() {
    let text = "security: {trustedCIDRs: [192.0.2.0/24, 198.51.100.7, \"2001:db8::/64\"]}\n";
    let trusted = cluster(&format!("{text}{ONE_HOST}")).security.host.trusted_cidrs;
    let trusted: Vec<String> = trusted.iter().map(ToString::to_string).collect();
    assert_eq!(trusted, ["192.0.2.0/24", "198.51.100.7/32", "2001:db8::/64"]);
    let said = complaint_about(
        "security: {trustedCIDRs: [192.0.2.1/24, office], firewall: {allow: [{port: 80, from: [all]}]}}\n",
    );
    for words in ["192.0.2.1/24 has bits behind its prefix", "`office` is not a network", "`all` is not a network"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn settings_of_sshd_that_would_shut_forge_out_are_refused() {
    let hosts = "hosts:\n  cp1: {address: 192.0.2.11, roles: [control-plane]}\n  \
                 w1: {address: 192.0.2.21, roles: [worker], ssh: {user: ops, bastion: {address: 192.0.2.11}}}\n";
    let said = |setting: &str| match forge::inventory::parse(
        "inventory.yaml",
        &format!("security: {{sshd: {{settings: {{{setting}}}}}}}\n{hosts}"),
        std::path::Path::new("/nowhere"),
    ) {
        Ok(_) => String::new(),
        Err(invalid) => invalid.render(false),
    };
    let refused = [
        ("PermitRootLogin: \"no\"", "`PermitRootLogin no` shuts forge out of cp1, where it logs in as root"),
        ("pubkeyauthentication: \"no\"", "without `PubkeyAuthentication` forge cannot log in anywhere"),
        ("AuthenticationMethods: \"publickey,password\"", "asks for more than a key"),
        ("AllowUsers: ops admin", "`AllowUsers` leaves out root, with whom forge logs in to cp1"),
        ("DenyUsers: ops", "`DenyUsers` names ops, with whom forge logs in to w1"),
        ("AllowTcpForwarding: \"no\"", "cuts off the hosts behind cp1, which is their bastion"),
        ("Match: user x", "`Match` cannot be set here"),
        ("\"Use DNS\": \"no\"", "`Use DNS` is not a keyword of sshd_config"),
        ("Banner: \"a\\nb\"", "the value of `Banner` is not one line"),
    ];
    for (setting, words) in refused {
        assert!(said(setting).contains(words), "{setting}: {}", said(setting));
    }
    for setting in [
        "AllowUsers: ops root",
        "AllowUsers: \"*\"",
        "AuthenticationMethods: publickey password",
        "MaxSessions: 4",
        "UseDNS: null",
    ] {
        assert_eq!(said(setting), "", "{setting}");
    }
}

const CA: &str = "tests/fixtures/certificates/ca.pem";

#[test]
fn issuers_have_defaults_that_keep_them_apart_from_kubernetes_own_users() {
    let text = format!("security: {{oidc: [{{url: 'https://a.example', audiences: [k]}}]}}\n{ONE_HOST}");
    let issuer = &cluster(&text).security.oidc[0];
    assert_eq!((issuer.username.claim.as_str(), issuer.username.prefix.as_str()), ("sub", "oidc:"));
    assert_eq!((issuer.groups.claim.as_str(), issuer.groups.prefix.as_str()), ("groups", "oidc:"));
    let ca = format!("{}/{CA}", env!("CARGO_MANIFEST_DIR"));
    let text = text.replace("audiences", &format!("certificateAuthority: {ca}, audiences"));
    assert!(cluster(&text).security.oidc[0].certificate_authority.as_ref().unwrap().contains("BEGIN CERTIFICATE"));
}

#[test]
fn issuers_are_held_against_what_the_api_server_accepts() {
    let text = "security:
  oidc:
  - {url: 'http://a.example', audiences: [k]}
  - {url: 'https://b.example', audiences: []}
  - {url: 'https://b.example', audiences: [k, k]}
  - {url: 'https://c.example', audiences: [k], claimMappings: {username: {claim: '', prefix: 'system:'}}}
  - {url: 'https://d.example', audiences: [k], certificateAuthority: Cargo.toml}
";
    assert_snapshot!(complaint_about(text), @r"
    inventory.yaml has 7 errors

      × `http://a.example` is not the URL of an issuer
       ╭─[inventory.yaml:3:11]
     2 │   oidc:
     3 │   - {url: 'http://a.example', audiences: [k]}
       ·           ──────────────────
     4 │   - {url: 'https://b.example', audiences: []}
       ╰────
      help: an https URL without user, query and fragment, exactly as the tokens' `iss` has it

      × `security.oidc.audiences` must not be empty
       ╭─[inventory.yaml:4:32]
     3 │   - {url: 'http://a.example', audiences: [k]}
     4 │   - {url: 'https://b.example', audiences: []}
       ·                                ─────────
     5 │   - {url: 'https://b.example', audiences: [k, k]}
       ╰────

      × the issuer `https://b.example` stands here twice
       ╭─[inventory.yaml:5:11]
     4 │   - {url: 'https://b.example', audiences: []}
     5 │   - {url: 'https://b.example', audiences: [k, k]}
       ·           ───────────────────
     6 │   - {url: 'https://c.example', audiences: [k], claimMappings: {username: {claim: '', prefix: 'system:'}}}
       ╰────
      help: give one issuer all audiences

      × the audience `k` is empty or stands here twice
       ╭─[inventory.yaml:5:47]
     4 │   - {url: 'https://b.example', audiences: []}
     5 │   - {url: 'https://b.example', audiences: [k, k]}
       ·                                               ─
     6 │   - {url: 'https://c.example', audiences: [k], claimMappings: {username: {claim: '', prefix: 'system:'}}}
       ╰────

      × the claim of `username` has no name
       ╭─[inventory.yaml:6:82]
     5 │   - {url: 'https://b.example', audiences: [k, k]}
     6 │   - {url: 'https://c.example', audiences: [k], claimMappings: {username: {claim: '', prefix: 'system:'}}}
       ·                                                                                  ──
     7 │   - {url: 'https://d.example', audiences: [k], certificateAuthority: Cargo.toml}
       ╰────

      × the prefix of `username` must not begin with `system:`
       ╭─[inventory.yaml:6:94]
     5 │   - {url: 'https://b.example', audiences: [k, k]}
     6 │   - {url: 'https://c.example', audiences: [k], claimMappings: {username: {claim: '', prefix: 'system:'}}}
       ·                                                                                              ─────────
     7 │   - {url: 'https://d.example', audiences: [k], certificateAuthority: Cargo.toml}
       ╰────
      help: names that begin so are Kubernetes' own: `system:masters` may do everything

      × cannot read /nowhere/Cargo.toml
       ╭─[inventory.yaml:7:70]
     6 │   - {url: 'https://c.example', audiences: [k], claimMappings: {username: {claim: '', prefix: 'system:'}}}
     7 │   - {url: 'https://d.example', audiences: [k], certificateAuthority: Cargo.toml}
       ·                                                                      ─────┬────
       ·                                                                           ╰── No such file or directory (os error 2)
     8 │ hosts:
       ╰────
    ");
}

#[test]
fn a_backend_for_audit_events_is_a_kubeconfig_that_needs_no_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("webhook.conf");
    let text = format!("security: {{audit: {{webhook: {}}}}}\n{ONE_HOST}", path.display());
    let good = "{kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a}}], \
                clusters: [{name: a, cluster: {server: 'https://audit.example'}}]}";
    std::fs::write(&path, good).unwrap();
    assert_eq!(cluster(&text).security.audit.webhook, Some(path.clone()));
    std::fs::write(&path, good.replace("https", "http")).unwrap();
    let complaint = parse("inventory.yaml", &text, folder.path()).unwrap_err().to_string();
    assert!(complaint.contains("webhook.conf cannot be used: its server is not an https URL"), "{complaint}");
}
