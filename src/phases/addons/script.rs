//! The shell around Helm: fetch and check the chart, install it, watch its pods while Helm waits, mark what was applied.

use super::Release;
use crate::host::{Script, quote};
use crate::inventory::cluster::{Chart, Sources};
use crate::kube::release::{APPLIED, Applied, Installed};
use crate::kube::trouble::GATHER;
use crate::secret::Secret;

/// Helm's own limit for everything to become ready: images of some hundred megabytes take their time, and what cannot become
/// ready is found long before.
const TIMEOUT: &str = "10m";

/// Helm keeps nothing on the host: its folders go with the script's.
const HOME: &str = "export HELM_CACHE_HOME=\"$FORGE/cache\" HELM_CONFIG_HOME=\"$FORGE/config\" HELM_DATA_HOME=\"$FORGE/data\"\n\
    mkdir -p \"$FORGE/chart\"";

/// Waits while Helm does. When a pod of the release is hopeless for 20 seconds Helm is asked to stop; it takes back what it
/// began, and waits for that in turn, but what was not well before would keep it for long: half a minute has to do.
const WATCH: &str = r#"bad=0; tries=0; last=
while grep -q '^State:[[:space:]]*[^Z]' "/proc/$helm/status" 2>/dev/null; do
tries=$((tries + 1))
if [ -n "$last" ]; then
[ "$tries" -lt "$last" ] || kill -KILL "$helm"
elif [ $((tries % 5)) -eq 0 ]; then
gather "$namespace" "($(workloads | tr ' ' '|'))-"
if hopeless; then bad=$((bad + 1)); else bad=0; fi
if [ "$bad" -eq 4 ]; then kill -TERM "$helm"; last=$((tries + 30)); fi
fi
sleep 1
done
"#;

/// Installs or upgrades, whatever state an earlier attempt has left. `exports` are the proxies for fetching the chart; the API
/// server is never asked through one. Hands back `said`, Helm's own words, and what was gathered of pods that did not come up.
pub(super) fn install(
    release: &Release,
    found: Option<&Installed>,
    helm: &str,
    sources: &Sources,
    exports: &str,
    namespace: Option<String>,
) -> Script {
    let Release { name, namespace: space, chart, values, wait, .. } = release;
    let (name, space) = (quote(name), quote(space));
    let helm = quote(helm);
    let mut script = Script::new(format!("{HOME}\n(\n{exports}{helm} pull {}\n)", reference(chart, sources)))
        .line("set -- \"$FORGE\"/chart/*.tgz")
        .file("values", values.clone());
    if let Some(sum) = &chart.sha256 {
        script = script.line(format!(
            "sum=$(sha256sum <\"$1\" | cut -d' ' -f1)\n\
             if [ \"$sum\" != {sum} ]; then echo \"the chart's archive has the SHA-256 $sum, and not the pinned {sum}\"; exit 1; fi"
        ));
    }
    script = match namespace {
        Some(text) => script.file("namespace", Secret::new(text)).line(
            "kubectl apply --server-side --force-conflicts --field-manager=forge -f \"$FORGE/namespace\" >/dev/null",
        ),
        None => script.line(format!(
            "kubectl get namespace {space} >/dev/null 2>&1 || kubectl create namespace {space} >/dev/null"
        )),
    };
    script = script.line(clear(release, found, &helm));
    let waiting = if *wait { format!(" --wait --rollback-on-failure --timeout {TIMEOUT}") } else { String::new() };
    script
        .line(format!("{GATHER}\nnamespace={space}\n{}", workloads(&release.name)))
        .line(format!(
            "{helm} upgrade {name} \"$1\" --install --namespace {space} --values \"$FORGE/values\" --server-side=true \
             --force-conflicts --history-max 10 --hide-notes{waiting} >\"$FORGE/said\" 2>&1 &\nhelm=$!"
        ))
        .line(WATCH)
        .line(
            "rc=0; wait \"$helm\" || rc=$?\nif [ \"$rc\" -ne 0 ]; then\nhand_back\n\
             emit said <\"$FORGE/said\"\nexit 1\nfi",
        )
        .line(format!(
            "revision=$(kubectl -n {space} get secrets -l owner=helm,status=deployed,name={name} \
             -o 'jsonpath={{range .items[*]}}{{.metadata.labels.version}}{{\"\\n\"}}{{end}}' | sort -n | tail -n 1)\n\
             kubectl -n {space} label --overwrite secret {}\"$revision\" \"{APPLIED}=$revision-{}\" >/dev/null",
            record(&release.name),
            Applied::label(chart, values)
        ))
}

/// Takes a release back, and waits until its objects are gone.
pub(super) fn uninstall(release: &Installed, helm: &str) -> Script {
    Script::new(HOME).line(format!(
        "{} uninstall {} --namespace {} --wait --timeout 5m",
        quote(helm),
        quote(&release.name),
        quote(&release.namespace)
    ))
}

