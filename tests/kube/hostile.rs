//! Values that try to become structure.

use forge::inventory::cluster::Cni;
use forge::kube::{admission_config, calico_installation, containerd_config, init_config, join_config, registry_hosts};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::{VERSION, calico, secrets, single, templates, text};

const HOSTILE: [&str; 8] = [
    "x\n  - --anonymous-auth=true",
    "x: y",
    "*anchor",
    "&anchor x",
    "x # comment",
    "\"x\", y: \"z",
    "'",
    "{{ token }}",
];

#[test]
fn kubeadm_reads_every_value_as_it_was() {
    for value in HOSTILE {
        let mut cluster = single();
        cluster.name = value.to_owned();
        cluster.endpoint.host = value.to_owned();
        cluster.kubeadm.ignore_preflight_errors = vec![value.to_owned()];
        let file = text(&init_config(&templates(), &cluster, &cluster.hosts[0], VERSION, &secrets()).unwrap());
        let documents: Vec<Value> = serde_yaml::from_multiple(&file).unwrap();
        assert_eq!(documents.len(), 4);
        assert_eq!(documents[0]["nodeRegistration"]["ignorePreflightErrors"], json!([value]));
        assert_eq!(documents[1]["clusterName"], value);
        assert_eq!(documents[1]["apiServer"]["certSANs"][0], value);
        let join = text(&join_config(&templates(), &cluster, &cluster.hosts[0], &secrets()).unwrap());
        let join: Value = serde_yaml::from_str(&join).unwrap();
        assert_eq!(join["nodeRegistration"]["ignorePreflightErrors"], json!([value]));
    }
}

#[test]
fn policies_and_calico_read_every_value_as_it_was() {
    for value in HOSTILE {
        let mut cluster = single();
        cluster.security.pod_security.enforce = value.to_owned();
        cluster.security.pod_security.exempt_namespaces = vec![value.to_owned()];
        if let Cni::Calico(calico) = &mut cluster.cni {
            calico.encapsulation = value.to_owned();
        }
        let admission: Value = serde_yaml::from_str(&admission_config(&templates(), &cluster).unwrap()).unwrap();
        let policy = &admission["plugins"][1]["configuration"];
        assert_eq!(policy["defaults"]["enforce"], value);
        assert_eq!(policy["exemptions"]["namespaces"], json!([value]));
        let calico = calico_installation(&templates(), &cluster, calico(&cluster)).unwrap();
        let calico: Value = serde_yaml::from_str(&calico).unwrap();
        assert_eq!(calico["spec"]["calicoNetwork"]["ipPools"][0]["encapsulation"], value);
    }
}

#[test]
fn toml_stays_on_its_lines() {
    for value in HOSTILE {
        let config = containerd_config(&templates(), value).unwrap();
        assert_eq!(config.lines().count(), containerd_config(&templates(), "plain").unwrap().lines().count());
        let mut cluster = single();
        let plain = registry_hosts(&templates(), &with_mirror(&mut cluster, "http://plain")).unwrap();
        let hostile = registry_hosts(&templates(), &with_mirror(&mut cluster, value)).unwrap();
        assert_eq!(plain[0].1.lines().count(), hostile[0].1.lines().count());
    }
}

fn with_mirror(cluster: &mut forge::inventory::Cluster, url: &str) -> forge::inventory::Cluster {
    cluster.sources.registries.insert("docker.io".into(), vec![url.to_owned()]);
    cluster.clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_name_survives(name in any::<String>()) {
        let mut cluster = single();
        cluster.name = name.clone();
        let file = text(&init_config(&templates(), &cluster, &cluster.hosts[0], VERSION, &secrets()).unwrap());
        let documents: Vec<Value> = serde_yaml::from_multiple(&file).unwrap();
        prop_assert_eq!(&documents[1]["clusterName"], &json!(name));
    }
}
