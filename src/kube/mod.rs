//! What Kubernetes needs: kubeadm's configuration, policies, certificates.
