//! Decides what is wrong with a node's certificates, and what has to be renewed or restarted. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use super::DAY;
use super::node::Node;
use super::places::{Component, Keeper, PLACES, Place};
use super::rotation::AUTHORITIES;
use crate::kube::certificates::Certificate;

/// Which certificates a person wants renewed.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only those that end within so many days; `None` takes all.
    pub within: Option<i64>,
    /// Only those with these names; empty takes all.
    pub only: Vec<String>,
    /// Only those that another key signed than that of their authority, whatever their days: the place of the authority → its
    /// key's identifier. Authorities that are not named have signed well.
    pub signers: Option<BTreeMap<&'static str, String>>,
}

/// Why a certificate is renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// It ends in so many days; below zero it has ended.
    Ends(i64),
    /// The file is not there.
    Missing,
    /// The file holds no certificate.
    Unreadable(String),
    /// Its names are not those of the inventory.
    Names(Vec<String>),
    /// Its authority signs with another key now.
    Signer,
}

impl fmt::Display for Due {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ends(days) if *days < 0 => formatter.write_str("expired"),
            Self::Ends(days) => write!(formatter, "{days} days left"),
            Self::Missing => formatter.write_str("missing"),
            Self::Unreadable(why) => formatter.write_str(why),
            Self::Names(names) => formatter.write_str(&names.join(", ")),
            Self::Signer => formatter.write_str("signed by another authority"),
        }
    }
}

/// Whole days from `now` to the certificate's end; below zero after it.
pub fn days_left(certificate: &Certificate, now: f64) -> i64 {
    (certificate.not_after - now as i64).div_euclid(DAY)
}

/// Why the certificate at `place` has to be renewed; `None` when it has not, or nobody can. `names` are those that the API
/// server's certificate should have.
pub fn due(node: &Node, place: &Place, wanted: &Wanted, names: &BTreeSet<String>) -> Option<Due> {
    let chosen = wanted.only.is_empty() || wanted.only.iter().any(|name| name == place.name);
    if place.keeper == Keeper::Nobody || !chosen {
        return None;
    }
    if let Some(signers) = &wanted.signers {
        let signer = signers.get(place.authority()?)?;
        return match node.certificate(place) {
            Some(certificate) => (certificate.signer_id != *signer).then_some(Due::Signer),
            None => (!place.is_optional()).then_some(Due::Missing),
        };
    }
    let certificate = match node.files.get(place.name).map(|file| &file.certificate) {
        Some(Ok(certificate)) => certificate,
        Some(Err(why)) => return Some(Due::Unreadable(why.clone())),
        None if place.path.is_empty() => node.serves(place)?,
        None => return (!place.is_optional()).then_some(Due::Missing),
    };
    let drift = drift(place, certificate, names);
    if !drift.is_empty() {
        return Some(Due::Names(drift));
    }
    let days = days_left(certificate, node.now);
    // A program's own certificate is as old as the program: nobody renews it for its own sake before it is near its end.
    let within = wanted.within.unwrap_or(if place.keeper == Keeper::Process { 30 } else { i64::MAX });
    (days <= within).then_some(Due::Ends(days))
}

/// How the names of the API server's certificate differ from those wanted: `lacks NAME`, `has NAME`.
fn drift(place: &Place, certificate: &Certificate, names: &BTreeSet<String>) -> Vec<String> {
    if place.name != "apiserver" || names.is_empty() {
        return Vec::new();
    }
    let plain = |name: &String| name.parse::<IpAddr>().map_or_else(|_| name.clone(), |address| address.to_string());
    let have: BTreeSet<String> = certificate.sans.iter().map(plain).collect();
    let want: BTreeSet<String> = names.iter().map(plain).collect();
    let lacks = want.difference(&have).map(|name| format!("lacks {name}"));
    lacks.chain(have.difference(&want).map(|name| format!("has {name}, which the inventory has not"))).collect()
}

/// Whether a component does not run with what is in its files now: it was started before one was written, serves another
/// certificate, does not run at all, or was left aside by a run that was cut off.
pub fn stale(node: &Node, component: Component) -> bool {
    let Some(started) = node.started.get(&component) else { return true };
    let older = node.files_of(component).any(|file| file.written >= *started);
    let serves_another = PLACES
        .iter()
        .filter(|place| place.used_by == Some(component) && !place.path.is_empty())
        .any(|place| node.serves(place).is_some_and(|served| Some(served) != node.certificate(place)));
    older || serves_another || node.aside.contains(&component)
}

