//! Every control, one file per area. A control is data and a small pure function.

mod api_server;
mod certificates;
mod control_plane_files;
mod controller_manager;
mod etcd;
mod host_access;
mod host_kernel;
mod host_network;
mod host_services;
mod kubelet;
mod kubelet_files;
mod logging;
mod networks;
mod pods;
mod rbac;
mod scheduler;
mod secrets;
mod tokens;
mod users;

use super::control::Control;

const AREAS: &[(&str, &[Control])] = &[
    ("Files of the control plane", control_plane_files::CONTROLS),
    ("API server", api_server::CONTROLS),
    ("Controller manager", controller_manager::CONTROLS),
    ("Scheduler", scheduler::CONTROLS),
    ("etcd", etcd::CONTROLS),
    ("Secrets at rest", secrets::CONTROLS),
    ("Users", users::CONTROLS),
    ("Audit log", logging::CONTROLS),
    ("Files of the kubelet", kubelet_files::CONTROLS),
    ("kubelet and kube-proxy", kubelet::CONTROLS),
    ("Permissions", rbac::CONTROLS),
    ("Pods and images", pods::CONTROLS),
    ("Networks and namespaces", networks::CONTROLS),
    ("Tokens and credentials", tokens::CONTROLS),
    ("Certificates", certificates::CONTROLS),
    ("Hosts: access", host_access::CONTROLS),
    ("Hosts: network", host_network::CONTROLS),
    ("Hosts: kernel", host_kernel::CONTROLS),
    ("Hosts: services and updates", host_services::CONTROLS),
];

/// Every area with its controls, in the order of a report.
pub fn areas() -> impl Iterator<Item = (&'static str, &'static [Control])> {
    AREAS.iter().copied()
}

/// Every control.
pub fn all() -> impl Iterator<Item = &'static Control> {
    AREAS.iter().flat_map(|(_, controls)| controls.iter())
}

/// The control of that identity.
pub fn find(id: &str) -> Option<&'static Control> {
    all().find(|control| control.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn identities_are_unique_and_every_control_says_how_and_what_to_do() {
        let mut seen = BTreeSet::new();
        for control in all() {
            assert!(seen.insert(control.id), "{} is there twice", control.id);
            assert!(control.id.starts_with("CIS-") || control.id.starts_with("FORGE-"), "{}", control.id);
            assert!(
                !control.title.is_empty() && !control.how.is_empty() && !control.remedy.is_empty(),
                "{}",
                control.id
            );
            assert!(!control.title.ends_with('.') && !control.remedy.ends_with('.'), "{}", control.id);
        }
    }

    /// The numbers of the benchmark, chapter by chapter.
    #[test]
    fn every_number_of_the_benchmark_is_there() {
        let chapters = [
            ("1.1", 21),
            ("1.2", 30),
            ("1.3", 7),
            ("1.4", 2),
            ("2", 7),
            ("3.1", 3),
            ("3.2", 2),
            ("4.1", 10),
            ("4.2", 14),
            ("4.3", 1),
            ("5.1", 13),
            ("5.2", 12),
            ("5.3", 2),
            ("5.4", 2),
            ("5.5", 1),
            ("5.6", 4),
        ];
        let wanted: BTreeSet<String> = chapters
            .iter()
            .flat_map(|(chapter, last)| (1..=*last).map(move |n| format!("CIS-{chapter}.{n}")))
            .collect();
        let there: BTreeSet<String> =
            all().map(|control| control.id.to_owned()).filter(|id| id.starts_with("CIS-")).collect();
        assert_eq!(there, wanted);
        let unscored = all().filter(|control| control.id.starts_with("CIS-") && !control.scored).count();
        assert_eq!((wanted.len(), wanted.len() - unscored), (131, 65));
    }
}
