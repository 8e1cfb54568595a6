//! The charts and the helm program that forge knows, with their checksums.

use std::collections::BTreeMap;

use super::cluster::Chart;

/// A chart that forge knows: where it is, and the SHA-256 of its archive at the version that is taken when the inventory
/// names none.
pub(super) struct Known {
    /// The add-on's key in the inventory.
    pub(super) key: &'static str,
    repo: &'static str,
    name: &'static str,
    /// The version that is taken when the inventory names none.
    pub(super) version: &'static str,
    sha256: &'static str,
}

pub(super) const KUBELET_CSR_APPROVER: Known = Known {
    key: "kubeletCsrApprover",
    repo: "https://postfinance.github.io/kubelet-csr-approver",
    name: "kubelet-csr-approver",
    version: "1.2.15",
    sha256: "a8697589fadc4aedb68f01a66f2cf50a780d9648ad3f463d041722902091e32f",
};

pub(super) const METRICS_SERVER: Known = Known {
    key: "metricsServer",
    repo: "https://kubernetes-sigs.github.io/metrics-server",
    name: "metrics-server",
    version: "3.14.0",
    sha256: "c2ca1185c01e6e7f53dd1b7d131f0c9b3fa50e003ed068b784563a1b5a3422a1",
};

/// Before 9.2.0 the chart does not start without falcoctl (falcosecurity/charts#1057).
pub(super) const FALCO: Known = Known {
    key: "falco",
    repo: "https://falcosecurity.github.io/charts",
    name: "falco",
    version: "9.2.0",
    sha256: "5e0699e68e5e4abd5eab1d501b3e0300a15888f3a5c2b0977bf3ca3229a8d04a",
};

impl Known {
    /// The chart at the known version.
    pub(super) fn chart(&self) -> Chart {
        self.at(self.version, self.sha256)
    }

    /// The chart at another version.
    pub(super) fn at(&self, version: &str, sha256: &str) -> Chart {
        Chart {
            repo: self.repo.to_owned(),
            name: self.name.to_owned(),
            version: version.to_owned(),
            sha256: Some(sha256.to_owned()),
        }
    }
}

/// The version of Helm that is taken when the inventory names none.
pub(super) const HELM_VERSION: &str = "4.3.0";

/// Architecture → SHA-256 of that version's archive, as get.helm.sh publishes them.
pub(super) fn helm_sums() -> BTreeMap<String, String> {
    [
        ("amd64", "86584a54def73570558f66f5111cc53dfed56689637ae32c1201205d494f54fb"),
        ("arm64", "31c5794dd55c66a51e6b7d2e2ac7a114ae8b1de41ff1d9ba51748ac973b06a08"),
    ]
    .map(|(architecture, sum)| (architecture.to_owned(), sum.to_owned()))
    .into()
}
