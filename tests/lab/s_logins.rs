//! Hosts as people have them: what keeps a login or forge's own settings from working is said before anything changes, and what
//! is only odd works.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};

use crate::support::*;

/// An ssh-agent that holds five keys that no host knows, and then the lab's.
struct Agent {
    folder: tempfile::TempDir,
    process: Child,
}

impl Agent {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut agent = Command::new("ssh-agent");
        let process = agent.arg("-D").arg("-a").arg(folder.path().join("agent")).stdout(Stdio::null()).spawn().unwrap();
        let agent = Self { folder, process };
        wait_until("ssh-agent listens", || agent.socket().exists());
        for number in 1..=5 {
            let key = agent.folder.path().join(format!("key{number}"));
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
            assert!(made.unwrap().success());
            agent.adds(&key);
        }
        agent.adds(&project().join("lab/.ssh/id_ed25519"));
        agent
    }

    fn adds(&self, key: &std::path::Path) {
        let added = Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", self.socket()).status();
        assert!(added.unwrap().success());
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("agent")
    }

    /// forge with these words and this agent.
    fn forge(&self, words: &[&str]) -> Said {
        Said::of_output(forge(words).env("SSH_AUTH_SOCK", self.socket()).output().unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn assert_refused(said: &Said, code: i32, words: &str) {
    assert_eq!(said.code, code, "{}", said.all());
    assert!(said.of("step-started").is_empty(), "{}", said.all());
    assert!(said.found().iter().any(|line| line.starts_with(words)), "{words}: {}", said.all());
}

/// A login of the host's that has the lab's key, with `options` before it in its `authorized_keys`.
fn login(user: &str, home: &str, options: &str) {
    on("w1", &format!("mkdir -p {home}/.ssh && chmod 700 {home}/.ssh && chown {user}: {home}/.ssh"));
    let file = format!("{home}/.ssh/authorized_keys");
    let write =
        format!("umask 077; {{ cat; tail -n 1 /home/ops/.ssh/authorized_keys; }} >{file}; chown {user}: {file}");
    on_with_input("w1", &write, options);
}

#[test]
fn s_1_a_login_that_runs_nothing_and_an_sshd_that_reads_nothing_are_found_before_anything_changes() {
    bare_hosts(1, 1);
    let of_w1 =
        |user: &str| Changed::by(&[("roles: [worker]", &format!("roles: [worker], ssh: {{user: {user}}}"))]).up();

    on("w1", "echo PermitRootLogin yes >/etc/ssh/sshd_config.d/10-lab.conf; systemctl restart ssh");
    let before = plan().planned();
    login(
        "root",
        "/root",
        r#"command="echo 'Please login as the user \"ops\" rather than the user \"root\".';echo;exit 142" "#,
    );
    assert_refused(&of_w1("root"), 4, r#"w1 runs no command for root: Please login as the user "ops""#);

    on("w1", "useradd --create-home --shell /usr/sbin/nologin svc");
    login("svc", "/home/svc", "");
    assert_refused(&of_w1("svc"), 4, "w1 runs no command for svc: This account is currently not available.");

    let goes = "systemd-run --quiet --on-active=8s --timer-property=AccuracySec=100ms rm /run/nologin";
    on("w1", &format!("{goes}; echo 'System is going down.' >/run/nologin"));
    let said = up();
    wait_until("w1 can be logged in to again", || try_on("w1", "true").status.success());
    assert_refused(&said, 4, "w1 refused the login of ops: System is going down.");

    on("w1", "sed -i '/^Include/d' /etc/ssh/sshd_config");
    assert_refused(&up(), 5, "sshd on w1 does not read forge's settings: /etc/ssh/sshd_config does not include");
    on("w1", "sed -i '1i MaxAuthTries 9\\nInclude /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config");
    assert_refused(&up(), 5, "/etc/ssh/sshd_config on w1 sets MaxAuthTries before sshd reads forge's settings");
    on("w1", "sed -i '/^MaxAuthTries/d' /etc/ssh/sshd_config");
    assert_eq!(plan().planned(), before, "something was changed");
}

fn address(host: &str) -> String {
    let text = std::fs::read_to_string(inventory()).unwrap();
    text.split(&format!("  {host}: {{address: ")).nth(1).unwrap().split(',').next().unwrap().to_owned()
}

/// A hosts file's lines between forge's markers, of which there is one pair.
fn block(host: &str, file: &str) -> String {
    let text = on(host, &format!("cat {file}"));
    assert_eq!((text.matches("# BEGIN forge").count(), text.matches("# END forge").count()), (1, 1), "{text}");
    text.split("\n# BEGIN forge\n").nth(1).unwrap().split("\n# END forge\n").next().unwrap().to_owned()
}

const TEMPLATE: &str = "/etc/cloud/templates/hosts.debian.tmpl";

#[test]
fn s_2_what_is_only_odd_works() {
    bare_hosts(1, 1);
    for host in ["cp1", "w1"] {
        let mut proxies = String::new();
        for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy"] {
            writeln!(proxies, "{name}=http://127.0.0.1:9").unwrap();
        }
        on_with_input(host, "cat >>/etc/environment", &proxies);
    }
    on("cp1", "printf '127.0.0.1 localhost\\n127.0.1.1 cp1' >/etc/hosts");
    // As an earlier version left it.
    on_with_input(
        "w1",
        "cat >/etc/hosts; mkdir -p /etc/cloud/templates /etc/cloud/cloud.cfg.d /var/lib/cloud/instance",
        "127.0.1.1 w1\n127.0.0.1 localhost# BEGIN forge\n10.77.0.99 cp1\n# END forge\n# BEGIN forge\n10.77.0.98 w1\n# END forge\n",
    );
    on_with_input(
        "w1",
        &format!("cat >{TEMPLATE}"),
        "## template:jinja\n127.0.1.1 {{fqdn}} {{hostname}}\n127.0.0.1 localhost",
    );
    on_with_input("w1", "cat >/var/lib/cloud/instance/cloud-config.txt", "#cloud-config\n\nmanage_etc_hosts: true\n");

    let agent = Agent::start();
    let key = format!("  identityFile: {}/lab/.ssh/id_ed25519\n", project().display());
    let odd = Changed::by(&[
        (&key, ""),
        ("roles: [control-plane]", "roles: [control-plane, worker]"),
        ("roles: [worker]", "roles: [worker], taints: ['dedicated=:NoSchedule']"),
    ]);
    let inventory = odd.inventory();
    let inventory = inventory.to_str().unwrap();
    let said = agent.forge(&["up", inventory, "--yes", "--json"]);
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);

    // Every host now hangs up after three keys.
    assert!(on("w1", "sshd -T").contains("\nmaxauthtries 3\n"));
    let again = agent.forge(&["up", inventory, "--yes", "--json"]);
    assert_eq!((again.code, again.planned()), (0, Vec::new()), "{}", again.all());
    assert_eq!(agent.forge(&["plan", inventory]).code, 0);

    let lines = block("w1", "/etc/hosts");
    assert!(lines.contains(&format!("{} cp1\n", address("cp1"))), "{lines}");
    assert_eq!(block("w1", TEMPLATE), lines);
    assert!(on("w1", &format!("cat {TEMPLATE}")).starts_with("## template:jinja\n127.0.1.1 {{fqdn}} {{hostname}}\n"));
    assert_eq!(block("cp1", "/etc/hosts").lines().count(), lines.lines().count());
    assert!(try_on("cp1", &format!("test -e {TEMPLATE}")).status.code() == Some(1));

    let public = format!("{}/lab/.ssh/id_ed25519.pub", project().display());
    let named = Changed::by(&[(key.trim_end(), &format!("  identityFile: {public}"))]);
    let plan = agent.forge(&["plan", named.inventory().to_str().unwrap()]);
    assert!(plan.code == 10 || plan.code == 0, "{}", plan.stderr);
}

#[test]
fn s_3_another_cluster_of_the_same_name_stays_in_a_kubeconfig() {
    some_cluster();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let words = ["--output", file.to_str().unwrap(), "--merge"];
    let merge = || run(&[&["kubeconfig", inventory().to_str().unwrap()], &words[..]].concat());
    let theirs =
        "apiVersion: v1\nkind: Config\nclusters:\n- name: lab\n  cluster: {server: 'https://other.example:6443'}\n";
    std::fs::write(&file, theirs).unwrap();
    let said = merge();
    assert_eq!(said.code, 2, "{}", said.all());
    assert!(said.stderr.contains("config has another cluster called lab; it was left as it is"), "{}", said.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), theirs);

    std::fs::remove_file(&file).unwrap();
    assert_eq!(merge().code, 0);
    let first = std::fs::read_to_string(&file).unwrap();
    assert_eq!(merge().code, 0, "the same cluster is refreshed");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
    // Another cluster that was made with the same endpoint: only its CA tells.
    let line = first.lines().find(|line| line.contains("certificate-authority-data")).unwrap();
    std::fs::write(&file, first.replace(line.rsplit(' ').next().unwrap(), "b3RoZXI=")).unwrap();
    let said = merge();
    assert!(said.code == 2 && said.stderr.contains("with another CA certificate"), "{}", said.all());
}

#[test]
fn s_4_a_silent_api_server_is_named() {
    some_cluster();
    on("cp1", "mv /etc/kubernetes/manifests/kube-apiserver.yaml /root/");
    wait_until("the API server is gone", || !try_on("cp1", "ss -Hltn | grep -q :6443").status.success());
    let said = plan();
    on("cp1", "mv /root/kube-apiserver.yaml /etc/kubernetes/manifests/");
    let named =
        said.of("found").into_iter().find(|event| text(&event["what"]) == "the API server of cp1 does not answer");
    assert!(text(&named.unwrap()["cause"]).contains("refused"), "{}", said.all());
    wait_until("the API server is back", || plan().code == 0);
}
