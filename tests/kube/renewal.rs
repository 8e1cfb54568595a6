//! What a renewal would do, in which order, from what was seen of the hosts.

use std::collections::BTreeMap;

use forge::inventory::{Cluster, Host, NodeName};
use forge::kube::pki::{self, Component, Node, Place, Wanted};
use forge::phases::certificates::{Proofs, Renewal, ended, plan};
use forge::plan::{Heard, Plan, StepId, Turn, Work};
use forge::secret::Secret;

use crate::fixture::{secrets, single, templates, three_and_one};

const APISERVER: &str = include_str!("../fixtures/certificates/apiserver.pem");
const CA: &str = include_str!("../fixtures/certificates/ca.pem");
/// A day before the end of the fixture.
const YESTERDAY: &str = "1826921981";
const TOMORROW: &str = "1827094781";

/// What a host that is well answers, at this time, with some other answers.
fn node(control_plane: bool, now: &str, replaced: &[(&str, &str)]) -> Node {
    let processes = Component::ALL.map(|component| format!("{} 2000", component.name())).join("\n");
    let file = |pem: &str| format!("1000\n{pem}");
    pki::read(control_plane, |key| {
        let answer = replaced.iter().find(|(name, _)| *name == key).map(|(_, answer)| (*answer).to_owned());
        let answer = answer.unwrap_or_else(|| match key {
            "certificates/clock" => now.to_owned(),
            "certificates/processes" => processes.clone(),
            "certificates/health" => "api ok\netcd ok\nmembers 3".to_owned(),
            // Without a version nobody knows which names the API server's certificate should have.
            "certificates/kubeadm" => String::new(),
            "certificate/super-admin.conf" => String::new(),
            key if key.starts_with("certificate/") && key.ends_with("ca") => file(CA),
            key if key.starts_with("certificate/") => file(APISERVER),
            _ => APISERVER.to_owned(),
        });
        Box::leak(answer.into_boxed_str())
    })
}

/// The plan for these hosts; those that are not named are well.
fn planned(cluster: &Cluster, now: &str, wanted: &Wanted, odd: &[(&str, &[(&str, &str)])]) -> Result<Plan, String> {
    let nodes: BTreeMap<NodeName, Node> = cluster
        .hosts
        .iter()
        .map(|host| {
            let odd = odd.iter().find(|(name, _)| *name == host.name.as_str()).map_or(&[][..], |(_, answers)| answers);
            (host.name.clone(), node(host.is_control_plane(), now, odd))
        })
        .collect();
    let (templates, secrets, proofs) = (templates(), secrets(), Proofs::default());
    plan(Renewal {
        cluster,
        templates: &templates,
        nodes: &nodes,
        ca: CA,
        pending: &[],
        installations: &BTreeMap::new(),
        wanted,
        secrets: &secrets,
        proofs: &proofs,
    })
    .map_err(|problem| problem.to_string())
}

fn only(names: &[&str]) -> Wanted {
    Wanted { within: None, only: names.iter().map(|name| (*name).to_owned()).collect(), signers: None }
}

fn word(id: &StepId) -> String {
    format!("{}/{}", id.host, id.name.trim_start_matches("certs-"))
}

/// `HOST/STEP`, in the order of the plan.
fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| word(&step.id)).collect()
}

/// What a step needs, as far as it is in the plan.
fn needs(plan: &Plan, name: &str) -> Vec<String> {
    let step = plan.steps.iter().find(|step| word(&step.id) == name).unwrap();
    let mut needs: Vec<String> = step.needs.iter().map(word).filter(|need| steps(plan).contains(need)).collect();
    needs.sort();
    needs
}

/// A file with a certificate that has ended by [`TOMORROW`].
const ENDS: &str = concat!("1000\n", include_str!("../fixtures/certificates/apiserver.pem"));

const ILL: &[(&str, &str)] = &[("certificates/health", "members 3")];

