//! `kubeadm`: what may be overridden and what not.

use insta::assert_snapshot;

use super::*;

#[test]
fn what_forge_has_no_key_for_can_be_overridden() {
    let settings = "\
kubeadm:
  clusterConfiguration: {networking: {dnsDomain: prod.local}}
  kubeletConfiguration: {maxPods: 250}
  ignorePreflightErrors: [NumCPU]
";
    let cluster = cluster(&format!("{settings}{ONE_HOST}"));
    assert_eq!(cluster.kubeadm.kubelet_configuration["maxPods"], 250);
    assert_eq!(cluster.kubeadm.cluster_configuration["networking"]["dnsDomain"], "prod.local");
}

#[test]
fn what_the_inventory_has_a_key_for_cannot() {
    let settings = "\
kubeadm:
  clusterConfiguration:
    kubernetesVersion: v1.36.5
    controlPlaneEndpoint: 192.0.2.11:6443
    networking: {podSubnet: 10.1.0.0/16}
    etcd: {external: {endpoints: []}}
  kubeProxyConfiguration: {kind: KubeProxyConfiguration}
";
    assert_snapshot!(complaint_about(settings), @r"
    inventory.yaml has 5 errors

      × `clusterConfiguration.kubernetesVersion` cannot be overridden
       ╭─[inventory.yaml:3:5]
     2 │   clusterConfiguration:
     3 │     kubernetesVersion: v1.36.5
       ·     ─────────────────
     4 │     controlPlaneEndpoint: 192.0.2.11:6443
       ╰────
      help: use `cluster.kubernetes`

      × `clusterConfiguration.controlPlaneEndpoint` cannot be overridden
       ╭─[inventory.yaml:4:5]
     3 │     kubernetesVersion: v1.36.5
     4 │     controlPlaneEndpoint: 192.0.2.11:6443
       ·     ────────────────────
     5 │     networking: {podSubnet: 10.1.0.0/16}
       ╰────
      help: use `cluster.endpoint`

      × `clusterConfiguration.networking.podSubnet` cannot be overridden
       ╭─[inventory.yaml:5:18]
     4 │     controlPlaneEndpoint: 192.0.2.11:6443
     5 │     networking: {podSubnet: 10.1.0.0/16}
       ·                  ─────────
     6 │     etcd: {external: {endpoints: []}}
       ╰────
      help: use `cluster.podSubnet`

      × `clusterConfiguration.etcd.external` cannot be overridden
       ╭─[inventory.yaml:6:12]
     5 │     networking: {podSubnet: 10.1.0.0/16}
     6 │     etcd: {external: {endpoints: []}}
       ·            ────────
     7 │   kubeProxyConfiguration: {kind: KubeProxyConfiguration}
       ╰────
      help: forge runs etcd on the control planes

      × `kubeProxyConfiguration.kind` cannot be overridden
       ╭─[inventory.yaml:7:28]
     6 │     etcd: {external: {endpoints: []}}
     7 │   kubeProxyConfiguration: {kind: KubeProxyConfiguration}
       ·                            ────
     8 │ hosts:
       ╰────
      help: forge writes it; leave it out
    ");
}
