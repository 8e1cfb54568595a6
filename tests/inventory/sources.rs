//! `sources` and `proxy`: repositories, keys, mirrors, proxies.

use insta::assert_snapshot;

use super::*;

#[test]
fn a_key_from_the_network_needs_a_fingerprint() {
    let settings = "\
sources:
  kubernetesPackages: {url: 'https://apt.example/k8s/{minor}/', key: 'https://apt.example/key.asc'}
  containerdPackages: {url: 'https://apt.example/{release}', key: 'https://apt.example/key.asc', fingerprint: 1234}
";
    assert_snapshot!(complaint_about(settings), @r"
    inventory.yaml has 3 errors

      × a key from the network needs `fingerprint`
       ╭─[inventory.yaml:2:70]
     1 │ sources:
     2 │   kubernetesPackages: {url: 'https://apt.example/k8s/{minor}/', key: 'https://apt.example/key.asc'}
       ·                                                                      ──────────────┬──────────────
       ·                                                                                    ╰── not pinned
     3 │   containerdPackages: {url: 'https://apt.example/{release}', key: 'https://apt.example/key.asc', fingerprint: 1234}
       ╰────
      help: curl -fsSL https://apt.example/key.asc | gpg --show-keys

      × `https://apt.example/{release}` has an unknown placeholder
       ╭─[inventory.yaml:3:29]
     2 │   kubernetesPackages: {url: 'https://apt.example/k8s/{minor}/', key: 'https://apt.example/key.asc'}
     3 │   containerdPackages: {url: 'https://apt.example/{release}', key: 'https://apt.example/key.asc', fingerprint: 1234}
       ·                             ───────────────┬───────────────
       ·                                            ╰── known here: {distribution}
     4 │ hosts:
       ╰────

      × `1234` is not an OpenPGP fingerprint
       ╭─[inventory.yaml:3:111]
     2 │   kubernetesPackages: {url: 'https://apt.example/k8s/{minor}/', key: 'https://apt.example/key.asc'}
     3 │   containerdPackages: {url: 'https://apt.example/{release}', key: 'https://apt.example/key.asc', fingerprint: 1234}
       ·                                                                                                               ──┬─
       ·                                                                                                                 ╰── 40 hexadecimal digits
     4 │ hosts:
       ╰────
    ");
}

#[test]
fn placeholders_and_pasted_fingerprints_are_understood() {
    let settings = "\
sources:
  kubernetesPackages:
    url: https://apt.example/k8s/{minor}/
    key: https://apt.example/k8s/{minor}.asc
    fingerprint: de15 b144 86cd 377b 9e87  6e1a 2346 54da 9a29 6436
";
    let sources = cluster(&format!("{settings}{ONE_HOST}")).sources;
    assert_snapshot!(serde_json::to_string_pretty(&sources.kubernetes_packages).unwrap(), @r#"
    {
      "url": "https://apt.example/k8s/1.36/",
      "key": {
        "url": {
          "url": "https://apt.example/k8s/1.36.asc",
          "fingerprint": "DE15B14486CD377B9E876E1A234654DA9A296436"
        }
      }
    }
    "#);
}

#[test]
fn mirrors_and_prefixes_are_urls() {
    let settings = "\
sources:
  registries:
    https://registry.k8s.io: ['http://mirror:5000']
    quay.io: [mirror:5000]
    docker.io: []
  artifacts: {'https://raw.githubusercontent.com/': mirror/}
";
    assert_snapshot!(complaint_about(settings), @r"
    inventory.yaml has 4 errors

      × `https://registry.k8s.io` is not a registry
       ╭─[inventory.yaml:3:5]
     2 │   registries:
     3 │     https://registry.k8s.io: ['http://mirror:5000']
       ·     ───────────────────────
     4 │     quay.io: [mirror:5000]
       ╰────
      help: a name with or without a port, as images begin with: `registry.k8s.io`

      × the mirror `mirror:5000` is not an http or https URL
       ╭─[inventory.yaml:4:15]
     3 │     https://registry.k8s.io: ['http://mirror:5000']
     4 │     quay.io: [mirror:5000]
       ·               ───────────
     5 │     docker.io: []
       ╰────
      help: for example `https://mirror.example:5000`

      × `docker.io` has no mirrors
       ╭─[inventory.yaml:5:5]
     4 │     quay.io: [mirror:5000]
     5 │     docker.io: []
       ·     ────┬────
       ·         ╰── give one, or take the registry out
     6 │   artifacts: {'https://raw.githubusercontent.com/': mirror/}
       ╰────

      × `mirror/` is not an http or https URL
       ╭─[inventory.yaml:6:53]
     5 │     docker.io: []
     6 │   artifacts: {'https://raw.githubusercontent.com/': mirror/}
       ·                                                     ───────
     7 │ hosts:
       ╰────
    ");
}

#[test]
fn proxies_are_urls_and_exceptions_are_a_list() {
    assert_snapshot!(complaint_about("proxy: {http: 'proxy:3128', noProxy: ['.example,10.0.0.0/8']}\n"), @r"
    inventory.yaml has 2 errors

      × the proxy `proxy:3128` is not an http or https URL
       ╭─[inventory.yaml:1:15]
     1 │ proxy: {http: 'proxy:3128', noProxy: ['.example,10.0.0.0/8']}
       ·               ────────────
     2 │ hosts:
       ╰────

      × `.example,10.0.0.0/8` is not one name, suffix or network
       ╭─[inventory.yaml:1:39]
     1 │ proxy: {http: 'proxy:3128', noProxy: ['.example,10.0.0.0/8']}
       ·                                       ─────────────────────
     2 │ hosts:
       ╰────
    ");
}
