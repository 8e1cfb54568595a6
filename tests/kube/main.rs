//! What forge gives to Kubernetes, compared as text.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod addons;
mod authorities;
mod certificates;
mod containerd;
mod csr;
mod encryption;
mod fixture;
mod hostile;
mod kubeadm;
mod kubeconfig;
mod merge;
mod overrides;
mod policies;
mod renewal;
mod templates;