/// What a control plane cannot work without and what has ended or is gone: then its parts do not trust each other any more, or
/// its kubelet does not start them, and one after the other would not bring them back. With etcd's health check goes who says
/// that etcd is well.
pub fn broken(node: &Node) -> impl Iterator<Item = &'static Place> {
    let needed = |place: &&Place| {
        place.keeper == Keeper::KubeletClient
            || matches!(place.used_by, Some(Component::Etcd | Component::ApiServer))
            || place.name == "etcd-healthcheck-client"
    };
    PLACES
        .iter()
        .filter(needed)
        .filter(|place| node.certificate(place).is_none_or(|one| (one.not_after as f64) < node.now))
}

/// Whether there is any of that.
pub fn is_broken(node: &Node) -> bool {
    broken(node).next().is_some()
}

/// The place of an authority that has ended.
pub fn ended_authority(node: &Node) -> Option<&'static str> {
    let ended = |place: &&Place| node.certificate(place).is_some_and(|one| days_left(one, node.now) < 0);
    let mut authorities = PLACES.iter().filter(|place| AUTHORITIES.iter().any(|(name, _)| *name == place.name));
    authorities.find(ended).map(|place| place.name)
}

/// What a person should know about the certificate at `place`.
pub fn notes(node: &Node, place: &Place, names: &BTreeSet<String>) -> Vec<String> {
    let Some(certificate) = node.certificate(place) else {
        let file = node.files.get(place.name).map(|file| &file.certificate);
        let why = match file {
            Some(Err(why)) => why.clone(),
            _ if place.path.is_empty() && !node.can_look => return Vec::new(),
            _ if place.path.is_empty() => "nobody listens".to_owned(),
            _ => "missing".to_owned(),
        };
        return if place.is_optional() && file.is_none() { Vec::new() } else { vec![why] };
    };
    let mut notes = drift(place, certificate, names);
    if days_left(certificate, node.now) < 0 {
        notes.insert(0, "expired".to_owned());
    }
    if let Some(served) = node.serves(place).filter(|served| *served != certificate) {
        notes.push(format!("another one is served: serial {}", served.serial));
    }
    if place.port.is_some() && node.can_look && node.serves(place).is_none() {
        notes.push("not served".to_owned());
    }
    if let Some(component) = place.used_by
        && let (Some(file), Some(started)) = (node.files.get(place.name), node.started.get(&component))
        && file.written >= *started
    {
        notes.push(format!("{} was started before it was written", component.name()));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::node::read;
    use super::*;

    const APISERVER: &str = include_str!("../../../tests/fixtures/certificates/apiserver.pem");
    const CA: &str = include_str!("../../../tests/fixtures/certificates/ca.pem");
    /// The end of the fixture `apiserver.pem`, in seconds since 1970.
    const END: i64 = 1_827_008_381;
    const NAMES: [&str; 4] = ["cp1", "api.prod.example", "10.0.0.11", "fd00::11"];

    /// Keys of probes with the answers that replace the good ones.
    type Answers = &'static [(&'static str, &'static str)];

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn place(name: &str) -> &'static Place {
        PLACES.iter().find(|place| place.name == name).unwrap()
    }

    /// A control plane `days` before the end of its API server's certificate, with these answers instead of the good ones.
    fn node(days: i64, replaced: &[(&str, &str)]) -> Node {
        let now = (END - days * DAY).to_string();
        let file = format!("1000.5\n{APISERVER}");
        let processes = Component::ALL.map(|component| format!("{} 2000.25", component.name())).join("\n");
        read(true, |key| {
            let replaced = replaced.iter().find(|(name, _)| *name == key).map(|(_, answer)| *answer);
            replaced.unwrap_or(match key {
                "certificates/clock" => &now,
                "certificates/processes" => &processes,
                "certificates/health" => "api ok\netcd ok\nmembers 3",
                "certificates/kubeadm" => "v1.36.5",
                "certificate/super-admin.conf" => "",
                key if key.starts_with("certificate/") => &file,
                _ => APISERVER,
            })
        })
    }

    fn due_of(node: &Node, name: &str, wanted: &Wanted) -> Option<String> {
        due(node, place(name), wanted, &names(&NAMES)).map(|due| due.to_string())
    }

    #[test]
    fn what_is_asked_for_is_due_and_nothing_else() {
        let wanted = |within, only: &[&str]| Wanted {
            within,
            only: only.iter().map(|one| (*one).to_owned()).collect(),
            signers: None,
        };
        let node = node(100, &[]);
        let cases = [
            ("apiserver", wanted(None, &[]), Some("100 days left")),
            ("apiserver", wanted(Some(100), &[]), Some("100 days left")),
            ("apiserver", wanted(Some(99), &[]), None),
            ("apiserver", wanted(None, &["etcd-peer"]), None),
            ("apiserver", wanted(Some(99), &["apiserver"]), None),
            ("ca", wanted(None, &[]), None),
            ("super-admin.conf", wanted(None, &[]), None),
            ("scheduler", wanted(None, &[]), None),
            ("scheduler", wanted(Some(100), &[]), Some("100 days left")),
        ];
        for (name, wanted, expected) in cases {
            assert_eq!(due_of(&node, name, &wanted).as_deref(), expected, "{name} {wanted:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_due_however_long_it_lasts() {
        let wanted = Wanted { within: Some(1), ..Wanted::default() };
        let damaged = node(100, &[("certificate/etcd-peer", ""), ("certificate/apiserver", "1\nno certificate")]);
        assert_eq!(due_of(&damaged, "etcd-peer", &wanted).as_deref(), Some("missing"));
        assert_eq!(due_of(&damaged, "apiserver", &wanted).as_deref(), Some("there is no certificate in it"));
        assert_eq!(due_of(&node(-1, &[]), "etcd-server", &wanted).as_deref(), Some("expired"));
        let other = names(&["cp1", "api.new.example", "10.0.0.11", "FD00::0:11"]);
        let due = due(&node(100, &[]), place("apiserver"), &wanted, &other).unwrap();
        assert_eq!(due.to_string(), "lacks api.new.example, has api.prod.example, which the inventory has not");
    }

    #[test]
    fn a_component_that_does_not_run_with_its_files_is_stale() {
        let cases: [(Answers, bool); 5] = [
            (&[], false),
            (&[("certificates/processes", "etcd 1000.4")], true),
            (&[("certificates/processes", "etcd 1000.6")], false),
            (&[("certificates/processes", "etcd 2000\netcd aside")], true),
            (&[("certificates/processes", "")], true),
        ];
        for (answers, expected) in cases {
            assert_eq!(stale(&node(100, answers), Component::Etcd), expected, "{answers:?}");
        }
        assert!(stale(&node(100, &[("served/etcd-peer", CA)]), Component::Etcd));
        assert!(!stale(&node(100, &[("served/etcd-peer", "")]), Component::Etcd), "what is not seen is no other one");
    }

    #[test]
    fn a_control_plane_with_an_expired_or_lost_certificate_is_broken() {
        assert!(!is_broken(&node(1, &[])));
        assert!(is_broken(&node(-1, &[])));
        assert!(is_broken(&node(1, &[("certificate/etcd-peer", "")])));
        assert!(!is_broken(&node(1, &[("certificate/scheduler.conf", "")])));
    }

    #[test]
    fn notes_say_what_a_person_would_look_for() {
        let cases: [(i64, &str, Answers, &[&str]); _] = [
            (100, "apiserver", &[], &[]),
            (-2, "etcd-server", &[], &["expired"]),
            (100, "etcd-server", &[("served/etcd-server", "")], &["not served"]),
            (100, "etcd-server", &[("served/etcd-server", CA)], &["another one is served: serial 0a:1b"]),
            (100, "etcd-server", &[("certificates/processes", "etcd 1")], &["etcd was started before it was written"]),
            (100, "admin.conf", &[("certificate/admin.conf", "")], &["missing"]),
            (100, "super-admin.conf", &[], &[]),
            (100, "scheduler", &[("served/scheduler", "")], &["nobody listens"]),
            (100, "scheduler", &[("served/scheduler", "no openssl")], &[]),
            (100, "etcd-server", &[("served/etcd-server", "no openssl")], &[]),
        ];
        for (days, name, answers, expected) in cases {
            assert_eq!(notes(&node(days, answers), place(name), &names(&NAMES)), expected, "{name} {answers:?}");
        }
    }
}
