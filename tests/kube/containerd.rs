//! containerd's files.

use forge::kube::{containerd_config, crictl_config, paths, registry_hosts};

use crate::fixture::{single, templates};

#[test]
fn config_toml() {
    insta::assert_snapshot!("containerd", containerd_config(&templates(), "registry.k8s.io/pause:3.10.2").unwrap());
}

#[test]
fn crictl_yaml() {
    insta::assert_snapshot!("crictl", crictl_config(&templates()).unwrap());
}

#[test]
fn hosts_toml_of_each_registry() {
    let mut cluster = single();
    assert_eq!(registry_hosts(&templates(), &cluster).unwrap(), []);
    let mirrors = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
    cluster.sources.registries.insert("docker.io".into(), mirrors(&["https://mirror.lab"]));
    let two = mirrors(&["http://10.0.0.1:5000", "https://mirror.lab:5000/v2/k8s/"]);
    cluster.sources.registries.insert("registry.k8s.io".into(), two);
    let files = registry_hosts(&templates(), &cluster).unwrap();
    let text = |(registry, text): &(String, String)| format!("== {}\n{text}", paths::registry_hosts(registry));
    insta::assert_snapshot!("hosts-toml", files.iter().map(text).collect::<String>());
}

#[test]
fn a_registry_cannot_lead_out_of_its_folder() {
    for name in ["..", "../../cron.d", "a/b", "", "a b", "a\nb"] {
        let mut cluster = single();
        cluster.sources.registries.insert(name.into(), Vec::new());
        assert!(registry_hosts(&templates(), &cluster).is_err(), "{name:?}");
    }
}
