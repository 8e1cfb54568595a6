//! Container images, before anything waits for them.

use super::{Site, id};
use crate::error::{Exit, Problem};
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::Host;
use crate::plan::{Step, once};

/// The step's name.
pub const STEP: &str = "images";

/// Images of a host that has not joined yet: all of kubeadm's on a control plane, kube-proxy's and pause on a worker.
pub fn step(host: &Host, site: Site<'_>) -> Option<Step> {
    if site.facts.joined(&host.name) {
        return None;
    }
    let version = site.facts.version.clone().unwrap_or_default();
    let wanted = if host.is_control_plane() { "." } else { "/kube-proxy:|/pause:" };
    let name = host.name.clone();
    // ctr, because crictl comes from a package of its own; containerd's CRI plugin sees what lands in its namespace.
    let script = Script::new(format!(
        "for image in $(kubeadm config images list --kubernetes-version {} | grep -E {}); do\n\
         echo \"$image\"\n\
         [ -n \"$(ctr -n k8s.io images list -q \"name==$image\")\" ] ||\n\
         ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d \"$image\" >\"$FORGE.pull\" 2>&1 ||\n\
         {{ tail -n 3 \"$FORGE.pull\"; exit 1; }}\n\
         done",
        quote(&version),
        quote(wanted)
    ));
    Some(Step {
        id: id(host, STEP),
        title: "container images".to_owned(),
        runs_on: host.name.clone(),
        needs: super::host::prepared(host),
        after: Vec::new(),
        changes: vec![Difference::new(format!("images of Kubernetes {version}: pull"))],
        work: once(
            move || Ok(script),
            |heard| Ok(heard.outcome()),
            move |heard| {
                let image = heard.lines.iter().rfind(|line| line.contains('/') && !line.contains(' '));
                let image = image.map_or("an image", String::as_str);
                Problem::new(Exit::Failed, format!("{name} cannot pull {image}"))
                    .cause(heard.lines.last().cloned().unwrap_or_default())
                    .next("check the registry, or name a mirror that has it under sources.registries")
            },
        ),
    })
}
