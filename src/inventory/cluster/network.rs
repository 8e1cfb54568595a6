//! `cni`: the pod network as wanted, and manifests with their pins.

use std::path::PathBuf;

use serde::Serialize;

/// The pod network.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "provider", rename_all = "lowercase")]
pub enum Cni {
    /// Calico by its operator.
    Calico(Calico),
    /// The user's own manifests.
    Manifests {
        /// Applied in this order.
        manifests: Vec<Manifest>,
    },
    /// The user brings one later; nodes stay NotReady until then.
    None,
}

/// Calico by its operator.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Calico {
    /// Without the leading `v`.
    pub version: String,
    /// `VXLAN`, `VXLANCrossSubnet`, `IPIP`, `IPIPCrossSubnet` or `None`.
    pub encapsulation: String,
    /// Encrypt traffic between nodes.
    pub wireguard: bool,
    /// The operator's manifests in the order in which they are applied, each with its pin.
    pub manifests: Vec<Manifest>,
}

impl Calico {
    /// Packets travel in VXLAN.
    pub fn uses_vxlan(&self) -> bool {
        self.encapsulation.starts_with("VXLAN")
    }

    /// Packets travel in IP in IP.
    pub fn uses_ipip(&self) -> bool {
        self.encapsulation.starts_with("IPIP")
    }

    /// Nodes tell each other their routes by BGP. VXLAN needs none; without it Calico's operator refuses the others: "with BIRD
    /// cluster routing mode, IPIP encapsulation requires that BGP is enabled", and the same of unencapsulated pools.
    pub fn learns_routes_by_bgp(&self) -> bool {
        !self.uses_vxlan()
    }
}

/// Kubernetes objects from a file beside the inventory, or from the network with a pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Manifest {
    /// Absolute path.
    Path(PathBuf),
    /// Fetched by the first control plane and refused when the sum differs.
    Url {
        /// `http://` or `https://`.
        url: String,
        /// 64 lower-case hexadecimal digits.
        sha256: String,
    },
}
