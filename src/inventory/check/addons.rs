//! `addons`: every chart and manifest with its pin, and names that Helm and Kubernetes take.

use super::files::Files;
use super::manifests;
use super::syntax::{is_dns_name, is_exact_version, is_hex, is_oci, is_url};
use crate::inventory::addons::{FALCO, KUBELET_CSR_APPROVER, Known, METRICS_SERVER};
use crate::inventory::cluster::{Addons, BuiltinAddon, Chart, ChartValues, HelmRelease, NodeName};
use crate::inventory::finding::Findings;
use crate::inventory::model::{self, Inventory};

/// What runs on the cluster and is kept there.
pub(super) fn addons(inventory: &Inventory, files: &Files<'_>, findings: &mut Findings<'_>) -> Option<Addons> {
    let model::Addons { kubelet_csr_approver, metrics_server, falco, helm, manifests } = &inventory.addons;
    let approver = builtin(kubelet_csr_approver, &KUBELET_CSR_APPROVER, findings);
    let metrics = builtin(metrics_server, &METRICS_SERVER, findings);
    let falco = builtin(falco, &FALCO, findings);
    let releases: Vec<_> = helm.iter().enumerate().map(|(index, one)| release(one, index, files, findings)).collect();
    let manifests = manifests::manifests(manifests, "addons", files, findings);
    let addons = Addons {
        kubelet_csr_approver: approver?,
        metrics_server: metrics?,
        falco: falco?,
        helm: releases.into_iter().collect::<Option<_>>()?,
        manifests: manifests?,
    };
    twice(&addons, findings);
    Some(addons)
}

/// `Some(None)` when it is turned off.
fn builtin(addon: &model::BuiltinAddon, known: &Known, findings: &mut Findings<'_>) -> Option<Option<BuiltinAddon>> {
    let at = |key| ["addons", known.key, key];
    let chart = match (&addon.version, &addon.sha256) {
        (Some(version), Some(sha256)) => {
            let fine = version_is_fine(version, &at("version"), findings);
            (sum_is_fine(sha256, &at("sha256"), findings) && fine).then(|| known.at(version, &sha256.to_lowercase()))
        }
        (Some(version), None) if version != known.version => {
            let message = format!("the checksum of {} {version} is not known", known.chart().name);
            let help = format!("known is {}; for {version}, give the archive's `sha256` beside it", known.version);
            findings.at(&at("version"), message, "").help(help);
            None
        }
        (None, Some(_)) => {
            findings.at_key(&at("sha256"), "`sha256` needs `version` beside it", "of which version?");
            None
        }
        (_, None) => Some(known.chart()),
    };
    chart.map(|chart| addon.enabled.then(|| BuiltinAddon { chart, values: addon.values.clone() }))
}

fn release(
    release: &model::HelmRelease,
    index: usize,
    files: &Files<'_>,
    findings: &mut Findings<'_>,
) -> Option<HelmRelease> {
    let model::HelmRelease { name, chart, repo, version, sha256, namespace, values, values_file, wait } = release;
    let index = index.to_string();
    let at = |key| ["addons", "helm", &index, key];
    let before = findings.list.len();
    // Helm's own limit is 53: what a chart makes of the name has to fit into 63.
    if name.len() > 53 || !is_dns_name(name) {
        let help = "at most 53 of a-z, 0-9, `-` and `.`, beginning and ending with a letter or digit";
        findings.at(&at("name"), format!("`{name}` cannot name a Helm release"), "").help(help);
    }
    if NodeName::new(namespace).is_none() {
        findings.at(&at("namespace"), format!("`{namespace}` is not the name of a namespace"), "");
    }
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if chart.is_empty() || !chart.bytes().all(inside) || chart.starts_with(['-', '.']) {
        let help = "its name in the repository, without a path: `falco`";
        findings.at(&at("chart"), format!("`{chart}` is not the name of a chart"), "").help(help);
    }
    if !is_url(repo) && !is_oci(repo) {
        let help = "`https://falcosecurity.github.io/charts`, or `oci://ghcr.io/falcosecurity/charts`";
        findings.at(&at("repo"), format!("`{repo}` is not an http, https or oci URL"), "").help(help);
    }
    version_is_fine(version, &at("version"), findings);
    if let Some(sha256) = sha256 {
        sum_is_fine(sha256, &at("sha256"), findings);
    }
    let values = match (values, values_file) {
        (Some(_), Some(_)) => {
            findings.at_key(&at("valuesFile"), "a release has `values` or `valuesFile`", "both");
            None
        }
        (None, Some(path)) => files.readable(path, &at("valuesFile"), findings).map(ChartValues::File),
        (inline, None) => Some(ChartValues::Inline(inline.clone().unwrap_or_default())),
    };
    let chart = Chart {
        repo: repo.trim_end_matches('/').to_owned(),
        name: chart.clone(),
        version: version.clone(),
        sha256: sha256.as_ref().map(|sum| sum.to_lowercase()),
    };
    let release = HelmRelease { name: name.clone(), namespace: namespace.clone(), chart, values: values?, wait: *wait };
    (findings.list.len() == before).then_some(release)
}

fn version_is_fine(version: &str, at: &[&str], findings: &mut Findings<'_>) -> bool {
    // Some charts have a leading v in their versions.
    let fine = is_exact_version(version.strip_prefix('v').unwrap_or(version));
    if !fine {
        findings.at(at, format!("`{version}` is not a chart's exact version"), "for example 1.2.3");
    }
    fine
}

fn sum_is_fine(sha256: &str, at: &[&str], findings: &mut Findings<'_>) -> bool {
    let fine = is_hex(sha256, 64);
    if !fine {
        findings.at(at, format!("`{sha256}` is not a SHA-256"), "64 hexadecimal digits");
    }
    fine
}

/// Two entries would take turns at one release. forge's own are in these namespaces under their charts' names.
fn twice(addons: &Addons, findings: &mut Findings<'_>) {
    let ours = [
        (&addons.kubelet_csr_approver, "kube-system", "kubeletCsrApprover"),
        (&addons.metrics_server, "kube-system", "metricsServer"),
        (&addons.falco, "falco", "falco"),
    ];
    for (index, release) in addons.helm.iter().enumerate() {
        let at = ["addons", "helm", &index.to_string(), "name"];
        let same = |other: &HelmRelease| (&other.name, &other.namespace) == (&release.name, &release.namespace);
        if addons.helm[..index].iter().any(same) {
            let message =
                format!("the release `{}` of namespace `{}` stands here twice", release.name, release.namespace);
            findings.at(&at, message, "again");
        }
        let own = ours.iter().find(|(addon, namespace, _)| {
            addon.as_ref().is_some_and(|addon| addon.chart.name == release.name) && *namespace == release.namespace
        });
        if let Some((.., key)) = own {
            let message = format!("the release `{}` of namespace `{}` is forge's own", release.name, release.namespace);
            findings.at(&at, message, "").help(format!("use `addons.{key}`, or turn that off"));
        }
    }
}
