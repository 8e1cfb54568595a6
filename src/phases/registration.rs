//! A host that is part of the cluster and whose node object is gone (`kubectl delete node`): its kubelet registers again.

use super::{Site, failed, id};
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::Host;
use crate::plan::{Step, once};

/// The step's name.
pub const STEP: &str = "node-registration";

/// The step for one host, when an API server answers and does not know its node.
///
/// A kubelet registers when it starts, and never again: it goes on reporting for a node that is gone. Its client certificate
/// is still good, so no token is needed. Pods with an address of their own are deleted in good order, to be made again: the addresses
/// of a node that is gone belong to nobody (its podCIDR is given away, Calico releases its blocks), and Kubernetes' garbage collector
/// would have deleted them too, a minute after the node. Labels and taints
/// are set by the step after this one.
pub fn step(host: &Host, site: Site<'_>) -> Option<Step> {
    let living = site.facts.living.as_ref()?;
    if !site.facts.joined(&host.name) || living.nodes.iter().any(|node| node.name == host.name.as_str()) {
        return None;
    }
    let script = Script::new(REGISTER.replace("@NAME@", &quote(host.name.as_str())));
    Some(Step {
        id: id(host, STEP),
        title: "node registered again".to_owned(),
        runs_on: host.name.clone(),
        needs: super::host::prepared(host),
        after: Vec::new(),
        changes: vec![Difference::new(format!(
            "node {}: the cluster no longer has it, and the host is part of the cluster: restart its kubelet, which registers, and \
             its pods",
            host.name
        ))],
        work: once(move || Ok(script), |heard| Ok(heard.outcome()), failed(host, "the node did not register again")),
    })
}

/// All as the kubelet, which may read its own node and delete its own pods.
const REGISTER: &str = r#"name=@NAME@
as_kubelet() { kubectl --kubeconfig=/etc/kubernetes/kubelet.conf --request-timeout=5s "$@"; }
systemctl restart kubelet
tries=0
until said=$(as_kubelet get node "$name" -o name 2>&1); do
  tries=$((tries + 1))
  if [ "$tries" -ge 60 ]; then
    printf '%s\n' "$said"
    journalctl --unit=kubelet --lines=5 --output=cat || true
    exit 1
  fi
  sleep 1
done
as_kubelet delete pods --all-namespaces --field-selector="spec.nodeName=$name,spec.hostNetwork=false" --wait=false"#;
