//! Certificates in files and kubeconfigs: who, and until when.

use super::sections;
use crate::host::Observed;
use crate::host::facts::Probe;
use crate::kube::certificates::{self, Certificate};

/// One file.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where.
    pub path: String,
    /// The first one in it, or why there is none.
    pub certificate: Result<Certificate, String>,
    /// By the host's clock.
    pub now: i64,
}

impl Seen {
    /// Whether it signs others, by kubeadm's names for such files.
    pub fn is_ca(&self) -> bool {
        self.path.ends_with("/ca.crt") || self.path.ends_with("-ca.crt")
    }

    /// Whole days left; negative when it has expired.
    pub fn days(&self) -> Option<i64> {
        self.certificate.as_ref().ok().map(|certificate| (certificate.not_after - self.now).div_euclid(86_400))
    }
}

const KEY: &str = "audit certificates";

/// Only certificates are printed: never a key that stands in the same file.
pub(super) fn probe() -> Probe {
    Probe::quick(KEY, SHELL)
}

const SHELL: &str = r#"date '+=== now %s'
for file in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /var/lib/kubelet/pki/kubelet-client-current.pem /var/lib/kubelet/pki/kubelet-server-current.pem; do
if [ -f "$file" ]; then
printf '=== %s\n' "$file"
sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' "$file"
fi
done
for file in /etc/kubernetes/*.conf; do
data=$(sed -n 's/^ *client-certificate-data: *//p' "$file" | head -n 1)
if [ -n "$data" ]; then
printf '=== %s\n' "$file"
printf %s "$data" | base64 -d
fi
done"#;

pub(super) fn read(observed: &Observed) -> Vec<Seen> {
    let mut now = 0;
    let mut all = Vec::new();
    for (title, body) in sections(observed.get(KEY)) {
        match title.strip_prefix("now ") {
            Some(clock) => now = clock.parse().unwrap_or_default(),
            None => {
                let first = certificates::parse(&body).map(|mut found| found.swap_remove(0));
                all.push(Seen { path: title.to_owned(), certificate: first.map_err(|error| error.to_string()), now });
            }
        }
    }
    all
}