#[test]
fn control_planes_follow_each_other_and_only_what_uses_a_certificate_restarts() {
    let plan = planned(&three_and_one(), YESTERDAY, &only(&["etcd-peer", "admin.conf"]), &[]).unwrap();
    let expected: Vec<String> = ["cp1", "cp2", "cp3"]
        .iter()
        .flat_map(|host| ["backup", "renew", "restart", "proof"].map(|step| format!("{host}/{step}")))
        .collect();
    assert_eq!(steps(&plan), expected);
    assert_eq!(needs(&plan, "cp1/backup"), [""; 0]);
    assert_eq!(needs(&plan, "cp1/proof"), ["cp1/backup", "cp1/renew", "cp1/restart"]);
    assert_eq!(needs(&plan, "cp2/backup"), ["cp1/backup", "cp1/proof", "cp1/renew", "cp1/restart"]);
}

#[test]
fn expired_control_planes_are_renewed_together_because_they_no_longer_trust_each_other() {
    let plan = planned(&three_and_one(), TOMORROW, &Wanted::default(), &[]).unwrap();
    assert_eq!(needs(&plan, "cp1/renew"), ["cp1/backup", "cp2/backup", "cp3/backup"]);
    let restart = needs(&plan, "cp1/restart");
    for host in ["cp1", "cp2", "cp3"] {
        assert!(
            restart.contains(&format!("{host}/renew")) && restart.contains(&format!("{host}/kubelet")),
            "{restart:?}"
        );
        assert!(!restart.contains(&format!("{host}/restart")), "{restart:?}");
        assert!(needs(&plan, "cp2/proof").contains(&format!("{host}/restart")));
    }
}

#[test]
fn workers_come_after_the_control_planes_with_a_token_that_goes_away() {
    let plan = planned(&three_and_one(), YESTERDAY, &only(&["kubelet-client", "kubelet-server"]), &[]).unwrap();
    let worker: Vec<String> =
        steps(&plan).into_iter().filter(|step| step.starts_with("w1/") || step.contains("token")).collect();
    assert_eq!(worker, ["cp1/token", "w1/kubelet", "w1/serving-certificate", "w1/kubelet-proof", "cp1/token-deleted"]);
    assert!(needs(&plan, "w1/kubelet").contains(&"cp1/token".to_owned()));
    assert!(needs(&plan, "w1/kubelet").contains(&"cp3/kubelet".to_owned()));
}

#[test]
fn the_control_plane_that_a_run_left_behind_comes_first() {
    let aside: &[(&str, &str)] = &[
        ("certificates/health", "members 3"),
        (
            "certificates/processes",
            "etcd 2000\nkube-apiserver aside\nkube-controller-manager 2000\nkube-scheduler 2000",
        ),
    ];
    let within = Wanted { within: Some(0), ..Wanted::default() };
    let plan = planned(&three_and_one(), YESTERDAY, &within, &[("cp2", aside)]).unwrap();
    assert_eq!(steps(&plan), ["cp2/restart", "cp2/proof"]);
    let plan = planned(&three_and_one(), YESTERDAY, &only(&["etcd-peer"]), &[("cp2", aside)]).unwrap();
    assert_eq!(steps(&plan)[..4], ["cp2/backup", "cp2/renew", "cp2/restart", "cp2/proof"]);
}

#[test]
fn a_control_plane_that_is_ill_for_another_reason_stops_it() {
    let refused = planned(&three_and_one(), YESTERDAY, &Wanted::default(), &[("cp3", ILL)]).err().unwrap();
    assert!(refused.starts_with("cp3 is not well, and its certificates are not why\n"), "{refused}");
    assert!(planned(&single(), YESTERDAY, &Wanted::default(), &[("cp1", ILL)]).is_ok(), "there is no other to harm");
}

