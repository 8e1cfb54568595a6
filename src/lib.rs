//! forge: hardened Kubernetes on your own machines, over SSH, with kubeadm.
//!
//! `docs/architecture.md` tells how the parts fit together; each module's first line says what it is responsible for.

pub mod actions;
pub mod audit;
pub mod cli;
mod disk;
pub mod error;
pub mod host;
pub mod inventory;
pub mod kube;
pub mod phases;
pub mod plan;
pub mod render;
pub mod report;
pub mod secret;
pub mod ssh;
pub mod yaml;
