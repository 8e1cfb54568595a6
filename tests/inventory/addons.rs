//! `addons`: what forge knows, and releases of one's own.

use insta::assert_snapshot;

use super::*;

#[test]
fn what_is_turned_off_is_not_there() {
    let off =
        "addons: {falco: {enabled: false}, metricsServer: {enabled: false}, kubeletCsrApprover: {enabled: false}}\n";
    let addons = serde_json::to_value(&cluster(&format!("{off}{ONE_HOST}")).addons).unwrap();
    for key in ["kubeletCsrApprover", "metricsServer", "falco"] {
        assert!(addons[key].is_null(), "{addons}");
    }
}

#[test]
fn another_version_of_a_chart_needs_its_checksum() {
    assert_snapshot!(complaint_about("addons: {falco: {version: 9.3.0}, metricsServer: {sha256: abc}}\n"), @r"
    inventory.yaml has 2 errors

      × the checksum of falco 9.3.0 is not known
       ╭─[inventory.yaml:1:27]
     1 │ addons: {falco: {version: 9.3.0}, metricsServer: {sha256: abc}}
       ·                           ─────
     2 │ hosts:
       ╰────
      help: known is 9.2.0; for 9.3.0, give the archive's `sha256` beside it

      × `sha256` needs `version` beside it
       ╭─[inventory.yaml:1:51]
     1 │ addons: {falco: {version: 9.3.0}, metricsServer: {sha256: abc}}
       ·                                                   ───┬──
       ·                                                      ╰── of which version?
     2 │ hosts:
       ╰────
    ");
    let pinned = format!("addons: {{falco: {{version: 9.3.0, sha256: {:064}}}}}\n", 0);
    let cluster = cluster(&format!("{pinned}{ONE_HOST}"));
    assert_eq!(cluster.addons.falco.unwrap().chart.version, "9.3.0");
}

#[test]
fn a_release_of_ones_own() {
    let settings = "\
addons:
  helm:
    - name: ingress
      chart: traefik
      repo: oci://ghcr.io/traefik/helm
      version: v41.6.1
      namespace: ingress
      values: {replicas: 2}
    - {name: web, chart: web, repo: 'https://charts.example/', version: 1.0.0, namespace: web, valuesFile: /dev/null, wait: false}
";
    assert_snapshot!(serde_json::to_string_pretty(&cluster(&format!("{settings}{ONE_HOST}")).addons.helm).unwrap(), @r#"
    [
      {
        "name": "ingress",
        "namespace": "ingress",
        "chart": {
          "repo": "oci://ghcr.io/traefik/helm",
          "name": "traefik",
          "version": "v41.6.1",
          "sha256": null
        },
        "values": {
          "inline": {
            "replicas": 2
          }
        },
        "wait": true
      },
      {
        "name": "web",
        "namespace": "web",
        "chart": {
          "repo": "https://charts.example",
          "name": "web",
          "version": "1.0.0",
          "sha256": null
        },
        "values": {
          "file": "/dev/null"
        },
        "wait": false
      }
    ]
    "#);
}

#[test]
fn everything_wrong_with_a_release_is_told() {
    let settings = "\
addons:
  helm:
    - {name: Web, chart: charts/web, repo: charts.example, version: '1', namespace: a.b, values: {a: 1}, valuesFile: x.yaml}
    - {name: web, chart: web, repo: 'https://charts.example', version: '>=1.0.0', namespace: web, sha256: abc}
";
    assert_snapshot!(complaint_about(settings), @r"
    inventory.yaml has 8 errors

      × `Web` cannot name a Helm release
       ╭─[inventory.yaml:3:14]
     2 │   helm:
     3 │     - {name: Web, chart: charts/web, repo: charts.example, version: '1', namespace: a.b, values: {a: 1}, valuesFile: x.yaml}
       ·              ───
     4 │     - {name: web, chart: web, repo: 'https://charts.example', version: '>=1.0.0', namespace: web, sha256: abc}
       ╰────
      help: at most 53 of a-z, 0-9, `-` and `.`, beginning and ending with a letter or digit

      × `charts/web` is not the name of a chart
       ╭─[inventory.yaml:3:26]
     2 │   helm:
     3 │     - {name: Web, chart: charts/web, repo: charts.example, version: '1', namespace: a.b, values: {a: 1}, valuesFile: x.yaml}
       ·                          ──────────
     4 │     - {name: web, chart: web, repo: 'https://charts.example', version: '>=1.0.0', namespace: web, sha256: abc}
       ╰────
      help: its name in the repository, without a path: `falco`

      × `charts.example` is not an http, https or oci URL
       ╭─[inventory.yaml:3:44]
     2 │   helm:
     3 │     - {name: Web, chart: charts/web, repo: charts.example, version: '1', namespace: a.b, values: {a: 1}, valuesFile: x.yaml}
       ·                                            ──────────────
     4 │     - {name: web, chart: web, repo: 'https://charts.example', version: '>=1.0.0', namespace: web, sha256: abc}
       ╰────
      help: `https://falcosecurity.github.io/charts`, or `oci://ghcr.io/falcosecurity/charts`

      × `1` is not a chart's exact version
       ╭─[inventory.yaml:3:69]
     2 │   helm:
     3 │     - {name: Web, chart: charts/web, repo: charts.example, version: '1', namespace: a.b, values: {a: 1}, valuesFile: x.yaml}
       ·                                                                     ─┬─
       ·                                                                      ╰── for example 1.2.3
     4 │     - {name: web, chart: web, repo: 'https://charts.example', version: '>=1.0.0', namespace: web, sha256: abc}
       ╰────

      × `a.b` is not the name of a namespace
       ╭─[inventory.yaml:3:85]
     2 │   helm:
     3 │     - {name: Web, chart: charts/web, repo: charts.example, version: '1', namespace: a.b, values: {a: 1}, valuesFile: x.yaml}
       ·                                                                                     ───
     4 │     - {name: web, chart: web, repo: 'https://charts.example', version: '>=1.0.0', namespace: web, sha256: abc}
       ╰────

      × a release has `values` or `valuesFile`
       ╭─[inventory.yaml:3:106]
     2 │   helm:
     3 │     - {name: Web, chart: charts/web, repo: charts.example, version: '1', namespace: a.b, values: {a: 1}, valuesFile: x.yaml}
       ·                                                                                                          ─────┬────
       ·                                                                                                               ╰── both
     4 │     - {name: web, chart: web, repo: 'https://charts.example', version: '>=1.0.0', namespace: web, sha256: abc}
       ╰────

      × `>=1.0.0` is not a chart's exact version
       ╭─[inventory.yaml:4:72]
     3 │     - {name: Web, chart: charts/web, repo: charts.example, version: '1', namespace: a.b, values: {a: 1}, valuesFile: x.yaml}
     4 │     - {name: web, chart: web, repo: 'https://charts.example', version: '>=1.0.0', namespace: web, sha256: abc}
       ·                                                                        ────┬────
       ·                                                                            ╰── for example 1.2.3
     5 │ hosts:
       ╰────

      × `abc` is not a SHA-256
       ╭─[inventory.yaml:4:107]
     3 │     - {name: Web, chart: charts/web, repo: charts.example, version: '1', namespace: a.b, values: {a: 1}, valuesFile: x.yaml}
     4 │     - {name: web, chart: web, repo: 'https://charts.example', version: '>=1.0.0', namespace: web, sha256: abc}
       ·                                                                                                           ─┬─
       ·                                                                                                            ╰── 64 hexadecimal digits
     5 │ hosts:
       ╰────
    ");
}

#[test]
fn a_release_stands_once_and_is_not_forges_own() {
    let settings = "\
addons:
  helm:
    - {name: web, chart: web, repo: 'https://charts.example', version: 1.0.0, namespace: web}
    - {name: web, chart: other, repo: 'https://charts.example', version: 1.0.0, namespace: web}
    - {name: falco, chart: falco, repo: 'https://charts.example', version: 1.0.0, namespace: falco}
";
    assert_snapshot!(complaint_about(settings), @r"
    inventory.yaml has 2 errors

      × the release `web` of namespace `web` stands here twice
       ╭─[inventory.yaml:4:14]
     3 │     - {name: web, chart: web, repo: 'https://charts.example', version: 1.0.0, namespace: web}
     4 │     - {name: web, chart: other, repo: 'https://charts.example', version: 1.0.0, namespace: web}
       ·              ─┬─
       ·               ╰── again
     5 │     - {name: falco, chart: falco, repo: 'https://charts.example', version: 1.0.0, namespace: falco}
       ╰────

      × the release `falco` of namespace `falco` is forge's own
       ╭─[inventory.yaml:5:14]
     4 │     - {name: web, chart: other, repo: 'https://charts.example', version: 1.0.0, namespace: web}
     5 │     - {name: falco, chart: falco, repo: 'https://charts.example', version: 1.0.0, namespace: falco}
       ·              ─────
     6 │ hosts:
       ╰────
      help: use `addons.falco`, or turn that off
    ");
}

#[test]
fn helm_itself_is_pinned() {
    assert_snapshot!(complaint_about("sources: {helm: {version: 4.9.9}}\n"), @r"
    inventory.yaml has 1 error

      × the checksums of Helm 4.9.9 are not known
       ╭─[inventory.yaml:1:27]
     1 │ sources: {helm: {version: 4.9.9}}
       ·                           ─────
     2 │ hosts:
       ╰────
      help: known is 4.3.0; for 4.9.9, give `sha256: {amd64: …}` beside it, as get.helm.sh publishes it
    ");
    assert_snapshot!(complaint_about("sources: {helm: {version: 3.21.4, sha256: {arm: abc, amd64: abc}}}\n"), @r"
    inventory.yaml has 1 error

      × `3.21.4` is not a version of Helm 4
       ╭─[inventory.yaml:1:27]
     1 │ sources: {helm: {version: 3.21.4, sha256: {arm: abc, amd64: abc}}}
       ·                           ──────
     2 │ hosts:
       ╰────
      help: an exact version of Helm 4 without `v`, as in 4.3.0
    ");
    assert_snapshot!(complaint_about("sources: {helm: {sha256: {arm: abc, amd64: abc}}}\n"), @r"
    inventory.yaml has 2 errors

      × `arm` is not an architecture
       ╭─[inventory.yaml:1:27]
     1 │ sources: {helm: {sha256: {arm: abc, amd64: abc}}}
       ·                           ─┬─
       ·                            ╰── amd64 or arm64
     2 │ hosts:
       ╰────

      × `abc` is not a SHA-256
       ╭─[inventory.yaml:1:44]
     1 │ sources: {helm: {sha256: {arm: abc, amd64: abc}}}
       ·                                            ─┬─
       ·                                             ╰── 64 hexadecimal digits
     2 │ hosts:
       ╰────
    ");
    let pinned = format!("sources: {{helm: {{version: 4.9.9, sha256: {{amd64: {:064}}}}}}}\n", 0);
    let helm = cluster(&format!("{pinned}{ONE_HOST}")).sources.helm;
    assert_eq!((helm.version.as_str(), helm.sha256.len()), ("4.9.9", 1));
}

#[test]
fn charts_in_registries_can_be_mirrored_too() {
    let good = "sources: {artifacts: {'oci://ghcr.io/traefik': 'oci://mirror.example/traefik'}}\n";
    let sources = cluster(&format!("{good}{ONE_HOST}")).sources;
    assert_eq!(sources.rewrite("oci://ghcr.io/traefik/helm"), "oci://mirror.example/traefik/helm");
    assert_snapshot!(complaint_about("sources: {artifacts: {'oci://ghcr.io/traefik': 'https://mirror.example'}}\n"), @r"
    inventory.yaml has 1 error

      × `https://mirror.example` is not an oci URL
       ╭─[inventory.yaml:1:48]
     1 │ sources: {artifacts: {'oci://ghcr.io/traefik': 'https://mirror.example'}}
       ·                                                ────────────────────────
     2 │ hosts:
       ╰────
    ");
}
