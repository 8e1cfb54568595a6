//! Hosts as they are found: what other programs have left there is waited for, worked around or refused before anything is
//! changed.

use crate::support::*;

/// Holds the locks of the package lists and of the downloads, which apt-daily takes after a boot, for these seconds.
fn holds_locks(host: &str, seconds: u32) {
    let locks = "import fcntl,sys,time\n\
        held=[open(path,\"w\") for path in (\"/var/lib/apt/lists/lock\",\"/var/cache/apt/archives/lock\")]\n\
        [fcntl.lockf(file,fcntl.LOCK_EX) for file in held]\n\
        time.sleep(int(sys.argv[1]))\n";
    let _ = on_with_input(host, "cat >/run/locks.py", locks);
    on(host, &format!("systemd-run --quiet --collect --unit=locks python3 /run/locks.py {seconds}"));
}

/// What is found on w1, and what is said of it; what makes it good again.
const REFUSED: &[(&str, &[&str], &str)] = &[
    (
        "printf \"deb [signed-by=/etc/apt/keyrings/docker.asc] http://10.77.0.1:8080/apt/containerd bookworm stable\\n\" \
         >/etc/apt/sources.list.d/docker.list",
        &[
            "/etc/apt/sources.list.d/docker.list on w1 contradicts forge's entry for the same repository",
            "Conflicting values set for option Signed-By",
        ],
        "rm /etc/apt/sources.list.d/docker.list",
    ),
    (
        "printf \"debb x\\n\" >/etc/apt/sources.list.d/bad.list",
        &[
            "apt on w1 cannot read its own package lists",
            "Type 'debb' is not known on line 1 in source list /etc/apt/sources.list.d/bad.list",
        ],
        "rm /etc/apt/sources.list.d/bad.list",
    ),
    (
        "mkdir -p /etc/cni/net.d; echo {} >/etc/cni/net.d/05-old.conflist",
        &["w1 has the configuration of another pod network: /etc/cni/net.d/05-old.conflist"],
        "rm -r /etc/cni",
    ),
    (
        "cp /etc/resolv.conf /root/; echo nameserver 127.0.0.1 >/etc/resolv.conf",
        &["/etc/resolv.conf on w1, which the kubelet hands to pods, names w1 itself: CoreDNS would ask itself"],
        "cp /root/resolv.conf /etc/resolv.conf",
    ),
    (
        "iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -A INPUT -s 10.77.0.0/24 -p tcp -j ACCEPT; \
         iptables -A INPUT -j REJECT --reject-with icmp-host-prohibited",
        &["w1 filters what comes in with rules that are not forge's: chain INPUT of table ip filter drops"],
        "iptables -F INPUT",
    ),
    (
        "iptables-legacy -P FORWARD DROP",
        &[
            "w1 filters what passes through with rules that are not forge's: chain FORWARD of table ip filter drops",
            "policy drop",
        ],
        "iptables-legacy -P FORWARD ACCEPT",
    ),
];

#[test]
fn t_1_what_would_break_the_cluster_is_named_before_anything_changes() {
    bare_hosts(1, 1);
    let before = plan().planned();
    for (found, ..) in REFUSED {
        on("w1", found);
        if found.contains("docker.list") {
            // Two lists that cannot be read hide each other.
            assert_refused_on_w1(&up(), REFUSED[0].1);
            on("w1", REFUSED[0].2);
        }
    }
    let said = up();
    for (_, words, repair) in &REFUSED[1..] {
        assert_refused_on_w1(&said, words);
        on("w1", repair);
    }
    assert_eq!(plan().planned(), before, "something was changed");
    assert_eq!(on("cp1", "cat /proc/net/ip_tables_names || true"), "", "a look has made a table");
}

fn assert_refused_on_w1(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 5, "{}", said.all());
    assert!(said.of("step-started").is_empty(), "{}", said.all());
    for word in words {
        assert!(said.found().iter().any(|line| line.contains(word)), "{word}: {}", said.all());
    }
}

/// The name server of w1 knows `*.corp.example` and nothing else, and w1's searches there.
const WILDCARD: &str = r#"
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("10.77.0.21", 53))
while True:
    query, client = server.recvfrom(512)
    name, at = [], 12
    while query[at]:
        name.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    question = query[12:at + 5]
    known = name[-2:] == [b"corp", b"example"]
    address = known and query[at + 1:at + 3] == b"\0\1"
    flags = b"\x81\x80" if known else b"\x81\x83"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\x04\xc6\x33\x64\x07" if address else b""
    server.sendto(query[:2] + flags + b"\0\1" + (b"\0\1" if address else b"\0\0") + b"\0" * 4 + question + answer, client)
