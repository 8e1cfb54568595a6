//! Whether a host runs what it has installed, or needs a reboot for it.

use super::Row;
use crate::host::Observed;
use crate::host::facts::Probe;
use crate::inventory::Host;

const KEY: &str = "status reboot";

/// The file is Debian's and Ubuntu's sign of a package that wants a reboot; a kernel that was installed without it shows
/// in `/boot`.
pub(super) fn probe() -> Probe {
    Probe::quick(
        KEY,
        r#"echo "running $(uname -r)"
find /boot -maxdepth 1 -name 'vmlinuz-*' | sed 's/.*vmlinuz-/installed /' | sort -V | tail -n 1
[ -e /run/reboot-required ] && echo "required $(sort -u /run/reboot-required.pkgs | tr '\n' ' ')""#,
    )
}

pub(super) fn row(host: &Host, seen: &Observed) -> Row {
    let value = |key: &str| seen.get(KEY).lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let running = value("running").unwrap_or_default();
    let mut reasons = Vec::new();
    if let Some(packages) = value("required") {
        let packages = packages.split_whitespace().collect::<Vec<_>>().join(", ");
        reasons.push(if packages.is_empty() { "a package wants it".to_owned() } else { format!("for {packages}") });
    }
    if let Some(installed) = value("installed").filter(|installed| *installed != running) {
        reasons.push(format!("the kernel {installed} is installed"));
    }
    let fine = reasons.is_empty();
    let found = if fine {
        format!("not needed, kernel {running}")
    } else {
        format!("needed: {}; kernel {running}", reasons.join("; "))
    };
    Row { host: Some(host.name.clone()), what: "reboot", fine, found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::cluster::Cluster;

    fn found(answer: &str) -> (bool, String) {
        let text = "hosts: {cp1: {address: 192.0.2.11, roles: [control-plane]}}\n";
        let cluster: Cluster =
            crate::inventory::parse("inventory.yaml", text, std::path::Path::new("/nowhere")).unwrap();
        let mut seen = Observed::default();
        seen.answers.insert(KEY.to_owned(), answer.to_owned());
        let row = row(&cluster.hosts[0], &seen);
        (row.fine, row.found)
    }

    #[test]
    fn a_reboot_is_needed_for_packages_that_say_so_and_for_a_newer_kernel() {
        let running = "running 6.1.0-40-amd64";
        assert_eq!(found(running), (true, "not needed, kernel 6.1.0-40-amd64".to_owned()));
        assert!(found(&format!("{running}\ninstalled 6.1.0-40-amd64")).0);
        assert_eq!(
            found(&format!("{running}\ninstalled 6.1.0-41-amd64\nrequired libc6 linux-image-amd64 ")),
            (
                false,
                "needed: for libc6, linux-image-amd64; the kernel 6.1.0-41-amd64 is installed; kernel 6.1.0-40-amd64"
                    .to_owned()
            )
        );
    }
}
