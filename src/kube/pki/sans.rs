//! The names under which the API server's certificate has to be good.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::inventory::{Cluster, Host};
use crate::kube::cluster_configuration;
use crate::render::{RenderError, Templates};

/// What `kubeadm` would put into the certificate of `host` with the inventory's settings (`GetAPIServerAltNames` in
/// `cmd/kubeadm/app/util/pkiutil/pki_helpers.go`).
///
/// # Errors
/// When a template is broken.
pub fn api_server_sans(
    templates: &Templates,
    cluster: &Cluster,
    host: &Host,
    version: &str,
) -> Result<BTreeSet<String>, RenderError> {
    let config = cluster_configuration::merged(templates, cluster, version)?;
    let domain = config["networking"]["dnsDomain"].as_str().unwrap_or("cluster.local");
    let service = "kubernetes.default.svc";
    let mut names: BTreeSet<String> =
        [host.name.as_str(), "kubernetes", "kubernetes.default", service].into_iter().map(str::to_owned).collect();
    names.insert(format!("{service}.{domain}"));
    names.insert(host.address.to_string());
    names.extend(first_address(&cluster.service_subnet).map(|address| address.to_string()));
    let endpoint = config["controlPlaneEndpoint"].as_str().unwrap_or_default();
    names.extend(endpoint.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']).to_owned()));
    let more = config["apiServer"]["certSANs"].as_array().map(Vec::as_slice).unwrap_or_default();
    names.extend(more.iter().filter_map(|name| name.as_str()).map(str::to_owned));
    Ok(names)
}

/// The address of the Service `kubernetes`: the first of the network after the network's own.
fn first_address(subnet: &IpNet) -> Option<IpAddr> {
    match subnet {
        IpNet::V4(net) => u32::from(net.network()).checked_add(1).map(|bits| IpAddr::V4(bits.into())),
        IpNet::V6(net) => u128::from(net.network()).checked_add(1).map(|bits| IpAddr::V6(bits.into())),
    }
}