"#;

#[test]
fn t_2_locks_are_waited_for_and_what_does_not_matter_does_not() {
    let dead = "printf \"deb [trusted=yes] http://10.77.0.99/none bookworm main\\n\
                deb http://10.77.0.1:8080/nothing bookworm main\\n\" >/etc/apt/sources.list.d/dead.list";
    on("cp1", dead);
    let _ = on_with_input("w1", "cat >/run/wildcard.py", WILDCARD);
    on("w1", "systemd-run --quiet --collect --unit=wildcard python3 /run/wildcard.py");
    on("w1", "printf \"search corp.example\\nnameserver 10.77.0.21\\n\" >/etc/resolv.conf");
    assert_eq!(
        on("w1", "getent ahostsv4 api.lab.example | head -n 1 | cut -d\" \" -f1"),
        "198.51.100.7\n",
        "it is known"
    );
    holds_locks("w1", 45);
    // Nobody listens there: what goes to the proxy fails.
    let proxy = "proxy: {http: \"http://me:a%40b@127.0.0.1:9\", noProxy: [10.77.0.0/24, deb.debian.org]}\nsecurity:\n";
    let changed = Changed::by(&[("security:\n", proxy)]);
    let said = changed.up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    let output: Vec<&str> = said.of("step-output").into_iter().map(|event| text(&event["line"])).collect();
    let waiting = "waiting up to 300 s for another package manager: Could not get lock /var/lib/apt/lists/lock.";
    assert!(output.iter().any(|line| line.starts_with(waiting)), "{}", said.all());
    let warned = said.all();
    assert!(warned.contains("another package repository of this host cannot be used"), "{warned}");
    let environment = on("w1", "systemctl show containerd --property=Environment");
    assert!(environment.contains("HTTP_PROXY=http://me:a%40b@127.0.0.1:9"), "{environment}");
    assert!(on("w1", "cat /etc/hosts").contains(" api.lab.example"), "the wildcard's answer does not count");
}

/// Docker of the distribution, of which containerd.io would take the engine away.
#[test]
fn t_3_a_docker_is_not_removed_unseen() {
    bare_hosts(1, 1);
    on(
        "w1",
        "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends docker.io >/dev/null 2>&1",
    );
    let said = up();
    assert_refused_on_w1(&said, &["to install containerd.io on w1, apt would remove docker.io"]);
    // Without it, its containerd is replaced as the plan says.
    on(
        "w1",
        "systemctl stop docker.socket docker; DEBIAN_FRONTEND=noninteractive apt-get -qq purge -y docker.io >/dev/null 2>&1",
    );
    on("w1", "for filter in iptables iptables-legacy; do $filter -P FORWARD ACCEPT; done");
    let planned = plan().planned();
    assert!(planned.iter().any(|line| line.contains("remove containerd") && line.starts_with("w1: ")), "{planned:?}");
    let said = up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert_evidence(&said);
    assert_converged();
}

/// A node is not asked about its lists beforehand: what forge writes is read at once, and rolled back.
#[test]
fn t_4_apt_is_never_left_unreadable() {
    let list = "cat /etc/apt/sources.list.d/forge-containerd.list";
    let before = on("w1", list);
    on(
        "w1",
        "printf \"deb [signed-by=/etc/apt/keyrings/docker.asc] http://10.77.0.1:8080/./apt/containerd bookworm stable\\n\" \
         >/etc/apt/sources.list.d/docker.list",
    );
    let said = Changed::by(&[("8080/apt/containerd", "8080/./apt/containerd")]).up();
    assert_eq!(said.code, 1, "{}", said.all());
    let found = said.found();
    let failed = |line: &String| {
        line.starts_with("w1: package repositories failed")
            && line.contains("Conflicting values set for option Signed-By")
    };
    assert!(found.iter().any(failed), "{}", said.all());
    assert_eq!(on("w1", list), before);
    on("w1", "apt-get indextargets >/dev/null; rm /etc/apt/sources.list.d/docker.list");
}
