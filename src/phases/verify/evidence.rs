//! Judges what the verification script saw. Pure.

use serde_json::Value;

use super::Site;
use crate::kube::trouble::Troubles;
use crate::plan::Heard;

/// One row of the evidence table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What was looked at.
    pub check: String,
    /// Whether it is as it should be.
    pub passed: bool,
    /// What was found.
    pub found: String,
}

/// What has to be found.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    nodes: Vec<String>,
    control_planes: usize,
    version: String,
    prefix: String,
    canary: String,
    network: bool,
}

impl Expected {
    pub(super) fn of(site: Site<'_>, canary: String) -> Self {
        let provider = site.cluster.security.encryption.provider.as_str();
        Self {
            nodes: site.cluster.hosts.iter().map(|host| host.name.to_string()).collect(),
            control_planes: site.cluster.control_planes().count(),
            version: format!("v{}", site.facts.version.clone().unwrap_or_default()),
            prefix: format!("k8s:enc:{provider}:v1:"),
            canary,
            network: !matches!(site.cluster.cni, crate::inventory::cluster::Cni::None),
        }
    }
}

/// The evidence, in the order of the table. Without a pod network there are no pods to look at and nodes cannot be Ready.
pub(super) fn judge(expected: &Expected, heard: &Heard) -> Vec<Evidence> {
    let mut all = vec![nodes(expected, &heard.text("nodes"))];
    if expected.network {
        all.push(pods(expected, &heard.text("pods"), &Troubles::of(&heard.values)));
    }
    all.push(ciphertext(expected, heard));
    all.push(audit(expected, &heard.text("audit")));
    all.extend(anonymous(expected, &heard.text("anonymous")));
    all.push(members(expected, &heard.text("members")));
    all.push(certificates(&heard.text("certificates")));
    if !heard.well {
        all.push(row("the look itself", false, heard.tail()));
    }
    all
}

fn row(check: impl Into<String>, passed: bool, found: impl Into<String>) -> Evidence {
    Evidence { check: check.into(), passed, found: found.into() }
}

fn nodes(expected: &Expected, text: &str) -> Evidence {
    let fine = |name: &str| {
        text.lines().any(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [node, ready, version] => {
                node == name && version == expected.version && (ready == "True" || !expected.network)
            }
            _ => false,
        })
    };
    let missing: Vec<&str> = expected.nodes.iter().map(String::as_str).filter(|name| !fine(name)).collect();
    let word = if expected.network { "Ready" } else { "registered" };
    let check = format!("every node {word} at {}", expected.version);
    if missing.is_empty() {
        return row(check, true, format!("{} of {}", expected.nodes.len(), expected.nodes.len()));
    }
    row(check, false, format!("not so: {}; seen: {}", missing.join(", "), text.trim().replace('\n', "; ")))
}

fn pods(expected: &Expected, text: &str, troubles: &Troubles) -> Evidence {
    let there = |name: &&String| text.lines().any(|line| line == format!("{name} 0"));
    let missing: Vec<&str> = expected.nodes.iter().filter(|name| !there(name)).map(String::as_str).collect();
    let check = "a pod on every node reaches the API by name";
    if missing.is_empty() {
        return row(check, true, format!("{} of {}", expected.nodes.len(), expected.nodes.len()));
    }
    let why = if troubles.is_empty() { String::new() } else { format!(": {}", troubles.words().replace('\n', "; ")) };
    row(check, false, format!("not from {}{why}", missing.join(", ")))
}

fn ciphertext(expected: &Expected, heard: &Heard) -> Evidence {
    let bytes = heard.values.get("etcd").map_or(&[][..], |value| value.expose());
    let check = "a secret is ciphertext in etcd's bytes";
    let passed = bytes.starts_with(expected.prefix.as_bytes());
    let shown: String = bytes.iter().take_while(|byte| byte.is_ascii_graphic()).map(|byte| char::from(*byte)).collect();
    // prefix, then the key's name up to the next colon
    let end = shown.get(expected.prefix.len()..).and_then(|rest| rest.find(':')).map(|at| at + expected.prefix.len());
    let shown = end.and_then(|end| shown.get(..end)).unwrap_or("no encryption prefix");
    let found = match (passed, bytes.is_empty()) {
        (true, _) => shown.to_owned(),
        (false, true) => "nothing was read".to_owned(),
        (false, false) => format!("{shown}; for {}…: forge rotate encryption-key INVENTORY", expected.prefix),
    };
    row(check, passed, found)
}

fn audit(expected: &Expected, line: &str) -> Evidence {
    let check = "the audit log has the request, not the secret";
    let event: Value = serde_json::from_str(line.trim()).unwrap_or_default();
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &expected.canary);
    let leaked = line.contains(&expected.canary) || line.contains(encoded.trim_end_matches('='));
    let level = event["level"].as_str().unwrap_or("no event");
    row(check, level == "Metadata" && !leaked, if leaked { "the secret is in the log" } else { level })
}

