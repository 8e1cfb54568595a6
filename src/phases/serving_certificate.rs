//! The kubelet's serving certificate: its request is checked field by field, then approved.

use std::net::IpAddr;

use serde_json::Value;

use super::{Site, id, kubeadm_init, kubeadm_join};
use crate::error::{Exit, Problem};
use crate::host::{Difference, Script, quote};
use crate::inventory::NodeName;
use crate::inventory::cluster::Host;
use crate::kube::{WATCH, csr};
use crate::plan::{Heard, Step, Talk, Turn, Work};
use crate::report::Outcome;

/// The step's name.
pub const STEP: &str = "serving-certificate";

/// The step for one host, unless its kubelet has a certificate and waits for no other. A kubelet renews its certificate by
/// itself, and Kubernetes has nobody who would approve that. It runs on `server`, a control plane.
pub fn step(host: &Host, server: &Host, site: Site<'_>) -> Option<Step> {
    let renews = || site.facts.requests().any(|request| csr::may_have(request, &host.name, &[host.address]));
    if site.facts.joined(&host.name) && site.facts.serves(&host.name) && !renews() {
        return None;
    }
    let needs = vec![id(host, kubeadm_init::STEP), id(host, kubeadm_join::STEP)];
    Some(Step { needs, ..approval(host, server) })
}

/// The step itself: waits for a request of the host's kubelet, approves what it may have, and waits until it serves.
pub fn approval(host: &Host, server: &Host) -> Step {
    Step {
        id: id(host, STEP),
        title: "kubelet's serving certificate".to_owned(),
        runs_on: server.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes: vec![Difference::new(format!("certificate request of {}: check and approve", host.name))],
        work: Work::Talk(Box::new(Approval { node: host.name.clone(), addresses: vec![host.address], approved: 0 })),
    }
}

struct Approval {
    node: NodeName,
    addresses: Vec<IpAddr>,
    approved: usize,
}

/// A kubelet that restarts asks again under a new key, so requests are approved until one of the certificates serves: so
/// many times, each time all that wait.
const ENOUGH: usize = 5;

impl Talk for Approval {
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem> {
        let Some(heard) = heard else { return Ok(Turn::Run(wait(&self.node, &[]))) };
        if !heard.well {
            return Err(Problem::new(Exit::Failed, format!("{} has no serving certificate", self.node))
                .cause(heard.tail())
                .next(format!(
                    "lab or host: journalctl -u kubelet on {}; kubectl get csr on a control plane",
                    self.node
                )));
        }
        if heard.values.contains_key("served") {
            return Ok(Turn::Done(Outcome::Done));
        }
        let list: Value = serde_json::from_str(&heard.text("requests")).unwrap_or_default();
        let requests = list["items"].as_array().cloned().unwrap_or_default();
        let ours = requests
            .iter()
            .filter(|request| csr::is_pending(request) && csr::serving_node(request) == Some(self.node.as_str()));
        let (mut names, mut refusals) = (Vec::new(), Vec::new());
        for request in ours {
            let name = request["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            match csr::check(request, &self.node, &self.addresses) {
                Ok(()) => names.push(name),
                Err(refusal) => refusals.push(format!("{name}: {refusal}")),
            }
        }
        self.approved += usize::from(!names.is_empty());
        if !refusals.is_empty() && names.is_empty() || self.approved > ENOUGH {
            return Err(Problem::new(
                Exit::Failed,
                format!("the certificate request of {} was not approved", self.node),
            )
            .cause(refusals.join("\n"))
            .next("look at it with kubectl get csr, and approve or deny it by hand"));
        }
        Ok(Turn::Run(wait(&self.node, &names)))
    }
}