#[test]
fn while_most_control_planes_are_well_the_others_are_mended_first_and_one_at_a_time() {
    let lost: &[(&str, &str)] = &[("certificate/etcd-peer", "")];
    let all = Wanted::default();
    let plan = planned(&three_and_one(), YESTERDAY, &all, &[("cp3", lost)]).unwrap();
    let of_cp3 = ["backup", "renew", "kubelet", "restart", "proof"].map(|step| format!("cp3/{step}"));
    assert_eq!(steps(&plan)[..5], of_cp3, "its kubelet starts the others");
    assert!(needs(&plan, "cp1/backup").contains(&"cp3/proof".to_owned()));
    assert!(!needs(&plan, "cp1/proof").contains(&"cp1/kubelet".to_owned()), "one that is well keeps its order");
    let gone: &[(&str, &str)] = &[("certificates/health", "members 3"), ("certificates/processes", "")];
    let plan = planned(&three_and_one(), YESTERDAY, &all, &[("cp2", gone)]).unwrap();
    assert!(needs(&plan, "cp1/backup").contains(&"cp2/proof".to_owned()), "it has to be well again before");

    let plan = planned(&three_and_one(), YESTERDAY, &all, &[("cp2", lost), ("cp3", lost)]).unwrap();
    assert!(!needs(&plan, "cp1/restart").contains(&"cp2/restart".to_owned()), "the API is away already: together");
    assert!(needs(&plan, "cp1/restart").contains(&"cp2/renew".to_owned()));
    let part =
        planned(&three_and_one(), YESTERDAY, &only(&["apiserver"]), &[("cp2", lost), ("cp3", lost)]).err().unwrap();
    assert!(part.starts_with("cp2 is not well, and not everything that is why would be renewed\n"), "{part}");
}

#[test]
fn what_no_renewal_gets_past_is_refused_before_anything_is_changed() {
    let blind: &[(&str, &str)] = &[("served/etcd-server", "no openssl")];
    let refused = planned(&three_and_one(), YESTERDAY, &Wanted::default(), &[("cp2", blind)]).err().unwrap();
    assert!(refused.starts_with("cp2: what is served there cannot be looked at\n"), "{refused}");
    let blind: &[(&str, &str)] = &[("served/kubelet-server", "no openssl")];
    let refused = planned(&three_and_one(), YESTERDAY, &Wanted::default(), &[("w1", blind)]).err().unwrap();
    assert!(refused.starts_with("w1: what is served there cannot be looked at\n"), "{refused}");

    let cluster = three_and_one();
    let ends: &[(&str, &str)] = &[("certificate/etcd-ca", ENDS), ("certificates/clock", TOMORROW)];
    let answers = |host: &Host| if host.name.as_str() == "cp2" { ends } else { &[] };
    let nodes = cluster.hosts.iter().map(|host| (host.name.clone(), node(true, YESTERDAY, answers(host)))).collect();
    let told: Vec<(bool, String)> = ended(&cluster, &nodes).into_iter().map(|one| (one.fatal, one.what)).collect();
    assert_eq!(told, [(true, "cp2: the authority etcd-ca has expired".to_owned())]);
}

/// With four members and three hosts each restart takes the quorum.
#[test]
fn a_member_of_etcd_that_nobody_knows_stops_it() {
    let four: &[(&str, &str)] = &[("certificates/health", "api ok\netcd ok\nmembers 4")];
    let refused = planned(&three_and_one(), YESTERDAY, &Wanted::default(), &[("cp2", four)]).err().unwrap();
    assert!(
        refused.starts_with("etcd has 4 members, and 3 control planes of the inventory are part of the cluster\n"),
        "{refused}"
    );
    assert!(planned(&three_and_one(), YESTERDAY, &only(&["admin.conf"]), &[("cp2", four)]).is_ok(), "nothing restarts");
    assert!(planned(&single(), YESTERDAY, &Wanted::default(), &[]).is_ok(), "there is no other to wait for");
}

#[test]
fn a_control_plane_that_lacks_what_is_not_renewed_stops_it() {
    let lost: &[(&str, &str)] = &[("certificate/etcd-peer", "")];
    let planned = |names: &[&str]| planned(&three_and_one(), YESTERDAY, &only(names), &[("cp3", lost)]);
    let refused = planned(&["scheduler.conf"]).err().unwrap();
    assert!(refused.starts_with("cp3 is not well, and not everything that is why would be renewed\n"), "{refused}");
    assert!(refused.contains("expired or missing there: etcd-peer\n"), "{refused}");
    assert_eq!(steps(&planned(&["etcd-peer"]).unwrap())[0], "cp3/backup");
}