fn anonymous(expected: &Expected, text: &str) -> Vec<Evidence> {
    let mut refused = Vec::new();
    let mut ready = Vec::new();
    for line in text.lines() {
        if let [server, api, readyz] = line.split('\t').collect::<Vec<_>>()[..] {
            if api.contains("401") {
                refused.push(server);
            }
            if readyz.trim() == "ok" {
                ready.push(server);
            }
        }
    }
    let row_of = |check: &str, servers: &[&str], word: &str| {
        let passed = servers.len() == expected.control_planes;
        row(check, passed, format!("{} of {} {word}", servers.len(), expected.control_planes))
    };
    vec![
        row_of("anonymous requests to /api are refused", &refused, "say 401"),
        row_of("/readyz answers", &ready, "say ok"),
    ]
}

fn members(expected: &Expected, json: &str) -> Evidence {
    let members: Vec<Value> = serde_json::from_str(json.trim()).unwrap_or_default();
    let healthy = members.iter().filter(|member| member["health"] == true).count();
    let passed = healthy == expected.control_planes && members.len() == healthy;
    row("etcd members are healthy", passed, format!("{healthy} of {}", expected.control_planes))
}

fn certificates(json: &str) -> Evidence {
    let check = "kubeadm's certificates last";
    let list: Value = serde_json::from_str(json).unwrap_or_default();
    let seconds = |item: &Value| item["residualTime"].as_i64();
    let all = ["certificates", "certificateAuthorities"].into_iter().filter_map(|key| list[key].as_array()).flatten();
    match all.filter(|item| item["missing"] != true).filter_map(seconds).min() {
        Some(seconds) => row(check, seconds > 0, format!("{} days at least", seconds / 86_400)),
        None => row(check, false, "kubeadm certs check-expiration said nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn expected() -> Expected {
        Expected {
            nodes: vec!["cp1".to_owned(), "w1".to_owned()],
            control_planes: 1,
            version: "v1.36.5".to_owned(),
            prefix: "k8s:enc:secretbox:v1:".to_owned(),
            canary: "canary-0123".to_owned(),
            network: true,
        }
    }

    fn heard(values: &[(&str, &str)]) -> Heard {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        Heard { well: true, values, ..Heard::default() }
    }

    const GOOD: &[(&str, &str)] = &[
        ("nodes", "cp1 True v1.36.5\nw1 True v1.36.5\n"),
        ("pods", "cp1 0\nw1 0\n"),
        ("etcd", "k8s:enc:secretbox:v1:key-20261123a:\u{1}\u{2}"),
        ("audit", r#"{"level":"Metadata","verb":"create"}"#),
        ("anonymous", "cp1\tE: Failed to fetch https://10.0.0.1:6443/api  401  Unauthorized \tok\n"),
        ("members", r#"[{"endpoint":"https://10.0.0.1:2379","health":true}]"#),
        (
            "certificates",
            r#"{"certificates":[{"residualTime":31535999},{"residualTime":864000},{"residualTime":0,"missing":true}]}"#,
        ),
    ];

    fn verdicts(replace: (&str, &str)) -> Vec<String> {
        let values: Vec<_> =
            GOOD.iter().map(|(name, value)| if *name == replace.0 { replace } else { (*name, *value) }).collect();
        let failed = judge(&expected(), &heard(&values)).into_iter().filter(|evidence| !evidence.passed);
        failed.map(|evidence| format!("{}: {}", evidence.check, evidence.found)).collect()
    }

    #[test]
    fn a_good_cluster_passes_with_what_was_found() {
        let found: Vec<String> = judge(&expected(), &heard(GOOD)).into_iter().map(|evidence| evidence.found).collect();
        assert_eq!(
            found,
            [
                "2 of 2",
                "2 of 2",
                "k8s:enc:secretbox:v1:key-20261123a",
                "Metadata",
                "1 of 1 say 401",
                "1 of 1 say ok",
                "1 of 1",
                "10 days at least"
            ]
        );
        assert!(verdicts(("", "")).is_empty());
    }

    #[test]
    fn each_thing_that_is_wrong_fails_its_own_row() {
        assert_eq!(
            verdicts(("nodes", "cp1 True v1.36.5\nw1 False v1.36.5\n")),
            ["every node Ready at v1.36.5: not so: w1; seen: cp1 True v1.36.5; w1 False v1.36.5"]
        );
        assert_eq!(
            verdicts(("etcd", "k8s\0plaintext")),
            ["a secret is ciphertext in etcd's bytes: no encryption prefix; for k8s:enc:secretbox:v1:…: \
              forge rotate encryption-key INVENTORY"]
        );
        let other = verdicts(("etcd", "k8s:enc:aescbc:v1:key-20261123a:\u{1}"));
        assert!(other[0].contains("k8s:enc:aescbc:v1:key-20261123a; for k8s:enc:secretbox:v1:…"), "{other:?}");
        assert_eq!(
            verdicts(("audit", r#"{"level":"Metadata","requestObject":"canary-0123"}"#)),
            ["the audit log has the request, not the secret: the secret is in the log"]
        );
        assert_eq!(
            verdicts(("anonymous", "cp1\t{\"kind\":\"APIVersions\"}\tok\n")),
            ["anonymous requests to /api are refused: 0 of 1 say 401"]
        );
        assert_eq!(verdicts(("pods", "cp1 0\nw1 \n")), ["a pod on every node reaches the API by name: not from w1"]);
        assert_eq!(verdicts(("members", "[]")), ["etcd members are healthy: 0 of 1"]);
        assert_eq!(
            verdicts(("certificates", "")),
            ["kubeadm's certificates last: kubeadm certs check-expiration said nothing"]
        );
    }
}
