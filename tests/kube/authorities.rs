//! What a rotation of the authorities would do, and what it refuses, from what was seen of the hosts.

use std::collections::BTreeMap;

use forge::host::Observed;
use forge::inventory::{Cluster, NodeName};
use forge::kube::certificates;
use forge::kube::pki::Wanted;
use forge::phases::certificates::{Proofs, Renewal, seen};
use forge::phases::rotate_ca::{self, Rotation, Seen, Stage, judge};
use forge::plan::Plan;

use crate::fixture::{secrets, templates, three_and_one};

const OLD: &str = include_str!("../fixtures/certificates/ca.pem");
/// Any other certificate will do: what signs what is not looked at here.
const NEW: &str = include_str!("../fixtures/certificates/apiserver.pem");

const AUTHORITIES: [&str; 3] = ["ca", "etcd-ca", "front-proxy-ca"];

fn fingerprint(pem: &str) -> String {
    certificates::parse(pem).unwrap().remove(0).fingerprint
}

fn journal() -> String {
    let change = serde_json::json!({"from": fingerprint(OLD), "to": fingerprint(NEW)});
    let authorities: BTreeMap<&str, _> = AUTHORITIES.into_iter().map(|place| (place, change.clone())).collect();
    serde_json::json!({"format": 1, "forge": "0.1.0", "stage": "trust", "authorities": authorities}).to_string()
}

/// What all hosts of a cluster answer.
struct World {
    cluster: Cluster,
    answers: BTreeMap<NodeName, Observed>,
}

impl World {
    /// One that is well.
    fn new() -> Self {
        let cluster = three_and_one();
        let mut world = Self { answers: BTreeMap::new(), cluster };
        let names: Vec<NodeName> = world.cluster.hosts.iter().map(|host| host.name.clone()).collect();
        for name in &names {
            world.answers.insert(name.clone(), Observed::default());
            // A day before the end of the fixture.
            world = world.says(name.as_str(), "certificates/clock", "1826921981");
            for place in forge::kube::pki::PLACES.iter().filter(|place| !place.path.is_empty()) {
                let pem = if AUTHORITIES.contains(&place.name) { OLD } else { NEW };
                world = world.says(name.as_str(), &format!("certificate/{}", place.name), &format!("1000\n{pem}"));
            }
            let known: Vec<String> = names.iter().map(|name| format!("node/{name}")).collect();
            world = world
                .says(
                    name.as_str(),
                    "certificates/processes",
                    "etcd 2000\nkube-apiserver 2000\nkube-controller-manager 2000\nkube-scheduler 2000",
                )
                .says(name.as_str(), "certificates/health", "api ok\netcd ok\nmembers 3")
                .says(name.as_str(), "authorities/files", "ca\netcd-ca\nfront-proxy-ca")
                .says(name.as_str(), "authorities/nodes", &known.join("\n"));
        }
        world
    }

    fn says(mut self, host: &str, key: &str, answer: &str) -> Self {
        let seen = self.answers.get_mut(&NodeName::new(host).unwrap()).unwrap();
        seen.answers.insert(key.to_owned(), answer.to_owned());
        self
    }

    /// A node that trusts these as all of its authorities.
    fn trusts(mut self, host: &str, pem: &[&str]) -> Self {
        for place in AUTHORITIES {
            self = self.says(host, &format!("certificate/{place}"), &format!("1000\n{}", pem.concat()));
        }
        self
    }

    /// A control plane with the new authorities and the journal.
    fn has_begun(mut self, host: &str) -> Self {
        for place in AUTHORITIES {
            self = self.says(host, &format!("authorities/{place}"), NEW);
        }
        self.says(host, "certificates/rotation", &journal())
    }

    fn judge(&self) -> Result<Rotation, String> {
        let hosts = self.cluster.hosts.iter();
        let seen = hosts.map(|host| (host.name.clone(), Seen::parse(host, &self.answers[&host.name]))).collect();
        judge(&self.cluster, &seen)
            .map_err(|findings| findings.into_iter().map(|finding| finding.what).collect::<Vec<_>>().join("; "))
    }

    fn plan(&self, stage: Stage) -> Plan {
        let rotation = self.judge().unwrap();
        let (templates, secrets, proofs) = (templates(), secrets(), Proofs::default());
        let renewal = Renewal {
            cluster: &self.cluster,
            templates: &templates,
            nodes: &seen(&self.cluster, &self.answers),
            ca: OLD,
            pending: &[],
            installations: &BTreeMap::new(),
            wanted: &Wanted::default(),
            secrets: &secrets,
            proofs: &proofs,
        };
        rotate_ca::nodes(renewal, &rotation, stage).unwrap()
    }
}

fn steps(plan: &Plan) -> Vec<String> {
    let word = |step: &forge::plan::Step| format!("{}/{}", step.id.host, step.id.name);
    plan.steps.iter().map(word).collect()
}