/// Whatever has become of the others since they were looked at.
#[test]
fn nothing_restarts_before_the_other_control_planes_answer() {
    let asked = |cluster: &Cluster, host: &str, now: &str, odd: &[(&str, &[(&str, &str)])]| {
        let plan = planned(cluster, now, &Wanted::default(), odd).unwrap();
        let restart = plan.steps.iter().find(|step| word(&step.id) == format!("{host}/restart")).unwrap();
        let Work::Changes(script) = &restart.work else { panic!("it is a script") };
        let before = script.text().split_once("trap back").unwrap().0;
        ["cp1", "cp2", "cp3"]
            .into_iter()
            .filter(|host| before.contains(&format!("the API server of {host}, which")))
            .collect::<Vec<_>>()
    };
    assert_eq!(asked(&three_and_one(), "cp1", YESTERDAY, &[]), ["cp2", "cp3"]);
    assert_eq!(
        asked(&three_and_one(), "cp1", TOMORROW, &[]),
        [""; 0],
        "they do not trust each other, and restart together"
    );
    assert_eq!(asked(&single(), "cp1", YESTERDAY, &[]), [""; 0]);
    let lost: &[(&str, &str)] = &[("certificate/etcd-peer", "")];
    assert_eq!(asked(&three_and_one(), "cp1", YESTERDAY, &[("cp3", lost)]), ["cp2", "cp3"], "it was mended before");
    let shut_out: &[(&str, &str)] = &[("certificate/kubelet-client", "")];
    let two = [("cp2", shut_out), ("cp3", shut_out)];
    assert_eq!(asked(&three_and_one(), "cp2", YESTERDAY, &two), ["cp1"], "the API works without kubelets");
    assert_eq!(asked(&three_and_one(), "cp3", YESTERDAY, &two), ["cp1", "cp2"]);
}

#[test]
fn nothing_is_planned_where_nothing_is_due() {
    let within = Wanted { within: Some(0), ..Wanted::default() };
    assert_eq!(steps(&planned(&three_and_one(), YESTERDAY, &within, &[]).unwrap()), [""; 0]);
}

#[test]
fn hosts_without_a_cluster_are_told_so() {
    let bare: &[(&str, &str)] = &[("certificate/ca", "")];
    let told = planned(&single(), YESTERDAY, &Wanted::default(), &[("cp1", bare)]).err().unwrap();
    assert!(told.starts_with("no control plane of the inventory is part of a cluster\n"), "{told}");
}

/// The fixture of the CA stands for every certificate after the renewal.
#[test]
fn a_control_plane_is_proven_before_its_kubelet_has_asked_for_new_certificates() {
    let mut plan = planned(&three_and_one(), YESTERDAY, &Wanted::default(), &[]).unwrap();
    assert!(!needs(&plan, "cp1/proof").contains(&"cp1/kubelet".to_owned()));
    let proof = plan.steps.iter_mut().find(|step| word(&step.id) == "cp1/proof").unwrap();
    let Work::Talk(talk) = &mut proof.work else { panic!("it looks") };
    assert!(matches!(talk.next(None), Ok(Turn::Run(_))));
    let mut values = BTreeMap::new();
    for place in Place::of(true) {
        let new = if place.name.starts_with("kubelet") { APISERVER } else { CA };
        values.insert(format!("certificate/{}", place.name), Secret::new(format!("3000\n{new}")));
        values.insert(format!("served/{}", place.name), Secret::new(new));
    }
    let processes = Component::ALL.map(|component| format!("{} 4000", component.name())).join("\n");
    values.insert("certificates/processes".to_owned(), Secret::new(processes));
    values.insert("certificates/health".to_owned(), Secret::new("api ok\netcd ok\nmembers 3"));
    match talk.next(Some(Heard { well: true, values, ..Heard::default() })) {
        Ok(Turn::Done(_)) => {}
        Ok(_) => panic!("it goes on"),
        Err(problem) => panic!("{problem}"),
    }
}
