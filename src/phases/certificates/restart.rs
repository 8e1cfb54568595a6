//! Static pods start anew, so that they read their new certificates.

use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::Host;
use crate::kube::pki::Component;
use crate::kube::{ETCDCTL, STATIC_PODS, others_answer};
use crate::phases::id;
use crate::plan::{Step, Work};

/// The step's name.
pub(super) const STEP: &str = "certs-restart";

/// What has to restart with `components`: an API server does not live without its member of etcd.
pub(super) fn with_dependents(mut components: Vec<Component>) -> Vec<Component> {
    if components.contains(&Component::Etcd) && !components.contains(&Component::ApiServer) {
        components.push(Component::ApiServer);
        components.sort_unstable();
    }
    components
}

fn words<'a>(components: impl Iterator<Item = &'a Component>) -> String {
    components.map(|component| component.name()).collect::<Vec<_>>().join(" ")
}

/// What restarts them, after [`ETCDCTL`] and [`STATIC_PODS`]; it ends when all answer. They go together, etcd in the middle, and whatever happens the manifests come
/// back: a host whose connections are refused is one that clients leave at once, and an API server takes half a minute to end.
pub fn restart(host: &Host, components: &[Component]) -> Script {
    let others = words(components.iter().filter(|component| **component != Component::Etcd));
    let address = quote(&host.address.to_string());
    let mut script = Script::new(format!(
        "others='{others}'\n\
         back() {{ for each in etcd $others; do put_back \"$each\"; done; }}\n\
         trap back EXIT\n\
         trap 'exit 1' HUP INT TERM\n\
         for each in $others; do take_away \"$each\"; done\n\
         for each in $others; do ended \"$each\"; done"
    ));
    if components.contains(&Component::Etcd) {
        script = script.line(format!("restart etcd {address}"));
    }
    script.line(format!("back\nfor each in $others; do started \"$each\" {address}; done"))
}

/// The step; it begins nothing unless the API servers of all `others` answer, whatever has happened since they were looked at.
pub(super) fn step(host: &Host, components: &[Component], others: &[&Host]) -> Step {
    let others: Vec<_> = others.iter().map(|other| (other.name.as_str(), other.address)).collect();
    let asked = Script::new(format!(
        "{ETCDCTL}\n{STATIC_PODS}\n{}",
        others_answer(host.address, &others, components.contains(&Component::Etcd))
    ));
    Step {
        id: id(host, STEP),
        title: "control plane restarted".to_owned(),
        runs_on: host.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes: vec![Difference::new(format!("restart: {}", words(components.iter())))],
        work: Work::Changes(asked.then(restart(host, components))),
    }
}
