//! Name, version, endpoint and networks.

use insta::assert_snapshot;

use super::*;

#[test]
fn the_cluster_is_called_by_a_label() {
    assert_snapshot!(complaint_about("cluster: {name: Prod_1}\n"), @r"
    inventory.yaml has 1 error

      × `Prod_1` cannot name a cluster
       ╭─[inventory.yaml:1:17]
     1 │ cluster: {name: Prod_1}
       ·                 ──────
     2 │ hosts:
       ╰────
      help: at most 63 of a-z, 0-9 and `-`, neither beginning nor ending with `-` (RFC 1123 label)
    ");
}

#[test]
fn versions_are_minor_or_exact_and_supported() {
    for good in ["1.35", "1.36", "1.36.0", "1.37.12"] {
        let text = format!("cluster: {{kubernetes: \"{good}\"}}\n{ONE_HOST}");
        assert_eq!(super::cluster(&text).kubernetes.to_string(), good);
    }
    assert_snapshot!(complaint_about("cluster: {kubernetes: v1.36}\n"), @r#"
    inventory.yaml has 1 error

      × `v1.36` is not a Kubernetes version
       ╭─[inventory.yaml:1:23]
     1 │ cluster: {kubernetes: v1.36}
       ·                       ─────
     2 │ hosts:
       ╰────
      help: a minor version or an exact one, 1.35 to 1.37: for example "1.36" or "1.36.5"
    "#);
    assert_snapshot!(complaint_about("cluster: {kubernetes: \"1.34.2\"}\n"), @r#"
    inventory.yaml has 1 error

      × Kubernetes 1.34.2 is not supported by this version of forge
       ╭─[inventory.yaml:1:23]
     1 │ cluster: {kubernetes: "1.34.2"}
       ·                       ────┬───
       ·                           ╰── supported: 1.35 to 1.37
     2 │ hosts:
       ╰────
    "#);
}

#[test]
fn the_endpoint_is_a_name_because_an_address_cannot_move() {
    assert_snapshot!(complaint_about("cluster: {endpoint: \"192.0.2.10:6443\"}\n"), @r#"
    inventory.yaml has 1 error

      × the endpoint must be a name, not an address
       ╭─[inventory.yaml:1:21]
     1 │ cluster: {endpoint: "192.0.2.10:6443"}
       ·                     ────────┬────────
       ·                             ╰── an address
     2 │ hosts:
       ╰────
      help: certificates and kubeconfig files are made for the endpoint: a name can move to another machine or a
            load balancer, an address cannot. Any name will do, for example `api.prod.internal:6443`; forge
            writes it to /etc/hosts where there is no DNS
    "#);
}

#[test]
fn the_endpoint_has_a_port() {
    assert_snapshot!(complaint_about("cluster: {endpoint: api.prod.example}\n"), @r"
    inventory.yaml has 1 error

      × the endpoint has no port
       ╭─[inventory.yaml:1:21]
     1 │ cluster: {endpoint: api.prod.example}
       ·                     ────────────────
     2 │ hosts:
       ╰────
      help: for example `endpoint: api.prod.example:6443`
    ");
    assert_snapshot!(complaint_about("cluster: {endpoint: \"https://api.prod.example:6443\"}\n"), @r#"
    inventory.yaml has 1 error

      × `https://api.prod.example:6443` is not a name with a port
       ╭─[inventory.yaml:1:21]
     1 │ cluster: {endpoint: "https://api.prod.example:6443"}
       ·                     ───────────────────────────────
     2 │ hosts:
       ╰────
      help: a lower-case DNS name, a colon and a port: `api.prod.example:6443`
    "#);
}

#[test]
fn one_control_plane_gets_an_endpoint_and_several_must_name_theirs() {
    assert_eq!(super::cluster(ONE_HOST).endpoint.to_string(), "api.kubernetes.internal:6443");
    let text = "\
cluster: {name: prod}
hosts:
  cp1: {address: 192.0.2.11, roles: [control-plane]}
  cp2: {address: 192.0.2.12, roles: [control-plane]}
  cp3: {address: 192.0.2.13, roles: [control-plane]}
";
    assert_snapshot!(complaint(text), @r"
    inventory.yaml has 1 error

      × several control planes need `cluster.endpoint`
       ╭─[inventory.yaml:1:1]
     1 │ cluster: {name: prod}
       · ───────
     2 │ hosts:
       ╰────
      help: give a name and a port, for example `endpoint: api.prod.example:6443`; the name stands for a load
            balancer or for all control planes, and forge writes it to /etc/hosts where there is no DNS
    ");
}

#[test]
fn pods_and_services_are_apart() {
    assert_snapshot!(complaint_about("cluster:\n  podSubnet: 10.244.0.0/16\n  serviceSubnet: 10.244.128.0/20\n"), @r"
    inventory.yaml has 1 error

      × the pod network 10.244.0.0/16 overlaps the service network 10.244.128.0/20
       ╭─[inventory.yaml:2:14]
     1 │ cluster:
     2 │   podSubnet: 10.244.0.0/16
       ·              ──────┬──────
       ·                    ╰── pods
     3 │   serviceSubnet: 10.244.128.0/20
       ·                  ───────┬───────
       ·                         ╰── services
     4 │ hosts:
       ╰────
    ");
    assert_snapshot!(complaint_about("cluster: {podSubnet: 10.100.0.0/16}\n"), @r"
    inventory.yaml has 1 error

      × the pod network 10.100.0.0/16 overlaps the service network 10.96.0.0/12 (the default)
       ╭─[inventory.yaml:1:22]
     1 │ cluster: {podSubnet: 10.100.0.0/16}
       ·                      ──────┬──────
       ·                            ╰── pods
     2 │ hosts:
       ╰────
    ");
}

#[test]
fn no_host_stands_inside_the_clusters_networks() {
    let text = "\
hosts:
  cp1: {address: 10.244.0.11, roles: [control-plane]}
  w1: {address: 10.244.0.21, roles: [worker]}
";
    assert_snapshot!(complaint(text), @r"
    inventory.yaml has 1 error

      × the pod network 10.244.0.0/16 (the default) contains the address of cp1 and of one more host
       ╭─[inventory.yaml:2:18]
     1 │ hosts:
     2 │   cp1: {address: 10.244.0.11, roles: [control-plane]}
       ·                  ─────┬─────
       ·                       ╰── inside
     3 │   w1: {address: 10.244.0.21, roles: [worker]}
       ╰────
      help: choose a `cluster.podSubnet` that nothing else uses
    ");
}

#[test]
fn networks_are_written_in_full() {
    assert_snapshot!(complaint_about("cluster: {podSubnet: 10.244.0.0}\n"), @r"
    inventory.yaml has 1 error

      × `10.244.0.0` is not a network
       ╭─[inventory.yaml:1:22]
     1 │ cluster: {podSubnet: 10.244.0.0}
       ·                      ──────────
     2 │ hosts:
       ╰────
      help: an address, a slash and the length of the prefix: `10.244.0.0/16`
    ");
    assert_snapshot!(complaint_about("cluster: {podSubnet: 10.244.1.0/16}\n"), @r"
    inventory.yaml has 1 error

      × 10.244.1.0/16 has bits behind its prefix
       ╭─[inventory.yaml:1:22]
     1 │ cluster: {podSubnet: 10.244.1.0/16}
       ·                      ──────┬──────
       ·                            ╰── 10.244.0.0/16 is meant?
     2 │ hosts:
       ╰────
    ");
}

#[test]
fn networks_have_the_size_that_kubernetes_takes() {
    assert_snapshot!(complaint_about("cluster: {podSubnet: 10.244.0.0/25, serviceSubnet: 10.0.0.0/11}\n"), @r"
    inventory.yaml has 2 errors

      × the pod network 10.244.0.0/25 must have a prefix from /8 to /24
       ╭─[inventory.yaml:1:22]
     1 │ cluster: {podSubnet: 10.244.0.0/25, serviceSubnet: 10.0.0.0/11}
       ·                      ─────────────
     2 │ hosts:
       ╰────
      help: every node gets a /24 of it

      × the service network 10.0.0.0/11 must have a prefix from /12 to /28
       ╭─[inventory.yaml:1:52]
     1 │ cluster: {podSubnet: 10.244.0.0/25, serviceSubnet: 10.0.0.0/11}
       ·                                                    ───────────
     2 │ hosts:
       ╰────
    ");
    let text = "\
cluster: {podSubnet: 10.244.0.0/24}
hosts:
  cp1: {address: 192.0.2.11, roles: [control-plane]}
  w1: {address: 192.0.2.21, roles: [worker]}
";
    assert_snapshot!(complaint(text), @r"
    inventory.yaml has 1 error

      × the pod network 10.244.0.0/24 is too small for 2 hosts
       ╭─[inventory.yaml:1:22]
     1 │ cluster: {podSubnet: 10.244.0.0/24}
       ·                      ─────────────
     2 │ hosts:
       ╰────
      help: every node gets a /24 of it: there is room for 1
    ");
}

#[test]
fn everything_is_ipv4_or_everything_is_ipv6() {
    let ipv6 = "\
cluster: {podSubnet: \"fd00:1::/56\", serviceSubnet: \"fd00:2::/112\"}
hosts:
  cp1: {address: \"2001:db8::11\", roles: [control-plane]}
";
    assert_eq!(super::cluster(ipv6).pod_subnet.to_string(), "fd00:1::/56");
    assert_snapshot!(complaint_about("cluster: {podSubnet: \"fd00:1::/56\"}\n"), @r#"
    inventory.yaml has 2 errors

      × the pod network fd00:1::/56 is IPv6, the service network 10.96.0.0/12 (the default) is IPv4
       ╭─[inventory.yaml:1:22]
     1 │ cluster: {podSubnet: "fd00:1::/56"}
       ·                      ──────┬──────
       ·                            ╰── IPv6
     2 │ hosts:
       ╰────
      help: pods, services and hosts must all be IPv4 or all be IPv6; dual stack is not supported by this
            version

      × the address of cp1 is IPv4, the pod network fd00:1::/56 is IPv6
       ╭─[inventory.yaml:1:22]
     1 │ cluster: {podSubnet: "fd00:1::/56"}
       ·                      ──────┬──────
       ·                            ╰── IPv6
     2 │ hosts:
     3 │   cp1: {address: 192.0.2.11, roles: [control-plane]}
       ·                  ─────┬────
       ·                       ╰── IPv4
       ╰────
      help: pods, services and hosts must all be IPv4 or all be IPv6; dual stack is not supported by this
            version
    "#);
    assert_snapshot!(complaint_about("cluster: {podSubnet: \"10.1.0.0/16,fd00:1::/56\"}\n"), @r#"
    inventory.yaml has 1 error

      × the pod network must be one network, IPv4 or IPv6
       ╭─[inventory.yaml:1:22]
     1 │ cluster: {podSubnet: "10.1.0.0/16,fd00:1::/56"}
       ·                      ─────────────────────────
     2 │ hosts:
       ╰────
      help: dual stack is not supported by this version
    "#);
}
