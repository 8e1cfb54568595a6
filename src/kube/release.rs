//! Helm releases as the cluster records them: what forge installed, at which revision, and whether it is still that.
//!
//! Helm keeps a Secret per revision, `sh.helm.release.v1.NAME.vREVISION`, with labels for name, status and revision. When forge
//! has installed one it adds a label of its own, `forge-applied: REVISION-CHART-VALUES`, with hashes of what it installed. Helm
//! copies such labels to the next revision, whoever makes it; so the label holds only while it names its own revision.

use crate::inventory::cluster::Chart;
use crate::secret::Secret;

/// The label with which forge marks a revision as its own.
pub const APPLIED: &str = "forge-applied";

/// What kubectl is asked, and what is made of its answer: the newest state of every release, `release NAMESPACE NAME STATUS
/// REVISION APPLIED` separated by tabs. Of the Secrets only labels are asked for. One word is no release and goes on as it is.
pub const RELEASES: &str = r#"get secrets -A -l 'owner=helm,status!=superseded' --no-headers -L name,status,version,forge-applied | awk 'NF == 1 {print; next} {print "release\t" $1 "\t" $(NF-3) "\t" $(NF-2) "\t" $(NF-1) "\t" $NF}'"#;

/// A release as the cluster has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Helm's word: `deployed`, `failed`, `pending-upgrade`…
    pub status: String,
    /// Counted by Helm from 1.
    pub revision: u32,
    /// What forge says of it, if it ever installed it.
    pub applied: Option<Applied>,
}

/// What forge installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// At which revision.
    pub revision: u32,
    /// Of which chart.
    pub chart: String,
    /// With which values.
    pub values: String,
}

impl Applied {
    /// The label's value for the revision that has just been made.
    pub fn label(chart: &Chart, values: &Secret) -> String {
        format!("{}-{}", chart_hash(chart), values_hash(values))
    }

    fn parse(label: &str) -> Option<Self> {
        let mut words = label.split('-');
        let applied = Self {
            revision: words.next()?.parse().ok()?,
            chart: words.next()?.to_owned(),
            values: words.next()?.to_owned(),
        };
        words.next().is_none().then_some(applied)
    }

    /// Whether it is this chart.
    pub fn is_chart(&self, chart: &Chart) -> bool {
        self.chart == chart_hash(chart)
    }

    /// Whether it has these values.
    pub fn has_values(&self, values: &Secret) -> bool {
        self.values == values_hash(values)
    }
}

/// Half of a SHA-256 would not fit twice into a label's 63 characters, and tells two charts apart as well.
const DIGITS: usize = 24;

fn chart_hash(chart: &Chart) -> String {
    let Chart { repo, name, version, sha256 } = chart;
    let text = serde_json::json!([repo, name, version, sha256]).to_string();
    short(&Secret::new(text))
}

fn values_hash(values: &Secret) -> String {
    short(values)
}

fn short(bytes: &Secret) -> String {
    bytes.sha256().chars().take(DIGITS).collect()
}

/// Takes in one line of [`RELEASES`], of which only the newest of each release counts.
pub fn take(releases: &mut Vec<Installed>, [namespace, name, status, revision, applied]: [&str; 5]) {
    let Ok(revision) = revision.parse() else { return };
    let release = Installed {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        status: status.to_owned(),
        revision,
        applied: Applied::parse(applied),
    };
    let same = |other: &&mut Installed| (&other.namespace, &other.name) == (&release.namespace, &release.name);
    match releases.iter_mut().find(same) {
        Some(other) if other.revision < release.revision => *other = release,
        Some(_) => {}
        None => releases.push(release),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(version: &str) -> Chart {
        Chart {
            repo: "https://charts.example".to_owned(),
            name: "web".to_owned(),
            version: version.to_owned(),
            sha256: None,
        }
    }

    #[test]
    fn a_label_tells_chart_and_values_apart_and_fits() {
        let label = format!("100000-{}", Applied::label(&chart("1.0.0"), &Secret::new("a: 1")));
        assert!(label.len() <= 63, "{label}");
        let applied = Applied::parse(&label).unwrap();
        assert_eq!(applied.revision, 100_000);
        assert!(applied.is_chart(&chart("1.0.0")) && applied.has_values(&Secret::new("a: 1")));
        assert!(!applied.is_chart(&chart("1.0.1")) && !applied.has_values(&Secret::new("a: 2")));
        for other in ["", "<none>", "1", "1-a", "x-a-b", "1-a-b-c"] {
            assert_eq!(Applied::parse(other), None, "{other}");
        }
    }

    #[test]
    fn only_the_newest_revision_of_a_release_counts() {
        let mut releases = Vec::new();
        take(&mut releases, ["falco", "falco", "failed", "9", "<none>"]);
        take(&mut releases, ["falco", "falco", "deployed", "10", "10-a-b"]);
        take(&mut releases, ["falco", "falco", "failed", "8", "<none>"]);
        take(&mut releases, ["other", "falco", "deployed", "1", "<none>"]);
        take(&mut releases, ["other", "broken", "deployed", "<none>", "<none>"]);
        let shown: Vec<String> = releases
            .iter()
            .map(|one| {
                format!("{}/{} {} {} {}", one.namespace, one.name, one.status, one.revision, one.applied.is_some())
            })
            .collect();
        assert_eq!(shown, ["falco/falco deployed 10 true", "other/falco deployed 1 false"]);
    }
}
