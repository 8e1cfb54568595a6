//! The API server's policy files, the policies in the cluster, and Calico's objects.

use forge::inventory::cluster::{Claim, Cluster, Cni, Issuer};
use forge::kube::{admission_config, audit_policy, authentication_config, calico_felix, calico_installation, policies};
use serde_json::{Value, json};

use crate::fixture::{calico, single, templates, three_and_one};

#[test]
fn authentication() {
    insta::assert_snapshot!("authentication", authentication_config(&templates(), &single()).unwrap());
}

#[test]
fn issuers_are_taken_with_their_prefixes_and_may_not_name_kubernetes_own() {
    let mut cluster = single();
    let claim = |claim: &str, prefix: &str| Claim { claim: claim.into(), prefix: prefix.into() };
    cluster.security.oidc = vec![
        Issuer {
            url: "https://issuer.example/realms/prod".into(),
            audiences: vec!["kubernetes".into(), "kubectl".into()],
            certificate_authority: Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into()),
            username: claim("email", ""),
            groups: claim("roles", "prod:"),
        },
        Issuer {
            url: "https://other.example".into(),
            audiences: vec!["a\", b".into()],
            certificate_authority: None,
            username: claim("sub", "oidc:"),
            groups: claim("groups", "oidc:"),
        },
    ];
    insta::assert_snapshot!("authentication-issuers", authentication_config(&templates(), &cluster).unwrap());
}

#[test]
fn admission() {
    let mut cluster = single();
    cluster.security.pod_security.exempt_namespaces.push("storage".into());
    insta::assert_snapshot!("admission", admission_config(&templates(), &cluster).unwrap());
}

#[test]
fn audit() {
    insta::assert_snapshot!("audit-policy", audit_policy(&templates(), &single()).unwrap());
}

#[test]
fn no_rule_logs_the_body_of_a_secret() {
    let policy: Value = serde_yaml::from_str(&audit_policy(&templates(), &single()).unwrap()).unwrap();
    let rules = policy["rules"].as_array().unwrap();
    let is = |rule: &&Value, level: &str| rule["level"] == level;
    let guards =
        |rule: &&Value| rule["resources"][0]["resources"].as_array().is_some_and(|all| all.contains(&json!("secrets")));
    let guard = rules.iter().position(|rule| is(&rule, "Metadata") && guards(&rule)).unwrap();
    let body = rules.iter().position(|rule| is(&rule, "Request") || is(&rule, "RequestResponse")).unwrap();
    assert!(guard < body);
    assert_eq!(rules.last().unwrap(), &json!({"level": "Metadata"}));
}

#[test]
fn the_users_own_policy_has_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    let mut cluster = single();
    cluster.security.audit.policy = Some(path.clone());
    let told = |cluster| match audit_policy(&templates(), cluster) {
        Ok(text) => text,
        Err(error) => error.to_string().replace(&folder.path().display().to_string(), ""),
    };
    let mut all = vec![told(&cluster)];
    for text in ["kind: Pod\napiVersion: v1\n", "rules: [", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n"] {
        std::fs::write(&path, text).unwrap();
        all.push(told(&cluster));
    }
    insta::assert_snapshot!(all.join("\n"), @"
    cannot read /policy.yaml
    /policy.yaml is v1 Pod, where audit.k8s.io/v1 Policy is needed
    /policy.yaml is not YAML
    apiVersion: audit.k8s.io/v1
    kind: Policy
    rules: []
    ");
}

/// All of them, the API server's own reading of what the templates make.
#[test]
fn policies_in_the_cluster() {
    let mut cluster = three_and_one();
    cluster.security.network_policy.default_deny_namespaces.push("shop".into());
    cluster.security.images.allowed_registries = vec!["registry.k8s.io".into(), "ghcr.io/acme".into()];
    cluster.security.pod_security.exempt_namespaces.push("storage".into());
    let objects = policies(&templates(), &cluster).unwrap();
    let text: Vec<String> = objects.iter().map(|object| serde_yaml::to_string(object).unwrap()).collect();
    insta::assert_snapshot!("policies", text.join("---\n"));
}

#[test]
fn policies_are_those_that_the_inventory_asks_for() {
    let mut cluster = single();
    let names = |cluster: &Cluster| -> Vec<String> {
        let objects = policies(&templates(), cluster).unwrap();
        let name = |object: &Value| format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "");
        objects.iter().map(name).filter(|name| !name.contains("Binding")).collect()
    };
    cluster.cni = Cni::None;
    assert_eq!(
        names(&cluster),
        [
            "NetworkPolicy forge-default-deny",
            "NetworkPolicy forge-allow-dns",
            "ServiceAccount default",
            "ValidatingAdmissionPolicy forge-image-tags"
        ]
    );
    cluster.security.images.forbid_latest = false;
    cluster.security.network_policy.default_deny_namespaces.clear();
    assert_eq!(names(&cluster), ["ServiceAccount default"]);
}

#[test]
fn calico_uses_the_rule_engine_of_kube_proxy() {
    let mut cluster = three_and_one();
    insta::assert_snapshot!("calico", calico_installation(&templates(), &cluster, calico(&cluster)).unwrap());
    for (mode, dataplane) in [("iptables", "Iptables"), ("ipvs", "Iptables"), ("nftables", "Nftables")] {
        cluster.kubeadm.kube_proxy_configuration.insert("mode".into(), json!(mode));
        let text = calico_installation(&templates(), &cluster, calico(&cluster)).unwrap();
        assert!(text.contains(&format!("linuxDataplane: \"{dataplane}\"")), "{text}");
    }
}

#[test]
fn calico_on_ipv6() {
    let mut cluster = single();
    cluster.pod_subnet = "fd00:10::/56".parse().unwrap();
    insta::assert_snapshot!("calico-ipv6", calico_installation(&templates(), &cluster, calico(&cluster)).unwrap());
}

#[test]
fn calico_encrypts_when_it_is_told_and_stops_when_it_is_told() {
    let mut cluster = single();
    let text = |cluster: &Cluster| calico_felix(&templates(), cluster, calico(cluster)).unwrap();
    assert!(text(&cluster).ends_with("\n  wireguardEnabled: false\n"), "{}", text(&cluster));
    if let Cni::Calico(calico) = &mut cluster.cni {
        calico.wireguard = true;
    }
    insta::assert_snapshot!(text(&cluster), @"
    # Merged by server-side apply into the object of this name that Calico makes itself.
    apiVersion: crd.projectcalico.org/v1
    kind: FelixConfiguration
    metadata:
      name: default
    spec:
      wireguardEnabled: true
    ");
    cluster.pod_subnet = "fd00:10::/56".parse().unwrap();
    assert!(text(&cluster).ends_with("\n  wireguardEnabledV6: true\n"), "{}", text(&cluster));
}

/// What `validateCustomResource` in `pkg/controller/installation/validation.go` of Calico's operator asks for.
#[test]
fn calico_learns_routes_by_bgp_unless_it_uses_vxlan() {
    let mut cluster = single();
    for (encapsulation, bgp) in [
        ("VXLAN", "Disabled"),
        ("VXLANCrossSubnet", "Disabled"),
        ("IPIP", "Enabled"),
        ("IPIPCrossSubnet", "Enabled"),
        ("None", "Enabled"),
    ] {
        if let Cni::Calico(calico) = &mut cluster.cni {
            calico.encapsulation = encapsulation.to_owned();
        }
        let text = calico_installation(&templates(), &cluster, calico(&cluster)).unwrap();
        assert!(text.contains(&format!("\n    bgp: {bgp}\n")), "{encapsulation}: {text}");
    }
}
