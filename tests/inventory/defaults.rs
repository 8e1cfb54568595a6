//! What one host and nothing else means.

use insta::assert_snapshot;

use super::*;

#[test]
fn every_default_is_filled_in() {
    assert_snapshot!(serde_json::to_string_pretty(&cluster(ONE_HOST)).unwrap(), @r#"
    {
      "name": "kubernetes",
      "kubernetes": "1.36",
      "endpoint": {
        "host": "api.kubernetes.internal",
        "port": 6443
      },
      "podSubnet": "10.244.0.0/16",
      "serviceSubnet": "10.96.0.0/12",
      "hosts": [
        {
          "name": "cp1",
          "address": "192.0.2.11",
          "roles": [
            "control-plane"
          ],
          "labels": {},
          "taints": [],
          "ssh": {
            "user": "root",
            "port": 22,
            "identityFile": null,
            "bastion": null
          }
        }
      ],
      "kubeadm": {
        "clusterConfiguration": {},
        "kubeletConfiguration": {},
        "kubeProxyConfiguration": {},
        "ignorePreflightErrors": []
      },
      "security": {
        "podSecurity": {
          "enforce": "baseline",
          "audit": "restricted",
          "warn": "restricted",
          "exemptNamespaces": [
            "kube-system"
          ]
        },
        "networkPolicy": {
          "defaultDenyNamespaces": [
            "default"
          ]
        },
        "images": {
          "forbidLatest": true,
          "allowedRegistries": []
        },
        "encryption": {
          "provider": "secretbox",
          "resources": [
            "secrets"
          ]
        },
        "audit": {
          "policy": null,
          "webhook": null,
          "maxAge": 30,
          "maxBackup": 10,
          "maxSize": 100
        },
        "oidc": [],
        "sysctls": {},
        "trustedCIDRs": [],
        "firewall": {
          "enabled": true,
          "allow": []
        },
        "sshd": {
          "enabled": true,
          "settings": {}
        },
        "autoUpdates": true,
        "auditd": true,
        "coreDumps": false,
        "blockedModules": [
          "cramfs",
          "dccp",
          "freevxfs",
          "hfs",
          "hfsplus",
          "jffs2",
          "rds",
          "tipc"
        ],
        "maskedUnits": [
          "apport.service",
          "avahi-daemon.service",
          "avahi-daemon.socket",
          "bluetooth.service",
          "cups-browsed.service",
          "cups.path",
          "cups.service",
          "cups.socket",
          "inetd.service",
          "ModemManager.service",
          "telnet.socket",
          "tftpd-hpa.service",
          "vsftpd.service",
          "whoopsie.service",
          "xinetd.service"
        ]
      },
      "rotation": {
        "certificates": "90d",
        "encryptionKey": "90d",
        "tokens": "24h"
      },
      "cni": {
        "provider": "calico",
        "version": "3.32.1",
        "encapsulation": "VXLANCrossSubnet",
        "wireguard": false,
        "manifests": [
          {
            "url": {
              "url": "https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/operator-crds.yaml",
              "sha256": "192f8b2d934ef24b62e86b7e1a6e1762d1c8af26a916f78057bc13fa5ed60f71"
            }
          },
          {
            "url": {
              "url": "https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/tigera-operator.yaml",
              "sha256": "f18e073794207d372606bc3ea6f8fd73972f86d6828f4ba666dfe0d4aa8ab07f"
            }
          }
        ]
      },
      "addons": {
        "kubeletCsrApprover": {
          "chart": {
            "repo": "https://postfinance.github.io/kubelet-csr-approver",
            "name": "kubelet-csr-approver",
            "version": "1.2.15",
            "sha256": "a8697589fadc4aedb68f01a66f2cf50a780d9648ad3f463d041722902091e32f"
          },
          "values": {}
        },
        "metricsServer": {
          "chart": {
            "repo": "https://kubernetes-sigs.github.io/metrics-server",
            "name": "metrics-server",
            "version": "3.14.0",
            "sha256": "c2ca1185c01e6e7f53dd1b7d131f0c9b3fa50e003ed068b784563a1b5a3422a1"
          },
          "values": {}
        },
        "falco": {
          "chart": {
            "repo": "https://falcosecurity.github.io/charts",
            "name": "falco",
            "version": "9.2.0",
            "sha256": "5e0699e68e5e4abd5eab1d501b3e0300a15888f3a5c2b0977bf3ca3229a8d04a"
          },
          "values": {}
        },
        "helm": [],
        "manifests": []
      },
      "sources": {
        "kubernetesPackages": {
          "url": "https://pkgs.k8s.io/core:/stable:/v1.36/deb/",
          "key": {
            "url": {
              "url": "https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key",
              "fingerprint": "DE15B14486CD377B9E876E1A234654DA9A296436"
            }
          }
        },
        "containerdPackages": {
          "url": "https://download.docker.com/linux/{distribution}",
          "key": {
            "url": {
              "url": "https://download.docker.com/linux/{distribution}/gpg",
              "fingerprint": "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
            }
          }
        },
        "registries": {},
        "helm": {
          "version": "4.3.0",
          "sha256": {
            "amd64": "86584a54def73570558f66f5111cc53dfed56689637ae32c1201205d494f54fb",
            "arm64": "31c5794dd55c66a51e6b7d2e2ac7a114ae8b1de41ff1d9ba51748ac973b06a08"
          }
        },
        "artifacts": {}
      },
      "proxy": {
        "http": null,
        "https": null,
        "noProxy": []
      },
      "audit": {
        "waivers": []
      },
      "knownHosts": "/nowhere/known_hosts",
      "directory": "/nowhere"
    }
    "#);
}
