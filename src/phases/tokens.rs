//! Tokens and what else lets somebody in: bootstrap tokens, uploaded certificates, service accounts' tokens in secrets, and what
//! an earlier run left on a host.

use super::{Site, failed, id};
use crate::host::facts::Probe;
use crate::host::resource::{Content, File};
use crate::host::{Difference, Observed, Resource as _, Script, quote};
use crate::inventory::cluster::Host;
use crate::kube::paths;
use crate::phases::control_planes::own_server;
use crate::plan::{Step, Work, once};

/// The answer of the host's own API server.
const LISTED: &str = "tokens listed";

/// Files of a join or an `init` that a host is better without.
const FILES: [&str; 3] = [paths::DISCOVERY, paths::KUBEADM_CONFIG, paths::SUPER_ADMIN_KUBECONFIG];

/// Four questions, side by side, none of which asks for a token; all of them have to be answered. Lines: kind, name, when it was made, and what it is for.
const LIST: &str = r#"[ -e /etc/kubernetes/admin.conf ] || exit 0
ask() { kubectl --server=@SERVER@ --request-timeout=10s get "$@"; }
list() { kind=$1; shift; { ask "$@" -o "jsonpath={range .items[*]}$kind{\"\t\"}{.metadata.namespace}/{.metadata.name}{\"\t\"}{.metadata.creationTimestamp}{\"\t\"}{.metadata.annotations.kubernetes\.io/service-account\.name}{\"\n\"}{end}" && echo listed; } >"$FORGE/tokens-$kind"; }
list bootstrap secrets -n kube-system --field-selector type=bootstrap.kubernetes.io/token &
list certificates secrets -n kube-system --field-selector metadata.name=kubeadm-certs &
list service-account secrets -A --field-selector type=kubernetes.io/service-account-token &
list anonymous rolebindings -n kube-public --field-selector metadata.name=kubeadm:bootstrap-signer-clusterinfo &
wait
[ "$(cat "$FORGE"/tokens-* | grep -c -x listed)" -eq 4 ] || exit 0
echo answered
cat "$FORGE/tokens-bootstrap" "$FORGE/tokens-certificates" "$FORGE/tokens-service-account" "$FORGE/tokens-anonymous""#;

/// What a host is asked.
pub fn probes(host: &Host) -> Vec<Probe> {
    let mut probes: Vec<Probe> = files().map(|file| Probe::quick(file.id(), file.probe())).collect();
    if host.is_control_plane() {
        probes.push(Probe::slow(LISTED, LIST.replace("@SERVER@", &quote(&own_server(host)))));
    }
    probes
}

fn files() -> impl Iterator<Item = File> {
    FILES.into_iter().map(|path| File::secret(path, Content::Absent))
}

/// What kind of a way in it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lets a machine join.
    Bootstrap,
    /// The control plane's private keys, for other control planes to fetch.
    Certificates,
    /// Lets anybody read `cluster-info`.
    Anonymous,
    /// Speaks for a service account, without end.
    ServiceAccount,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// `NAMESPACE/NAME` of its object.
    pub name: String,
    /// Seconds since 1970.
    pub made: i64,
    /// The service account that it speaks for; empty for others.
    pub account: String,
}

impl Token {
    /// As people call it.
    pub fn words(&self) -> String {
        match self.kind {
            Kind::Bootstrap => format!("bootstrap token {}", self.name),
            Kind::Certificates => format!("uploaded certificates {}", self.name),
            Kind::Anonymous => format!("anonymous access to cluster-info, {}", self.name),
            Kind::ServiceAccount => format!("token of service account {} in {}", self.account, self.name),
        }
    }

    fn resource(&self) -> &'static str {
        if self.kind == Kind::Anonymous { "rolebinding" } else { "secret" }
    }
}

