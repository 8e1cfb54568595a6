//! The report as one page of HTML that needs nothing else: for an auditor, on a screen or on paper.

use serde::Serialize;

use super::controls;
use super::report::{Finding, Report, State};
use crate::inventory::NodeName;
use crate::inventory::cluster::Waiver;
use crate::render::{RenderError, Templates};

#[derive(Serialize)]
struct Page<'a> {
    cluster: &'a str,
    kubernetes: &'a str,
    forge: &'static str,
    when: &'a str,
    host_count: usize,
    control_count: usize,
    failed: usize,
    scored: usize,
    scored_failed: usize,
    not_checked: usize,
    counts: Vec<Count>,
    failures: Vec<Row<'a>>,
    hosts: Vec<HostRow<'a>>,
    areas: Vec<Area<'a>>,
    waivers: Vec<WaiverRow<'a>>,
}

#[derive(Serialize)]
struct Count {
    state: &'static str,
    class: String,
    number: usize,
}

/// One control, with everything that was found about it.
#[derive(Serialize)]
struct Row<'a> {
    id: &'static str,
    title: &'static str,
    severity: &'static str,
    scored: bool,
    scope: &'static str,
    maps_to: Vec<String>,
    how: &'static str,
    remedy: &'static str,
    state: &'static str,
    class: String,
    found: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    host: &'a str,
    state: &'static str,
    class: String,
    evidence: &'a str,
    note: String,
}

#[derive(Serialize)]
struct HostRow<'a> {
    name: &'a str,
    numbers: Vec<usize>,
    failed: Vec<&'static str>,
}

#[derive(Serialize)]
struct Area<'a> {
    title: &'static str,
    controls: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct WaiverRow<'a> {
    control: &'a str,
    hosts: String,
    reason: &'a str,
    expires: String,
    expired: bool,
    used: bool,
}

const STATES: [State; 6] =
    [State::Fail, State::NotChecked, State::Waived, State::Manual, State::Pass, State::NotApplicable];

/// The page. `when` is for people.
///
/// # Errors
/// The template is broken.
pub fn page(templates: &Templates, report: &Report, when: &str) -> Result<String, RenderError> {
    let of = |control: &'static super::Control| {
        let found: Vec<&Finding> = report.findings.iter().filter(|finding| finding.control.id == control.id).collect();
        row(control, report, &found)
    };
    let areas: Vec<Area<'_>> = controls::areas()
        .map(|(title, controls)| Area { title, controls: controls.iter().map(of).collect() })
        .collect();
    let worst = |wanted: State| {
        let mut ids: Vec<&'static super::Control> = Vec::new();
        for finding in report.findings.iter().filter(|finding| finding.state == wanted) {
            if !ids.iter().any(|control| control.id == finding.control.id) {
                ids.push(finding.control);
            }
        }
        ids
    };
    let failures = worst(State::Fail).into_iter().map(|control| {
        let failed = |finding: &&Finding| finding.control.id == control.id && finding.state == State::Fail;
        row(control, report, &report.findings.iter().filter(failed).collect::<Vec<_>>())
    });
    let page = Page {
        cluster: &report.cluster,
        kubernetes: &report.version,
        forge: env!("CARGO_PKG_VERSION"),
        when,
        host_count: report.hosts.len(),
        control_count: controls::all().count(),
        failed: report.count(State::Fail),
        scored: controls::all().filter(|control| is_scored(control)).count(),
        scored_failed: worst(State::Fail).into_iter().filter(|control| is_scored(control)).count(),
        not_checked: report.count(State::NotChecked),
        counts: STATES
            .map(|state| Count { state: state.as_str(), class: class(state), number: report.count(state) })
            .into(),
        failures: failures.collect(),
        hosts: hosts(report),
        areas,
        waivers: waivers(report),
    };
    templates.render("audit/report.html.tera", &page)
}

/// Whether the benchmark counts it.
fn is_scored(control: &super::Control) -> bool {
    control.scored && control.id.starts_with("CIS-")
}

fn class(state: State) -> String {
    state.as_str().replace(' ', "-")
}