/// Helm refuses a release whose last operation did not end. The record of that operation goes; objects that it made carry the
/// release's name and are taken up again.
fn clear(release: &Release, found: Option<&Installed>, helm: &str) -> String {
    let (name, space) = (quote(&release.name), quote(&release.namespace));
    match found {
        Some(Installed { status, revision, .. }) if status.starts_with("pending-") => {
            format!(
                "kubectl -n {space} delete secret {}{revision} --ignore-not-found >/dev/null",
                record(&release.name)
            )
        }
        Some(Installed { status, .. }) if status == "uninstalling" => {
            format!("{helm} uninstall {name} --namespace {space} --ignore-not-found --wait --timeout 5m")
        }
        _ => String::new(),
    }
}

/// The name of Helm's record of a release, without the revision.
fn record(name: &str) -> String {
    quote(&format!("sh.helm.release.v1.{name}.v"))
}

/// Helm's words for a chart at its version.
fn reference(chart: &Chart, sources: &Sources) -> String {
    let Chart { repo, name, version, .. } = chart;
    let repo = sources.rewrite(repo);
    let chart = match repo.starts_with("oci://") {
        true => quote(&format!("{}/{name}", repo.trim_end_matches('/'))),
        false => format!("{} --repo {}", quote(name), quote(&repo)),
    };
    format!("{chart} --version {} --destination \"$FORGE/chart\"", quote(version))
}

/// A shell function that prints the names of what the release runs pods with. Names of releases hold nothing that a template
/// could mistake.
fn workloads(name: &str) -> String {
    format!(
        "workloads() {{\nkubectl -n \"$namespace\" get deployments,daemonsets,statefulsets -o go-template='{{{{range .items}}}}\
         {{{{$name := .metadata.name}}}}{{{{range $key, $value := .metadata.annotations}}}}{{{{if eq (print $key \"=\" $value) \
         \"meta.helm.sh/release-name={name}\"}}}}{{{{$name}}}} {{{{end}}}}{{{{end}}}}{{{{end}}}}'\n}}"
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::host::frames::Tag;
    use crate::host::script::program;

    fn release() -> Release {
        let chart = Chart {
            repo: "https://charts.example/it's".to_owned(),
            name: "web".to_owned(),
            version: "1.0.0".to_owned(),
            sha256: Some("0".repeat(64)),
        };
        Release {
            name: "shop".to_owned(),
            namespace: "front".to_owned(),
            labels: &[],
            chart,
            values: Secret::new("a: 1"),
            secret: false,
            wait: true,
        }
    }

    fn found(status: &str) -> Installed {
        Installed {
            namespace: "front".to_owned(),
            name: "shop".to_owned(),
            status: status.to_owned(),
            revision: 3,
            applied: None,
        }
    }

    fn sources() -> Sources {
        let mut cluster =
            crate::inventory::parse("x", "hosts: {cp1: {address: 192.0.2.1, roles: [control-plane]}}", "/".as_ref())
                .unwrap_or_else(|invalid| panic!("{invalid}"));
        let mirror = ("https://charts.example".to_owned(), "http://mirror.example".to_owned());
        cluster.sources.artifacts.extend([mirror, ("oci://ghcr.io".to_owned(), "oci://mirror.example".to_owned())]);
        cluster.sources
    }

    fn text(found: Option<&Installed>, namespace: Option<String>) -> String {
        install(&release(), found, "/usr/local/lib/forge/helm-4.3.0/helm", &sources(), "export x=y\n", namespace)
            .text()
            .to_owned()
    }

    #[test]
    fn shellcheck_has_nothing_to_say() {
        let folder = tempfile::tempdir().unwrap();
        let scripts = [
            install(
                &release(),
                Some(&found("pending-upgrade")),
                "/helm",
                &sources(),
                "export x=y\n",
                Some(String::new()),
            ),
            install(&release(), Some(&found("uninstalling")), "/helm", &sources(), "", None),
            uninstall(&found("deployed"), "/helm"),
        ];
        for script in &scripts {
            let path = folder.path().join("script");
            std::fs::write(&path, program(std::slice::from_ref(script), None, &Tag::random().unwrap()).0).unwrap();
            // kubectl's templates have variables of their own in single quotes.
            let output = Command::new("shellcheck").args(["-s", "sh", "-e", "SC2016"]).arg(&path).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    }

    #[test]
    fn charts_come_from_the_mirror() {
        let from_repository = reference(&release().chart, &sources());
        assert_eq!(
            from_repository,
            "web --repo 'http://mirror.example/it'\\''s' --version 1.0.0 --destination \"$FORGE/chart\""
        );
        let chart = Chart { repo: "oci://ghcr.io/shop".to_owned(), ..release().chart };
        assert_eq!(
            reference(&chart, &sources()),
            "oci://mirror.example/shop/web --version 1.0.0 --destination \"$FORGE/chart\""
        );
    }

    #[test]
    fn what_an_earlier_attempt_left_is_cleared_first() {
        let record = "kubectl -n front delete secret sh.helm.release.v1.shop.v3";
        assert!(text(Some(&found("pending-install")), None).contains(record));
        assert!(!text(Some(&found("failed")), None).contains(record));
        assert!(text(Some(&found("uninstalling")), None).contains("helm uninstall shop"));
        assert!(!text(None, None).contains("uninstall"));
    }
}