const SERVER: [&str; 4] = ["certs-backup", "authorities-install", "certs-restart", "certs-proof"];

#[test]
fn control_planes_come_to_trust_the_new_authorities_one_after_the_other_and_workers_after_them() {
    let plan = World::new().plan(Stage::Trust);
    let mut expected = vec!["cp1/authorities-create".to_owned()];
    for host in ["cp1", "cp2", "cp3"] {
        expected.extend(SERVER.iter().map(|step| format!("{host}/{step}")));
    }
    expected.push("w1/authorities-install".to_owned());
    assert_eq!(steps(&plan), expected);
    for (index, step) in plan.steps.iter().enumerate().skip(1) {
        let before = &plan.steps[index - 1].id;
        assert!(step.needs.contains(before), "{:?} does not need {before:?}", step.id);
    }
}

#[test]
fn a_run_that_goes_on_leaves_those_alone_that_are_there() {
    let both = World::new().has_begun("cp1").trusts("cp1", &[OLD, NEW]);
    let expected: Vec<String> =
        ["cp2", "cp3"].iter().flat_map(|host| SERVER.map(|step| format!("{host}/{step}"))).collect();
    let found = steps(&both.plan(Stage::Trust));
    assert_eq!(found[0], "cp1/authorities-create", "it hands on what it has");
    assert_eq!(found[1..found.len() - 1], expected);
    assert_eq!(found.last().unwrap(), "w1/authorities-install");
}

#[test]
fn what_was_begun_is_finished_and_never_begun_anew() {
    let all = |world: World, pem: &[&str]| {
        ["cp1", "cp2", "cp3", "w1"].iter().fold(world, |world, host| world.trusts(host, pem))
    };
    let begun = || ["cp1", "cp2", "cp3"].iter().fold(World::new(), |world, host| world.has_begun(host));
    let first = |world: World| world.judge().map(|rotation| (rotation.journal.is_some(), rotation.first));
    assert_eq!(first(World::new()), Ok((false, Stage::Trust)));
    assert_eq!(first(begun()), Ok((true, Stage::Trust)));
    assert_eq!(first(all(begun(), &[OLD, NEW])), Ok((true, Stage::Trust)));
    assert_eq!(first(all(begun(), &[OLD, NEW]).trusts("cp2", &[NEW, OLD])), Ok((true, Stage::Sign)));
    assert_eq!(first(all(begun(), &[NEW, OLD])), Ok((true, Stage::Sign)));
    assert_eq!(first(all(begun(), &[NEW, OLD]).trusts("w1", &[NEW])), Ok((true, Stage::Remove)));
    assert_eq!(first(all(begun(), &[NEW])), Ok((true, Stage::Remove)), "to be forgotten");
    // The signing key's own file is the last thing to go.
    let left = all(begun(), &[NEW]).says("cp1", "authorities/files", "signer\nca\netcd-ca\nfront-proxy-ca");
    assert_eq!(steps(&left.plan(Stage::Remove)), SERVER.map(|step| format!("cp1/{step}")));
    // Forgotten on one control plane, and not yet on the others.
    assert_eq!(first(all(World::new().has_begun("cp3"), &[NEW])), Ok((true, Stage::Remove)));
}

#[test]
fn nothing_is_touched_where_not_everything_is_as_it_should_be() {
    let table: [(World, &str); 8] = [
        (World::new().says("w1", "certificate/ca", ""), "w1 is not part of the cluster yet"),
        (World::new().says("cp2", "authorities/files", "ca\netcd-ca"), "cp2 does not have all authorities"),
        (
            World::new().says("cp1", "authorities/nodes", "node/cp1\nnode/cp2\nnode/cp3\nnode/w1\nnode/w9"),
            "w9 is a node of the cluster and not of the inventory",
        ),
        (World::new().trusts("cp3", &[NEW]), "cp3 and cp1 trust different authorities (ca)"),
        (
            World::new().trusts("w1", &[OLD, NEW]),
            "w1 trusts 2 certificates as ca, and no rotation of forge's leaves it so",
        ),
        (
            World::new().has_begun("cp1").trusts("cp1", &[OLD, NEW]).trusts("w1", &[NEW]),
            "cp1 trusts 2 certificates as ca, and no rotation of forge's leaves it so; w1 and cp1 trust different authorities (ca)",
        ),
        (World::new().says("cp2", "certificate/etcd-peer", ""), "a certificate of cp2 has expired or is missing"),
        (
            ["cp1", "cp2", "cp3"].iter().fold(World::new(), |world, host| world.says(host, "authorities/nodes", "")),
            "no API server says which nodes there are",
        ),
    ];
    for (world, expected) in table {
        assert_eq!(world.judge().map(|rotation| rotation.first), Err(expected.to_owned()));
    }
}
