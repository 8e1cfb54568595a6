//! A cluster whose encryption key is being rotated, and those who look at it meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::*;

/// The names of the control planes that there are.
pub(crate) fn control_planes() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(inventory()).unwrap();
    let line = |line: &str| {
        let (name, rest) = line.trim().split_once(": {address: ")?;
        rest.contains("[control-plane]").then(|| (name.to_owned(), rest.split(',').next().unwrap().to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// Three control planes: those of an earlier test, or new ones.
pub(crate) fn three_control_planes() {
    let there = inventory().exists()
        && control_planes().len() == 3
        && try_on("cp3", "[ -e /etc/kubernetes/admin.conf ]").status.success();
    if !there {
        bare_hosts(3, 1);
        let said = up();
        assert_eq!(said.code, 0, "{}", said.all());
    }
}

/// `forge rotate encryption-key --yes --json` with these words, its journals in a folder.
pub(crate) fn rotation(words: &[&str], journals: &Path) -> Command {
    changing(&["rotate", "encryption-key"], words, journals)
}

/// Runs it to its end.
pub(crate) fn rotate(words: &[&str], journals: &Path) -> Said {
    Said::of_output(rotation(words, journals).output().unwrap())
}

/// It was refused before anything was planned, and one of the reasons has these words.
pub(crate) fn assert_refused(said: &Said, words: &str) {
    assert_eq!(said.code, 5, "{}", said.all());
    assert!(said.of("planned").is_empty(), "{}", said.all());
    assert!(said.found().iter().any(|line| line.contains(words)), "{words}: {}", said.all());
}

/// Takes a host's API server away.
pub(crate) fn api_server_goes(host: &str) {
    on(host, "mv /etc/kubernetes/manifests/kube-apiserver.yaml /root");
    on(
        host,
        "tries=0; while curl -sk https://127.0.0.1:6443/readyz >/dev/null && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 1; done",
    );
}

/// Gives it back.
pub(crate) fn api_server_comes_back(host: &str) {
    on(host, "mv /root/kube-apiserver.yaml /etc/kubernetes/manifests/");
    wait_for_api_server(host);
}

/// Waits until a host is there and its API server ready.
pub(crate) fn wait_for_api_server(host: &str) {
    let ready = "curl -skf https://127.0.0.1:6443/readyz";
    wait_until(&format!("the API server of {host}"), || try_on(host, ready).status.success());
}

/// The API answers. A server that restarts at this moment does not yet; another does.
pub(crate) fn assert_somebody_answers() {
    let ready = "kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=20s get --raw /readyz";
    assert!(control_planes().iter().any(|(host, _)| try_on(host, ready).status.success()));
}

/// Nobody reaches this host any more: a firewall of its own drops whatever comes, for so many seconds.
pub(crate) fn cut_off(host: &str, seconds: u32) {
    on(
        host,
        &format!(
            "systemd-run --quiet --on-active={seconds} --timer-property=AccuracySec=1s nft delete table inet cut\n\
             nft 'add table inet cut; add chain inet cut in {{ type filter hook input priority -300; policy drop; }}; \
             add rule inet cut in iif lo accept'"
        ),
    );
}

/// Waits until it is reached again, and its etcd and its API server have found the others.
pub(crate) fn wait_until_reached(host: &str) {
    let open = "! nft list table inet cut 2>/dev/null";
    wait_until(&format!("{host} is reached"), || try_on(host, open).status.success());
    wait_for_api_server(host);
}

/// Waits until a host's sshd has noticed that whoever held its lock is gone.
pub(crate) fn wait_for_lock(host: &str) {
    on(host, "flock -w 120 /run/forge/lock true");
}

/// Takes a host's power as soon as its manifests lie aside: nothing starts there by itself.
pub(crate) fn power_goes_while_it_restarts(host: &str) {
    let aside = "[ -e /etc/kubernetes/forge/manifests/kube-apiserver.yaml ] && sync";
    wait_until(&format!("{host} restarts"), || try_on(host, aside).status.success());
    power(host, "kill");
}

/// Gives that host its power back, and waits until it is there, without its API server.
pub(crate) fn power_comes_back(host: &str) {
    power(host, "start");
    let active = "systemctl --quiet is-active kubelet";
    wait_until(&format!("the kubelet of {host}"), || try_on(host, active).status.success());
    let started = try_on(host, "[ -e /etc/kubernetes/manifests/kube-apiserver.yaml ]").status.success();
    assert!(!started, "it was not aside");
}

/// Kills the etcd that leads and tells on which control plane that was; its kubelet starts it again.
pub(crate) fn stop_etcds_leader() -> String {
    let status = format!("{}\netcdctl endpoint status -w fields 2>/dev/null", forge::kube::ETCDCTL);
    let leads = |name: &str| {
        let said = on(name, &status);
        let value = |key: &str| said.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
        value("\"MemberID\" :") == value("\"Leader\" :")
    };
    let (name, _) = control_planes().into_iter().find(|(name, _)| leads(name)).unwrap();
    on(&name, "pkill -KILL -x etcd");
    name
}

/// Secrets with known contents, in a namespace of their own.
pub(crate) struct Written(BTreeMap<String, String>);

impl Written {
    /// Makes `count` of them. What an earlier test left there goes.
    pub(crate) fn new(namespace: &str, count: usize) -> Self {
        kubectl(&format!("delete namespace {namespace} --ignore-not-found"));
        kubectl(&format!("create namespace {namespace}"));
        let secrets: BTreeMap<String, String> =
            (0..count).map(|number| (format!("s-{number}"), format!("value-{number}"))).collect();
        let objects: String = secrets
            .iter()
            .map(|(name, value)| {
                format!(
                    "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\nstringData: {{v: {value}}}\n"
                )
            })
            .collect();
        on_with_input("cp1", "kubectl --kubeconfig=/etc/kubernetes/admin.conf create -f - >/dev/null", &objects);
        Self(secrets.into_iter().map(|(name, value)| (format!("{namespace}/{name}"), value)).collect())
    }

    /// Every secret of the cluster is readable through these API servers by their own addresses, and ours hold what was
    /// written.
    pub(crate) fn assert_readable(&self, servers: &[(String, String)]) {
        self.assert_read(servers, |get| get.to_owned());
    }

    /// The same, for API servers of which one may be restarting: each is asked until it answers.
    pub(crate) fn assert_readable_soon(&self, servers: &[(String, String)]) {
        self.assert_read(servers, |get| {
            format!(
                "tries=0; until {get} >/run/list 2>/run/said; do tries=$((tries + 1)); \
                 [ $tries -lt 100 ] || {{ cat /run/said >&2; exit 1; }}; sleep 1; done; cat /run/list; rm /run/list /run/said"
            )
        });
    }

    fn assert_read(&self, servers: &[(String, String)], how: impl Fn(&str) -> String) {
        for (name, address) in servers {
            let list = on(
                name,
                &how(&format!(
                    "kubectl --kubeconfig=/etc/kubernetes/admin.conf --server=https://{address}:6443 get secrets -A -o json"
                )),
            );
            let list: Value = serde_json::from_str(&list).unwrap();
            let mut found = BTreeMap::new();
            for item in list["items"].as_array().unwrap() {
                let key = format!("{}/{}", text(&item["metadata"]["namespace"]), text(&item["metadata"]["name"]));
                if self.0.contains_key(&key) {
                    use base64::Engine as _;
                    let value = base64::engine::general_purpose::STANDARD.decode(text(&item["data"]["v"])).unwrap();
                    found.insert(key, String::from_utf8(value).unwrap());
                }
            }
            assert_eq!(found, self.0, "through {name}");
        }
    }
}

/// Kills what `run` makes at each of its steps that is to die, in turn, until one comes to its end; tells which steps died. After
/// each kill the API answers at once, and every secret is readable through every API server as soon as it does.
pub(crate) fn kill_at_every_step(
    run: impl Fn() -> Command,
    to_die: impl Fn(&StepName) -> bool,
    written: &Written,
) -> BTreeSet<StepName> {
    let mut died: BTreeSet<StepName> = BTreeSet::new();
    loop {
        let watched = until_event(run(), "step-started", |step| to_die(step) && !died.contains(step));
        println!("killed at {:?}", watched.killed);
        assert_somebody_answers();
        if watched.killed.is_empty() {
            break;
        }
        written.assert_readable_soon(&control_planes());
        died.extend(watched.killed);
    }
    written.assert_readable(&control_planes());
    died
}

/// Somebody who writes and reads secrets through the endpoint, on cp2 as long as its file is there.
pub(crate) struct Somebody;

impl Somebody {
    /// Begins. Each secret is read right after it was written, and one of the earlier ones too.
    ///
    /// Three etcds share this machine's disk. One that waits for the disk longer than its own limit says so, and has
    /// written or not: like any client, somebody then writes again.
    pub(crate) fn begins() -> Self {
        let script = "export KUBECONFIG=/etc/kubernetes/admin.conf; cd /root; rm -f wrote failed complaints slow; touch wrote failed complaints slow stay\n\
            kubectl delete namespace somebody --ignore-not-found >/dev/null; kubectl create namespace somebody >/dev/null; n=0\n\
            while [ -e stay ]; do\n\
            n=$((n + 1))\n\
            until kubectl -n somebody create secret generic s-$n --from-literal=v=value-$n >/dev/null 2>complaint || grep -q AlreadyExists complaint; do\n\
            if grep -q 'etcdserver: request timed out' complaint; then echo $n >>slow\n\
            else echo write $n >>failed; cat complaint >>complaints; continue 2; fi\n\
            done\n\
            echo $n >>wrote\n\
            for m in $n $((n / 2 + 1)); do\n\
            [ \"$(kubectl -n somebody get secret s-$m -o 'jsonpath={.data.v}' 2>>complaints | base64 -d)\" = value-$m ] || echo read $m >>failed\n\
            done\n\
            sleep 0.5\ndone";
        on(
            "cp2",
            &format!(
                "cat >/root/somebody <<'EOT'\n{script}\nEOT\nsystemd-run --quiet --collect --unit=somebody sh /root/somebody"
            ),
        );
        Self
    }

    /// Ends: nothing failed, and everything that was written is there.
    pub(crate) fn ends(self) -> usize {
        on("cp2", "rm /root/stay; while systemctl --quiet is-active somebody; do sleep 0.2; done");
        assert_eq!(on("cp2", "cat /root/failed /root/complaints"), "");
        let slow = on("cp2", "wc -l </root/slow");
        println!("etcd was too slow for {} writes, which were made again", slow.trim());
        let wrote = on("cp2", "wc -l </root/wrote").trim().parse::<usize>().unwrap();
        let there = kubectl("-n somebody get secrets -o name | wc -l").trim().parse::<usize>().unwrap();
        assert_eq!(wrote, there);
        wrote
    }
}

/// The keys that are on a control plane now, in base64 as in the file.
pub(crate) fn keys_on(host: &str) -> Vec<String> {
    let file = on(host, "cat /etc/kubernetes/forge/encryption/config.yaml");
    file.lines()
        .filter_map(|line| Some(line.trim().strip_prefix("secret: \"")?.trim_end_matches('"').to_owned()))
        .collect()
}

/// Watches every command line on every node until it is asked. (With version 1 of cgroups systemd may miss that a unit's
/// last process is gone, and waits.)
pub(crate) fn watch_command_lines() {
    for name in NODES {
        on(
            name,
            "systemd-run --quiet --collect --unit=watch --property=TimeoutStopSec=2 sh -c 'while :; do cat /proc/[0-9]*/cmdline 2>/dev/null; sleep 0.3; done >/root/command-lines'",
        );
    }
}

/// None of these keys is on a command line, in the system's log, in what forge keeps on the hosts, or in what it said and wrote
/// here.
pub(crate) fn assert_nowhere(keys: &[String], said: &str, journals: &Path) {
    let mut here = said.to_owned();
    let mut folders = vec![journals.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                here.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    assert!(here.len() > 1000, "{here}");
    for key in keys {
        assert!(!here.contains(key), "a key is in what forge said or wrote");
    }
    for name in NODES {
        let look = "systemctl stop watch; cat >/run/pattern; [ -s /root/command-lines ] || echo nothing watched; \
                    grep -a -c -F -f /run/pattern /root/command-lines; journalctl --no-pager | grep -c -F -f /run/pattern; \
                    grep -r -l -F -f /run/pattern /var/lib/forge /run/forge /var/log /tmp; rm /run/pattern";
        assert_eq!(on_with_input(name, look, &keys.join("\n")), "0\n0\n", "{name}");
    }
}

/// What every control plane's file begins with: the provider and the key that write.
pub(crate) fn writers() -> Vec<String> {
    let first = "awk '/^ *- (secretbox|aescbc|aesgcm|identity):/ {print $2} /name: / {print $3}' \
                 /etc/kubernetes/forge/encryption/config.yaml | head -n 2 | tr -d '\":{}' | xargs";
    control_planes().iter().map(|(name, _)| on(name, first).trim().to_owned()).collect()
}

/// No rotation is under way, all control planes have the same file with one key, and `up` finds nothing to do.
pub(crate) fn assert_at_rest() {
    let mut sums = Vec::new();
    for (name, _) in control_planes() {
        assert_eq!(on(&name, "ls /var/lib/forge/rotation.json 2>/dev/null || true"), "");
        assert!(keys_on(&name).len() <= 1, "{name}");
        sums.push(on(&name, "stat -c '%a %U' /etc/kubernetes/forge/encryption/config.yaml; sha256sum </etc/kubernetes/forge/encryption/config.yaml"));
    }
    assert!(sums.iter().all(|sum| *sum == sums[0] && sum.starts_with("600 root\n")), "{sums:?}");
}

/// What secrets begin with in etcd: each prefix up to the key's name, with how often it is there.
pub(crate) fn prefixes() -> String {
    let script = format!(
        "{}\nfind_etcd\nin_etcd get /registry/secrets/ --prefix -w fields | sed -n 's/^\"Value\" : \"//p' | \
         awk -F: '/^k8s:enc:/ {{print $3 \" \" $5; next}} {{print \"plaintext\"}}' | sort | uniq -c | awk '{{$1 = \"\"; print}}'",
        forge::kube::ETCDCTL
    );
    on("cp1", &format!("{script} 2>/dev/null")).lines().map(str::trim).collect::<Vec<_>>().join(", ")
}

/// A kubeconfig with which this token is shown, and nothing else; `trust` says whom it believes to be the API server.
pub(crate) fn kubeconfig_of(token: &str, trust: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters:\n- name: c\n  cluster:\n    {trust}\n    server: x\n\
         users: [{{name: u, user: {{token: {token}}}}}]\n"
    )
}

/// Asks the API, from a worker, over and over, each time with a new connection.
pub(crate) struct Client {
    asking: Child,
    name: &'static str,
}

impl Client {
    /// Begins, through the endpoint, with a kubeconfig of which the server's address does not count.
    pub(crate) fn begins(name: &'static str, kubeconfig: &str) -> Self {
        Self::asks(name, kubeconfig, &format!("kubectl --kubeconfig=/run/{name} get --raw /api >/dev/null"))
    }

    /// Begins to read from etcd, through the first of these API servers that answers, by its own address.
    pub(crate) fn reads(name: &'static str, servers: &[(String, String)]) -> Self {
        kubectl(&format!("-n kube-system delete serviceaccount,clusterrolebinding {name} --ignore-not-found"));
        kubectl(&format!("-n kube-system create serviceaccount {name}"));
        kubectl(&format!("create clusterrolebinding {name} --clusterrole=view --serviceaccount=kube-system:{name}"));
        let token = kubectl(&format!("-n kube-system create token {name} --duration=2h"));
        // Whom it trusts may change meanwhile, and is not asked here.
        let kubeconfig = kubeconfig_of(token.trim(), "insecure-skip-tls-verify: true");
        let reads = servers.iter().map(|(_, address)| {
            format!(
                "kubectl --kubeconfig=/run/{name} --server=https://{address}:6443 --request-timeout=20s \
                 get --raw /api/v1/namespaces/default >/dev/null"
            )
        });
        let reads: Vec<String> = reads.collect();
        Self::asks(name, &kubeconfig, &format!("{{ {}; }}", reads.join(" || ")))
    }

    fn asks(name: &'static str, kubeconfig: &str, how: &str) -> Self {
        let ask = format!(
            "while [ -e /run/{name}.asking ]; do {how} 2>>/run/{name}.errors && echo ok || echo failed; sleep 1; \
             done >/run/{name}.answers"
        );
        let kubeconfig = kubeconfig.lines().map(|line| match line.split_once("server: ") {
            Some((indent, _)) => format!("{indent}server: https://api.lab.example:6443\n"),
            None => format!("{line}\n"),
        });
        on_with_input(
            "w1",
            &format!("umask 077; cat >/run/{name}; : >/run/{name}.asking; : >/run/{name}.errors"),
            &kubeconfig.collect::<String>(),
        );
        let child = Command::new(project().join("lab/ssh"))
            .args(["w1", &format!("sudo sh -c '{ask}'")])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self { asking: child, name }
    }

    /// How many answers came; none may have failed.
    pub(crate) fn assert_never_failed(self) -> usize {
        let (answers, errors) = self.ends();
        assert!(!answers.contains("failed"), "{errors}");
        answers.lines().count()
    }

    /// The same where only who somebody is counts. An API server that starts refuses everybody what they may do, for the moment
    /// before it knows the roles; whoever comes through a load balancer that asks `/readyz` is not sent there.
    pub(crate) fn assert_always_known(self) -> usize {
        let (answers, errors) = self.ends();
        assert!(!errors.contains("Unauthorized") && !errors.contains("logged in"), "{errors}");
        answers.lines().filter(|answer| *answer == "ok").count()
    }

    fn ends(mut self) -> (String, String) {
        let name = self.name;
        on("w1", &format!("rm /run/{name}.asking"));
        self.asking.wait().unwrap();
        on("w1", &format!("rm /run/{name}"));
        (on("w1", &format!("cat /run/{name}.answers")), on("w1", &format!("cat /run/{name}.errors")))
    }
}
