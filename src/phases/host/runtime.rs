//! containerd: our configuration, the registries' mirrors, the service.

use super::super::unrendered;
use super::{Resources, Site};
use crate::host::Resource;
use crate::host::resource::{Directory, File, Service};
use crate::inventory::cluster::Host;
use crate::kube::{self, paths};

const PROXY: &str = "/etc/systemd/system/containerd.service.d/forge-proxy.conf";

pub(super) fn resources(_: &Host, site: Site<'_>) -> Resources {
    let mut all: Vec<Box<dyn Resource>> = Vec::new();
    let config =
        kube::containerd_config(site.templates, sandbox_image(site.cluster.kubernetes.minor)).map_err(unrendered)?;
    all.push(Box::new(File::text(paths::CONTAINERD_CONFIG, config)));
    for (registry, content) in kube::registry_hosts(site.templates, site.cluster).map_err(unrendered)? {
        all.push(Box::new(File::text(paths::registry_hosts(&registry), content)));
    }
    all.push(Box::new(File::text(paths::CRICTL_CONFIG, kube::crictl_config(site.templates).map_err(unrendered)?)));
    all.push(Box::new(Directory::new("/etc/cni", 0o755)));
    all.push(Box::new(Directory::new(paths::CNI, 0o700)));
    let proxy = &site.cluster.proxy;
    let settings = [("HTTP_PROXY", proxy.http.clone()), ("HTTPS_PROXY", proxy.https.clone())];
    let mut lines: String = settings.iter().filter_map(|(key, url)| Some(environment(key, url.as_ref()?))).collect();
    if lines.is_empty() {
        all.push(Box::new(File::absent(PROXY)));
    } else {
        lines.push_str(&environment("NO_PROXY", &proxy.no_proxy.join(",")));
        all.push(Box::new(File::text(PROXY, format!("[Service]\n{lines}"))));
    }
    all.push(Box::new(Service::running("containerd").configured_by(&[paths::CONTAINERD_CONFIG, PROXY])));
    Ok(all)
}

/// A variable in a unit's file. systemd takes `%` for one of its own specifiers and ignores a line with an unknown one, and
/// reads escapes between quotes (systemd.syntax(7)).
fn environment(key: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!("Environment=\"{key}={value}\"\n")
}

/// The pause image that kubeadm of this minor version names (`cmd/kubeadm/app/constants/constants.go`, `PauseVersion`).
fn sandbox_image(minor: u32) -> &'static str {
    if minor < 36 { "registry.k8s.io/pause:3.10.1" } else { "registry.k8s.io/pause:3.10.2" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_proxys_url_reaches_containerd_as_it_is() {
        assert_eq!(
            environment("HTTP_PROXY", "http://me:a%40b@proxy:1"),
            "Environment=\"HTTP_PROXY=http://me:a%%40b@proxy:1\"\n"
        );
        assert_eq!(environment("NO_PROXY", "a\\\"b"), "Environment=\"NO_PROXY=a\\\\\\\"b\"\n");
    }
}
