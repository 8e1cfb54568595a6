//! End to end on the lab's real hosts: systemd, sshd, apt, containerd, kubeadm, etcd. Run by `lab/test`, one after the other
//! in the order of their names, because there is one lab.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop anywhere, and says how far the walk is")]

mod support;

mod a_one_and_one;
mod b_drift;
mod c_bad_input;
mod d_kill_walk;
mod e_three_control_planes;
mod f_addons;
mod f_certificates;
mod f_hosts;
mod f_policies;
mod f_rotate;
mod f_rotate_all;
mod f_settings;
mod g_audit;
mod rotation;