/// Findings in the order of the inventory, the cluster's own first.
fn row<'a>(control: &'static super::Control, report: &'a Report, found: &[&'a Finding]) -> Row<'a> {
    let mut found = found.to_vec();
    found.sort_by_key(|finding| report.hosts.iter().position(|host| Some(host) == finding.host.as_ref()));
    let state = found.iter().map(|finding| finding.state).min().unwrap_or(State::NotApplicable);
    Row {
        id: control.id,
        title: control.title,
        severity: control.severity.as_str(),
        scored: control.scored,
        scope: control.check.scope(),
        maps_to: control.maps_to(),
        how: control.how,
        remedy: control.remedy,
        state: state.as_str(),
        class: class(state),
        found: found.into_iter().map(one).collect(),
    }
}

fn one(finding: &Finding) -> Found<'_> {
    let note = finding.waiver.as_ref().map_or_else(String::new, |waiver| {
        let word = if waiver.holds { "waived until" } else { "the waiver expired on" };
        format!("{word} {}: {}", waiver.expires, waiver.reason)
    });
    Found {
        host: finding.host.as_ref().map_or("cluster", |host| host.as_str()),
        state: finding.state.as_str(),
        class: class(finding.state),
        evidence: &finding.evidence,
        note,
    }
}

fn hosts(report: &Report) -> Vec<HostRow<'_>> {
    [None].into_iter().chain(report.hosts.iter().map(Some)).map(|name| host_row(report, name)).collect()
}

fn host_row<'a>(report: &Report, name: Option<&'a NodeName>) -> HostRow<'a> {
    let own = || report.findings.iter().filter(move |finding| finding.host.as_ref() == name);
    HostRow {
        name: name.map_or("cluster", |name| name.as_str()),
        numbers: STATES.map(|state| own().filter(|finding| finding.state == state).count()).into(),
        failed: own().filter(|finding| finding.state == State::Fail).map(|finding| finding.control.id).collect(),
    }
}

fn waivers(report: &Report) -> Vec<WaiverRow<'_>> {
    report.waivers.iter().map(|(waiver, expired)| waiver_row(report, waiver, *expired)).collect()
}

fn waiver_row<'a>(report: &Report, waiver: &'a Waiver, expired: bool) -> WaiverRow<'a> {
    let hosts: Vec<&str> = waiver.hosts.iter().map(NodeName::as_str).collect();
    let about = |finding: &Finding| {
        finding.control.id == waiver.control
            && finding
                .waiver
                .as_ref()
                .is_some_and(|used| used.reason == waiver.reason && used.expires == waiver.expires)
    };
    WaiverRow {
        control: &waiver.control,
        hosts: if hosts.is_empty() { "all".to_owned() } else { hosts.join(", ") },
        reason: &waiver.reason,
        expires: waiver.expires.to_string(),
        expired,
        used: report.findings.iter().any(about),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::audit::judge::judge;
    use crate::audit::judge::tests::cluster;
    use crate::host::Observed;
    use crate::inventory::cluster::Day;

    fn html(inventory: &str, sshd: &str) -> String {
        let cluster = cluster(inventory);
        let mut observed = Observed::default();
        observed.answers.insert("audit sshd".into(), sshd.into());
        let answers: BTreeMap<_, _> = [(cluster.hosts[0].name.clone(), observed)].into();
        let report = judge(&cluster, &answers, Day::parse("2026-11-24").unwrap());
        page(&Templates::load(None).unwrap(), &report, "2026-11-24 22:00 UTC").unwrap()
    }

    #[test]
    fn what_hosts_and_the_inventory_say_is_text_and_never_markup() {
        let waiver =
            "audit: {waivers: [{control: FORGE-SSHD-ROOT, reason: \"<b onclick='x'>&\", expires: 2026-12-01}]}\n";
        let page = html(waiver, "permitrootlogin <script>alert(1)</script>\n");
        assert!(!page.contains("<script") && !page.contains("<b on"), "{page}");
        assert!(page.contains("permitrootlogin &lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(page.contains("waived until 2026-12-01: &lt;b onclick=&#39;x&#39;&gt;&amp;"));
    }

    #[test]
    fn the_page_needs_nothing_else_and_has_every_control_and_host() {
        let page = html("", "permitrootlogin yes\n");
        for word in ["http://", "https://", "src=", "url(", "@import", "<link"] {
            assert!(!page.replace("https://kubernetes", "").contains(word), "{word}");
        }
        assert!(controls::all().all(|control| page.contains(&format!(">{}<", control.id))));
        assert!(
            page.contains("<td>cp1</td>") && page.contains("<td>w1</td>") && page.contains("the host did not answer")
        );
        assert!(page.contains("permitrootlogin yes"));
    }
}
