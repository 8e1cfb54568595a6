//! containerd and Kubernetes in one run of the package manager, at exact versions, held there.

use super::{Resources, Site};
use crate::host::resource::{Package, Packages};
use crate::inventory::cluster::Host;

pub(super) fn resources(_: &Host, site: Site<'_>) -> Resources {
    let version = site.facts.version.clone().unwrap_or_else(|| site.cluster.kubernetes.to_string());
    let kubernetes = ["kubelet", "kubeadm", "kubectl"];
    let mut packages: Vec<Package> =
        kubernetes.iter().map(|name| Package { name: (*name).to_owned(), version: Some(version.clone()) }).collect();
    packages.push(Package { name: "containerd.io".to_owned(), version: None });
    Ok(vec![Box::new(Packages::held("kubernetes", packages))])
}