/// All of them, as one API server told; `None` when it told nothing.
pub fn listed(seen: &Observed) -> Option<Vec<Token>> {
    let mut lines = seen.get(LISTED).lines();
    if lines.next() != Some("answered") {
        return None;
    }
    let token = |line: &str| {
        let words: Vec<&str> = line.split('\t').collect();
        let [kind, name, made, account] = words[..] else { return None };
        let kind = match kind {
            "bootstrap" => Kind::Bootstrap,
            "certificates" => Kind::Certificates,
            "service-account" => Kind::ServiceAccount,
            "anonymous" => Kind::Anonymous,
            _ => return None,
        };
        Some(Token { kind, name: name.to_owned(), made: seconds(made)?, account: account.to_owned() })
    };
    Some(lines.filter_map(token).collect())
}

/// Seconds since 1970 of `2026-11-24T21:58:02Z`, as Kubernetes writes times.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u16>().ok();
    let small = |range| number(range).and_then(|number| u8::try_from(number).ok());
    let month = time::Month::try_from(small(5..7)?).ok()?;
    let day = time::Date::from_calendar_date(i32::from(number(0..4)?), month, small(8..10)?).ok()?;
    let moment = day.with_hms(small(11..13)?, small(14..16)?, small(17..19)?).ok()?;
    Some(moment.assume_utc().unix_timestamp())
}

/// The step that deletes them in the cluster.
pub fn cluster_step(server: &Host, doomed: &[&Token]) -> Option<Step> {
    if doomed.is_empty() {
        return None;
    }
    let script = doomed.iter().fold(Script::default(), |script, token| {
        let (namespace, name) = token.name.split_once('/').unwrap_or(("", &token.name));
        let (namespace, name) = (quote(namespace), quote(name));
        script.line(format!("kubectl -n {namespace} delete {} {name} --ignore-not-found >/dev/null", token.resource()))
    });
    Some(Step {
        id: id(server, "tokens"),
        title: "tokens deleted".to_owned(),
        runs_on: server.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes: doomed.iter().map(|token| Difference::new(format!("{}: delete", token.words()))).collect(),
        work: once(move || Ok(script), |heard| Ok(heard.outcome()), failed(server, "tokens could not be deleted")),
    })
}

/// The step that deletes what was left on a host.
pub fn host_step(host: &Host, site: Site<'_>) -> Option<Step> {
    let seen = site.facts.hosts.get(&host.name)?;
    let (mut changes, mut script) = (Vec::new(), Script::default());
    for file in files() {
        if let Some(difference) = file.differ(seen.get(&file.id())) {
            changes.push(difference);
            script = script.then(file.apply());
        }
    }
    (!changes.is_empty()).then(|| Step {
        id: id(host, "leftover-files"),
        title: "leftovers of joins deleted".to_owned(),
        runs_on: host.name.clone(),
        needs: Vec::new(),
        after: Vec::new(),
        changes,
        work: Work::Changes(script),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(answer: &str) -> Observed {
        Observed { answers: [(LISTED.to_owned(), answer.to_owned())].into(), ..Observed::default() }
    }

    #[test]
    fn tokens_are_read_from_what_kubectl_prints() {
        let tokens = listed(&seen(
            "answered\nlisted\nbootstrap\tkube-system/bootstrap-token-abcdef\t2026-11-24T21:58:02Z\t\n\
             service-account\tci/deployer\t1970-01-02T00:00:01Z\tdeployer\n\
             anonymous\tkube-public/kubeadm:bootstrap-signer-clusterinfo\t2026-11-24T21:58:02Z\t\n",
        ))
        .unwrap();
        let words: Vec<String> = tokens.iter().map(|token| format!("{} {}", token.words(), token.made)).collect();
        assert_eq!(
            words,
            [
                "bootstrap token kube-system/bootstrap-token-abcdef 1795557482",
                "token of service account deployer in ci/deployer 86401",
                "anonymous access to cluster-info, kube-public/kubeadm:bootstrap-signer-clusterinfo 1795557482",
            ]
        );
    }

    #[test]
    fn a_silent_api_server_has_not_no_tokens() {
        assert_eq!(listed(&seen("")), None);
        assert_eq!(listed(&seen("answered")), Some(Vec::new()));
    }
}