/// Approves `names`, then waits on the host for the kubelet to serve or for a request to look at.
fn wait(node: &NodeName, names: &[String]) -> Script {
    let approve = if names.is_empty() {
        String::new()
    } else {
        let names: Vec<String> = names.iter().map(|name| quote(name)).collect();
        format!("kubectl certificate approve {}\n", names.join(" "))
    };
    let pending = quote(&format!("system:node:{node} "));
    let approved = quote(&format!("system:node:{node} Approved"));
    let path = quote(&format!("/api/v1/nodes/{node}/proxy/healthz"));
    let signer = csr::SIGNER;
    // The kubelet itself is only asked when it may answer.
    Script::new(format!(
        "{approve}{WATCH}\ntries=0\nwhile [ \"$tries\" -lt 600 ]; do\n\
         watch \"$FORGE.states\" csr --field-selector spec.signerName={signer} \
         -o 'jsonpath={{.spec.username}} {{.status.conditions[*].type}}{{\"\\n\"}}'\n\
         if grep -q -x -F {pending} \"$FORGE.states\"; then\n\
         unwatch\n\
         kubectl get csr --field-selector spec.signerName={signer} -o json | emit requests\nexit 0\nfi\n\
         if [ $((tries % 5)) -eq 0 ] && grep -q -x -F {approved} \"$FORGE.states\" && kubectl get --raw {path} >/dev/null 2>&1; then\n\
         unwatch\necho yes | emit served\nexit 0\nfi\n\
         tries=$((tries + 1))\nsleep 0.2\ndone\n\
         echo 'neither a request nor a certificate within two minutes'\nexit 1"
    ))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;
    use crate::secret::Secret;

    fn conversation() -> Approval {
        let node = NodeName::new("cp1").unwrap();
        Approval { node, addresses: vec!["10.0.0.11".parse().unwrap()], approved: 0 }
    }

    fn request(name: &str, user: &str, pem: &str) -> Value {
        json!({
            "metadata": {"name": name},
            "spec": {
                "groups": ["system:nodes", "system:authenticated"],
                "request": STANDARD.encode(pem),
                "signerName": "kubernetes.io/kubelet-serving",
                "usages": ["digital signature", "server auth"],
                "username": user,
            },
            "status": {},
        })
    }

    const GOOD: &str = include_str!("../../tests/fixtures/csr/good.pem");
    const OTHER_ADDRESS: &str = include_str!("../../tests/fixtures/csr/ip-other.pem");

    fn good(name: &str) -> Value {
        request(name, "system:node:cp1", GOOD)
    }

    fn bad(name: &str) -> Value {
        request(name, "system:node:cp1", OTHER_ADDRESS)
    }

    fn heard(name: &str, value: &str) -> Heard {
        let values = [(name.to_owned(), Secret::new(value))].into();
        Heard { well: true, values, ..Heard::default() }
    }

    fn asked(requests: &[Value]) -> Heard {
        heard("requests", &json!({"items": requests}).to_string())
    }

    /// The names that the next script approves.
    fn approves(turn: Result<Turn, Problem>) -> String {
        match turn {
            Ok(Turn::Run(script)) => {
                let line = script.text().lines().find_map(|line| line.strip_prefix("kubectl certificate approve "));
                line.unwrap_or_default().to_owned()
            }
            Ok(Turn::Done(_)) => "nothing: it is done".to_owned(),
            Ok(_) => panic!("it logs in, or gives up"),
            Err(problem) => panic!("{problem}"),
        }
    }

    #[test]
    fn a_good_request_is_approved_and_the_certificate_is_waited_for() {
        let mut talk = conversation();
        assert_eq!(approves(talk.next(None)), "");
        assert_eq!(approves(talk.next(Some(asked(&[good("csr-1")])))), "csr-1");
        assert_eq!(approves(talk.next(Some(heard("served", "yes\n")))), "nothing: it is done");
    }

    #[test]
    fn a_bad_request_is_never_approved() {
        let mut talk = conversation();
        talk.next(None).ok().unwrap();
        let refused = talk.next(Some(asked(&[bad("csr-1")]))).err().unwrap();
        assert_eq!(
            refused.to_string(),
            "the certificate request of cp1 was not approved\n  cause: csr-1: the address 10.96.0.1 is not one of cp1\n  \
             next:  look at it with kubectl get csr, and approve or deny it by hand"
        );
    }

    #[test]
    fn beside_a_bad_request_and_those_of_others_only_the_good_one_is_approved() {
        let mut talk = conversation();
        talk.next(None).ok().unwrap();
        let mut denied = good("csr-denied");
        denied["status"] = json!({"conditions": [{"type": "Denied"}]});
        let requests = [bad("csr-1"), request("csr-2", "system:node:w1", GOOD), denied, good("csr-3")];
        assert_eq!(approves(talk.next(Some(asked(&requests)))), "csr-3");
    }

    #[test]
    fn a_kubelet_that_asks_for_ever_is_given_up() {
        let mut talk = conversation();
        talk.next(None).ok().unwrap();
        for number in 0..ENOUGH {
            let name = format!("csr-{number}");
            assert_eq!(approves(talk.next(Some(asked(&[good(&name)])))), name);
        }
        let given_up = talk.next(Some(asked(&[good("csr-more")]))).err().unwrap();
        assert_eq!(given_up.what, "the certificate request of cp1 was not approved");
    }
}
