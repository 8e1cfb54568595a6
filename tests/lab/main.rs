//! End to end on the lab's real hosts: systemd, sshd, apt, containerd, kubeadm, etcd. Run by `lab/test`, one after the other
//! in the order of their names, because there is one lab.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop anywhere, and says how far the walk is")]

mod support;

mod rotation;
mod sa_key;

mod a_one_and_one;
mod b_drift;
mod c_sa_key;
mod d_policies;
mod d_traffic;
mod e_addons;
mod f_audit;
mod g_hosts;
mod h_bad_input;
mod i_kill_walk;
mod j_three_control_planes;
mod k_settings;
mod l_rotate;
mod m_certificates;
mod n_rotate_all;
mod o_sa_key_walk;
mod p_authorities;
mod q_foreign_cluster;
mod r_calico;
mod s_logins;
mod t_packages;
