//! What Calico's operator is asked for.

use ipnet::IpNet;

use crate::inventory::Cluster;
use crate::inventory::cluster::Calico;
use crate::kube::kube_proxy_configuration;
use crate::render::{RenderError, Templates};

/// The operator's `Installation`. Calico programs rules with nftables exactly when kube-proxy does, as it has to.
///
/// # Errors
/// When the template is broken.
pub fn calico_installation(templates: &Templates, cluster: &Cluster, calico: &Calico) -> Result<String, RenderError> {
    let ipv6 = is_ipv6(cluster);
    let nftables = kube_proxy_configuration::merged(templates, cluster)?["mode"] == "nftables";
    let context = serde_json::json!({
        "dataplane": if nftables { "Nftables" } else { "Iptables" },
        "ipv6": ipv6,
        "pool": if ipv6 { "default-ipv6-ippool" } else { "default-ipv4-ippool" },
        "pod_subnet": cluster.pod_subnet,
        "block_size": if ipv6 { 122 } else { 26 },
        "encapsulation": calico.encapsulation,
        "bgp": if calico.learns_routes_by_bgp() { "Enabled" } else { "Disabled" },
    });
    templates.render("calico/installation.yaml.tera", &context)
}

/// The `FelixConfiguration` that turns WireGuard on, or off again. The `Installation` has no field for it.
///
/// # Errors
/// When the template is broken.
pub fn calico_felix(templates: &Templates, cluster: &Cluster, calico: &Calico) -> Result<String, RenderError> {
    let context = serde_json::json!({ "ipv6": is_ipv6(cluster), "wireguard": calico.wireguard });
    templates.render("calico/felix.yaml.tera", &context)
}

fn is_ipv6(cluster: &Cluster) -> bool {
    matches!(cluster.pod_subnet, IpNet::V6(_))
}
