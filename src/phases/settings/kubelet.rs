//! The kubelet's configuration and flags on every node (CIS 4.2).

use std::net::Ipv4Addr;

use super::seen::{self, Drifted};
use super::{Site, failed, id, unrendered};
use crate::error::Problem;
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::{Cni, Host};
use crate::kube::{self, KUBELET_FILES, STATIC_PODS, WOULD_WRITE, differences, paths};
use crate::plan::{Step, StepId, once};

/// The step's name.
pub(super) const STEP: &str = "kubelet-settings";

/// The kubelet's own port for questions about its health, which is kubeadm's default.
const HEALTH: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 10248);

/// The step for one host, when a file differs or the kubelet is older than one. `first` is the host that tries it: only when
/// its kubelet is well with the new settings, the others get them.
pub(super) fn step(host: &Host, site: Site<'_>, first: Option<&StepId>) -> Result<Option<Step>, Problem> {
    let ours = |file: &Drifted| KUBELET_FILES.contains(&file.name.as_str());
    let drifted: Vec<Drifted> = seen::drifted(host, site).into_iter().filter(ours).collect();
    let mut changes: Vec<Difference> = drifted.iter().flat_map(changes).map(Difference::new).collect();
    if changes.is_empty() {
        let files = [paths::KUBELET_CONFIG, paths::KUBELET_INSTANCE_CONFIG, paths::KUBELET_FLAGS];
        let newer = seen::newer("kubelet", &files, host, site);
        changes.extend(newer.first().map(|file| Difference::new(format!("kubelet: restart, {file} is newer"))));
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let version = site.facts.version.clone().unwrap_or_default();
    let config = kube::phase_config(site.templates, site.cluster, host, &version).map_err(unrendered)?;
    let mut needs = super::super::host::prepared(host);
    needs.extend(first.cloned());
    Ok(Some(Step {
        id: id(host, STEP),
        title: "kubelet's settings".to_owned(),
        runs_on: host.name.clone(),
        needs,
        after: Vec::new(),
        changes,
        work: {
            let script = script(host, !matches!(site.cluster.cni, Cni::None)).file("config", config);
            once(
                move || Ok(script),
                |heard| Ok(heard.outcome()),
                failed(host, "the kubelet is not well with its new settings"),
            )
        },
    }))
}

fn changes(file: &Drifted) -> Vec<String> {
    let Some(now) = &file.now else { return vec![format!("file {}/{}: create", paths::KUBELET, file.name)] };
    let mut found: Vec<String> = match file.name.as_str() {
        "kubeadm-flags.env" => differences::flags(flags(now), flags(&file.wanted)),
        _ => match (crate::yaml::from_str(now), crate::yaml::from_str(&file.wanted)) {
            (Ok(now), Ok(wanted)) => differences::fields(&now, &wanted),
            _ => Vec::new(),
        },
    };
    found.iter_mut().for_each(|line| line.insert_str(0, "kubelet "));
    if found.is_empty() {
        found.push(format!("file {}/{}: write anew", paths::KUBELET, file.name));
    }
    found
}

/// The flags in `KUBELET_KUBEADM_ARGS="--a=b --c=d"`.
fn flags(file: &str) -> impl Iterator<Item = &str> {
    file.split(|letter: char| letter.is_whitespace() || letter == '"').filter(|word| word.starts_with("--"))
}

/// Puts the files that differ in place and restarts the kubelet; when it does not come back well, the old ones return.
fn script(host: &Host, ready: bool) -> Script {
    let well = if ready {
        format!(
            // An API server that does not answer is no fault of the kubelet's.
            "well() {{\nalive || return 1\nready=$(kubectl --kubeconfig={} --request-timeout=5s get node {} -o \
             'jsonpath={{.status.conditions[?(@.type==\"Ready\")].status}}') || return 0\n[ \"$ready\" = True ]\n}}",
            paths::KUBELET_KUBECONFIG,
            quote(host.name.as_str())
        )
    } else {
        // Without a pod network no node is Ready.
        "well() { alive; }".to_owned()
    };
    Script::new(format!(
        "{STATIC_PODS}\n{WOULD_WRITE}\npatience=90\n\
         alive() {{ kubectl --server=http://{}:{} --request-timeout=5s get --raw /healthz; }}\n{well}\n\
         would_write \"$FORGE/config\" \"$FORGE/wanted\" kubelet-start\nmkdir \"$FORGE/before\"\n\
         put() {{\nfor file in {files}; do\n[ -e \"$1/$file\" ] || continue\n\
         install -m 600 \"$1/$file\" \"{folder}/$file.forge-new\"\nmv -f \"{folder}/$file.forge-new\" \"{folder}/$file\"\ndone\n\
         systemctl restart kubelet\nawait 'the kubelet is well' well\n}}\n\
         for file in {files}; do\n\
         if cmp -s \"{folder}/$file\" \"$FORGE/wanted/$file\"; then rm \"$FORGE/wanted/$file\"; \
         elif [ -e \"{folder}/$file\" ]; then cp \"{folder}/$file\" \"$FORGE/before/$file\"; fi\ndone\n\
         if put \"$FORGE/wanted\"; then exit 0; fi\n\
         journalctl -u kubelet -n 3 -o cat\n\
         if put \"$FORGE/before\"; then echo 'the files before these were put back and the kubelet is well again'; fi\nexit 1",
        HEALTH.0,
        HEALTH.1,
        files = KUBELET_FILES.join(" "),
        folder = paths::KUBELET,
    ))
}
