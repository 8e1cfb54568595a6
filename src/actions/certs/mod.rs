//! `forge certs`: the cluster's certificates.

mod list;
mod renew;
mod rotate_ca;

use std::collections::BTreeMap;
use std::time::Duration;

use super::Run;
use crate::error::Problem;
use crate::host::Observed;
use crate::host::facts::Probe;
use crate::inventory::NodeName;
use crate::inventory::cluster::Host;
use crate::kube::pki::{Node, is_broken};
use crate::phases::certificates::seen;

pub use list::list;
pub use renew::renew;
pub use rotate_ca::rotate_ca;

/// How often hosts are looked at until they are well.
const LOOKS: usize = 7;
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(5);

/// Looks at every host; again, when a control plane is not well and its certificates are good: one that has just started, or
/// has lost etcd's leader, needs a moment.
async fn settled(
    run: &mut Run,
    probes: impl Fn(&Host) -> Vec<Probe>,
    lock: bool,
) -> Result<(BTreeMap<NodeName, Observed>, BTreeMap<NodeName, Node>), Problem> {
    let mut looks = 1;
    loop {
        let observed = run.survey(|host| Ok(probes(host)), lock && looks == 1).await?;
        let nodes = seen(&run.cluster, &observed);
        let starting = |host: &Host| {
            nodes.get(&host.name).is_some_and(|node| node.files.contains_key("ca") && !node.healthy && !is_broken(node))
        };
        if looks == LOOKS || !run.cluster.control_planes().any(starting) {
            return Ok((observed, nodes));
        }
        looks += 1;
        tokio::time::sleep(PAUSE).await;
    }
}
