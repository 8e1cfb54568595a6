//! `cni`: who brings the pod network.

use ipnet::IpNet;

use super::files::Files;
use super::manifests::{HELP, manifests};
use crate::inventory::calico;
use crate::inventory::cluster::{Calico, Cni, Manifest};
use crate::inventory::finding::Findings;
use crate::inventory::model::{self, CniProvider, Encapsulation, Inventory};

/// The pod network.
pub(super) fn cni(inventory: &Inventory, files: &Files<'_>, findings: &mut Findings<'_>) -> Option<Cni> {
    let cni = &inventory.cni;
    let manifests = manifests(&cni.manifests, "cni", files, findings);
    if cni.provider != CniProvider::Calico {
        only_calico(cni, findings);
    }
    match cni.provider {
        CniProvider::Calico => {
            let ipv6 = matches!(inventory.cluster.pod_subnet.parse(), Ok(IpNet::V6(_)));
            calico(cni, manifests?, ipv6, findings)
        }
        CniProvider::Manifests => {
            if cni.manifests.is_empty() {
                let message = "`cni.manifests` is empty";
                findings.at(&["cni", "provider"], message, "needs at least one").help(HELP);
            }
            Some(Cni::Manifests { manifests: manifests? })
        }
        CniProvider::None => {
            if !cni.manifests.is_empty() {
                findings.at_key(&["cni", "manifests"], "provider `none` applies no manifests", "");
            }
            Some(Cni::None)
        }
    }
}

fn only_calico(cni: &model::Cni, findings: &mut Findings<'_>) {
    let given = [
        ("version", cni.version.is_some()),
        ("encapsulation", cni.encapsulation.is_some()),
        ("wireguard", cni.wireguard.is_some()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        findings.at_key(&["cni", key], format!("`cni.{key}` is for provider `calico` only"), "");
    }
}

fn calico(cni: &model::Cni, manifests: Vec<Manifest>, ipv6: bool, findings: &mut Findings<'_>) -> Option<Cni> {
    if let Some(encapsulation @ (Encapsulation::Ipip | Encapsulation::IpipCrossSubnet)) = cni.encapsulation
        && ipv6
    {
        let message = format!("Calico has no {} for IPv6 pods", encapsulation.as_str());
        let help = "with an IPv6 `cluster.podSubnet`: VXLAN, VXLANCrossSubnet or None";
        findings.at(&["cni", "encapsulation"], message, "").help(help);
        return None;
    }
    let version = cni.version.as_deref().unwrap_or(calico::DEFAULT_VERSION);
    let path = ["cni", "version"];
    let numbers = version.split('.').filter(|part| part.parse::<u32>().is_ok()).count();
    if numbers != 3 || version.split('.').count() != 3 {
        let help = format!("three numbers, as in {}", calico::DEFAULT_VERSION);
        findings.at(&path, format!("`{version}` is not a Calico version"), "").help(help);
        return None;
    }
    if cni.version.is_none() && !manifests.is_empty() {
        let message = "`cni.manifests` needs `cni.version` beside it";
        findings.at_key(&["cni", "manifests"], message, "of which version of Calico?");
        return None;
    }
    let manifests = if manifests.is_empty() { calico::manifests(version) } else { Some(manifests) };
    let Some(manifests) = manifests else {
        findings.at(&path, format!("the checksums of Calico {version} are not known"), "").help(format!(
            "known are {}; for {version}, list its operator-crds.yaml and tigera-operator.yaml in `cni.manifests`, with sums",
            calico::known_versions()
        ));
        return None;
    };
    Some(Cni::Calico(Calico {
        version: version.to_owned(),
        encapsulation: cni.encapsulation.unwrap_or(Encapsulation::VxlanCrossSubnet).as_str().to_owned(),
        wireguard: cni.wireguard.unwrap_or_default(),
        manifests,
    }))
}
