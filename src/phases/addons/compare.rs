//! What differs between a release that is wanted and the one that the cluster has. Pure.

use super::Release;
use crate::host::Difference;
use crate::kube::release::Installed;

/// A line for each thing that differs; none when the release is exactly what forge installed last. Values are never shown.
pub(super) fn differences(release: &Release, found: Option<&Installed>) -> Vec<Difference> {
    let Release { name, namespace, chart, values, .. } = release;
    let line = |words: String| Difference::new(format!("release {name} in {namespace}: {words}"));
    let (chart_name, version) = (&chart.name, &chart.version);
    let Some(found) = found else { return vec![line(format!("install chart {chart_name} {version}"))] };
    let revision = found.revision;
    let mut lines = Vec::new();
    match (found.status.as_str(), &found.applied) {
        ("deployed", Some(applied)) if applied.revision == revision => {}
        ("deployed", Some(applied)) => {
            lines.push(line(format!(
                "revision {revision} is not what forge applied (revision {}): apply again",
                applied.revision
            )));
        }
        ("deployed", None) => {
            return vec![line(format!("take over revision {revision}, with chart {chart_name} {version}"))];
        }
        ("failed", _) => lines.push(line(format!("revision {revision} failed: apply again"))),
        (status, _) => lines.push(line(format!("revision {revision} was left {status}: clear it and apply again"))),
    }
    if found.applied.as_ref().is_some_and(|applied| !applied.is_chart(chart)) {
        lines.push(line(format!("chart: change to {chart_name} {version}")));
    }
    if found.applied.as_ref().is_some_and(|applied| !applied.has_values(values)) {
        lines.push(line("values: change (content not shown)".to_owned()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::cluster::Chart;
    use crate::kube::release::{Applied, take};
    use crate::secret::Secret;

    fn release(version: &str, values: &str) -> Release {
        let chart = Chart {
            repo: "https://charts.example".to_owned(),
            name: "web".to_owned(),
            version: version.to_owned(),
            sha256: None,
        };
        Release {
            name: "shop".to_owned(),
            namespace: "front".to_owned(),
            labels: &[],
            chart,
            values: Secret::new(values),
            secret: false,
            wait: true,
        }
    }

    /// What the plan says of `shop` 1.0.0 with the values `a: 1` when the cluster has this.
    fn told(status: &str, revision: &str, applied: &str) -> Vec<String> {
        let mut found = Vec::new();
        take(&mut found, ["front", "shop", status, revision, applied]);
        differences(&release("1.0.0", "a: 1"), found.first()).into_iter().map(|one| one.summary).collect()
    }

    fn label(revision: u32, version: &str, values: &str) -> String {
        let Release { chart, values, .. } = release(version, values);
        format!("{revision}-{}", Applied::label(&chart, &values))
    }

    #[test]
    fn a_release_is_compared_with_what_forge_installed() {
        let same = label(3, "1.0.0", "a: 1");
        let cases: &[(&str, &str, &str, &[&str])] = &[
            ("deployed", "3", &same, &[]),
            ("deployed", "4", &same, &["revision 4 is not what forge applied (revision 3): apply again"]),
            ("deployed", "3", "<none>", &["take over revision 3, with chart web 1.0.0"]),
            ("deployed", "3", &label(3, "0.9.0", "a: 1"), &["chart: change to web 1.0.0"]),
            ("deployed", "3", &label(3, "1.0.0", "a: 2"), &["values: change (content not shown)"]),
            (
                "deployed",
                "4",
                &label(3, "0.9.0", "a: 2"),
                &[
                    "revision 4 is not what forge applied (revision 3): apply again",
                    "chart: change to web 1.0.0",
                    "values: change (content not shown)",
                ],
            ),
            ("failed", "4", &same, &["revision 4 failed: apply again"]),
            ("pending-upgrade", "4", &same, &["revision 4 was left pending-upgrade: clear it and apply again"]),
            ("pending-install", "1", "<none>", &["revision 1 was left pending-install: clear it and apply again"]),
        ];
        for (status, revision, applied, expected) in cases {
            let expected: Vec<String> =
                expected.iter().map(|words| format!("release shop in front: {words}")).collect();
            assert_eq!(told(status, revision, applied), expected, "{status} {revision} {applied}");
        }
        let bare = differences(&release("1.0.0", "a: 1"), None);
        assert_eq!(bare[0].summary, "release shop in front: install chart web 1.0.0");
    }
}
