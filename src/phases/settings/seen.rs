//! What a host says about its settings: files that kubeadm would write otherwise today, and processes that are older than
//! the files they read when they start.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::{Site, unrendered};
use crate::error::Problem;
use crate::host::facts::Probe;
use crate::host::{Observed, quote};
use crate::inventory::cluster::{Cluster, Host};
use crate::kube::{self, COMPONENTS, KUBELET_FILES, WOULD_WRITE, paths};
use crate::render::Templates;

const FILES: &str = "files of kubeadm";
const AGES: &str = "ages of processes";

/// Stands for the version until the host has told that of its kubeadm.
const VERSION: &str = "0.0.0-of-this-host";

/// Files that the API server reads only when it starts. Of the authentication configuration that is the part about
/// anonymous requests; the file keeps its time when only its other parts change. The encryption configuration is not here:
/// it is read again by itself.
pub const READ_AT_START: [&str; 4] =
    [paths::AUDIT_POLICY, paths::ADMISSION, paths::AUTHENTICATION, paths::AUDIT_WEBHOOK];

/// A file that is not as kubeadm would write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drifted {
    /// `kube-apiserver.yaml`.
    pub(super) name: String,
    /// What is there; `None` when nothing is.
    pub(super) now: Option<String>,
    /// What kubeadm would write.
    pub(super) wanted: String,
}

/// The questions.
///
/// # Errors
/// A template cannot be rendered.
pub fn probes(cluster: &Cluster, templates: &Templates, host: &Host) -> Result<Vec<Probe>, Problem> {
    let config = kube::phase_config(templates, cluster, host, VERSION).map_err(unrendered)?;
    let config = quote(&String::from_utf8_lossy(config.expose()));
    let phases = if host.is_control_plane() { "kubelet-start control-plane etcd" } else { "kubelet-start" };
    // In a cluster that lives, kubeadm's own version is the cluster's.
    let files = format!(
        "[ -e {joined} ] || exit 0\nversion=$(dpkg-query -W -f '${{Version}}' kubeadm) || exit 0\n\
         {WOULD_WRITE}\numask 077; mkdir \"$FORGE/kubeadm\"\n\
         printf '%s' {config} | sed \"s/{VERSION}/${{version%%-*}}/\" >\"$FORGE/kubeadm/config\"\n\
         if ! said=$(would_write \"$FORGE/kubeadm/config\" \"$FORGE/kubeadm\" {phases}); then\n\
         printf 'refused\\t%s\\n' \"$(printf '%s' \"$said\" | tr '\\n\\t' '  ')\"; exit 0\nfi\n\
         for file in {files}; do\nwanted=$FORGE/kubeadm/${{file##*/}}\n\
         if [ ! -e \"$wanted\" ] || cmp -s \"$file\" \"$wanted\"; then continue; fi\n\
         printf '%s\\t%s\\t%s\\n' \"${{file##*/}}\" \"$(base64 -w0 <\"$wanted\")\" \"$([ ! -e \"$file\" ] || base64 -w0 <\"$file\")\"\n\
         done",
        joined = paths::KUBELET_KUBECONFIG,
        files = files(host).join(" "),
    );
    let mut read = KUBELET_FILES.map(|name| format!("{}/{name}", paths::KUBELET)).to_vec();
    let mut server = String::new();
    if host.is_control_plane() {
        read.extend(READ_AT_START.map(str::to_owned));
        // Not any API server: there may be clusters in this cluster's pods.
        server = format!(
            "grep -l -x kube-apiserver /proc/[0-9]*/comm | while read -r comm; do\npid=${{comm#/proc/}}; pid=${{pid%/comm}}\n\
             if tr '\\0' '\\n' <\"/proc/$pid/cmdline\" | grep -q -x -e {}; then age kube-apiserver; fi\ndone\n",
            quote(&format!("--advertise-address={}", host.address))
        );
    }
    let ages = format!(
        "[ -e {joined} ] || exit 0\nread -r up rest </proc/uptime; hertz=$(getconf CLK_TCK)\n\
         age() {{ sed 's/.*) //' \"/proc/$pid/stat\" | awk -v up=\"$up\" -v hertz=\"$hertz\" -v name=\"$1\" \
         '{{printf \"%.2f %s\\n\", up - $20 / hertz, name}}'; }}\n\
         pid=$(systemctl show kubelet --value -p MainPID); [ \"$pid\" = 0 ] || age kubelet\n\
         {server}\
         now=$(date +%s.%N)\n\
         stat -c '%.Y %n' {read} | awk -v now=\"$now\" '{{printf \"%.2f %s\\n\", now - $1, $2}}'",
        joined = paths::KUBELET_KUBECONFIG,
        read = read.join(" "),
    );
    Ok(vec![Probe::slow(FILES, files), Probe::quick(AGES, ages)])
}

fn files(host: &Host) -> Vec<String> {
    let mut files: Vec<String> = KUBELET_FILES.map(|name| format!("{}/{name}", paths::KUBELET)).to_vec();
    if host.is_control_plane() {
        files.extend(COMPONENTS.map(|name| format!("{}/{name}.yaml", paths::MANIFESTS)));
    }
    files
}

/// The files that differ. Empty for a host that has not joined, or whose kubeadm is to be installed first.
pub(super) fn drifted(host: &Host, site: Site<'_>) -> Vec<Drifted> {
    let Some(seen) = joined(host, site) else { return Vec::new() };
    let decode = |text: &str| String::from_utf8_lossy(&STANDARD.decode(text).unwrap_or_default()).into_owned();
    let parse = |line: &str| match line.split('\t').collect::<Vec<_>>()[..] {
        [name, wanted, now] => {
            Some(Drifted { name: name.to_owned(), now: (!now.is_empty()).then(|| decode(now)), wanted: decode(wanted) })
        }
        _ => None,
    };
    let all = seen.get(FILES).lines().filter_map(parse);
    all.filter(|file| file.name != "etcd.yaml" || lasting(file.now.as_deref()) != lasting(Some(&file.wanted))).collect()
}

/// etcd's manifest without what only counts before it has data: a member that joined was told of the others then, and
/// kubeadm does not write that again.
fn lasting(manifest: Option<&str>) -> Option<Vec<&str>> {
    let passing = |line: &&str| line.contains("--initial-cluster=") || line.contains("--initial-cluster-state=");
    manifest.map(|text| text.lines().filter(|line| !passing(line)).collect())
}

/// What kubeadm on the host says against the settings.
pub(super) fn refusal<'a>(host: &Host, site: Site<'a>) -> Option<&'a str> {
    joined(host, site)?.get(FILES).strip_prefix("refused\t")
}

/// Files of those given that are newer than the process that reads them when it starts. The kernel counts the age of a
/// process in hundredths of a second.
pub(super) fn newer<'a>(process: &str, files: &[&'a str], host: &Host, site: Site<'_>) -> Vec<&'a str> {
    let Some(seen) = joined(host, site) else { return Vec::new() };
    let age = |name: &str| {
        let of = |line: &str| line.split_once(' ').filter(|(_, of)| *of == name).and_then(|(age, _)| age.parse().ok());
        seen.get(AGES).lines().find_map(of)
    };
    let Some(process) = age(process) else { return Vec::new() };
    let process: f64 = process;
    files.iter().copied().filter(|file| age(file).is_some_and(|file: f64| file + 0.05 < process)).collect()
}

fn joined<'a>(host: &Host, site: Site<'a>) -> Option<&'a Observed> {
    site.facts.hosts.get(&host.name).filter(|_| site.facts.joined(&host.name))
}
