//! Hosts between each other.

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use forge::host::facts::Observed;
use forge::phases::preflight::{endpoint_in_dns, probes};

use super::fixture::*;
use super::shell::ask;

#[test]
fn copies_of_a_machine_are_told_apart() {
    bare().but("w1", "system", "id-of-w1", "id-of-cp1").finds(
        "error: w1 | w1 and cp1 have the same machine-id: one is a copy of the other\n  cause: id-of-cp1\n  next: on w1: sudo rm \
         -f /etc/machine-id /var/lib/dbus/machine-id && sudo systemd-machine-id-setup && sudo reboot",
    );
    let same = bare().says("w1", "identity", "mac 52:54:00:aa:bb:cc").says("w2", "identity", "mac 52:54:00:aa:bb:cc");
    same.finds(
        "error: w1 | w1 and w2 have the same MAC address\n  cause: 52:54:00:aa:bb:cc\n  next: give the network interface of w1 a \
         MAC address of its own where the machine is defined",
    );
    // Point-to-point interfaces have none.
    let none = "mac 00:00:00:00:00:00";
    bare().says("w1", "identity", none).says("w2", "identity", none).finds_nothing();
}

#[test]
fn the_address_must_be_the_hosts_own() {
    bare().says("w1", "identity", "addresses 10.0.0.5/24 fd00::5/64").finds(
        "error: w1 | w1 does not have the address 192.0.2.21 that the inventory gives it\n  cause: w1 has 10.0.0.5/24 \
         fd00::5/64\n  next: put an address of w1 into the inventory that the other hosts reach; behind NAT, the inner one",
    );
    bare().says("w1", "identity", "").finds_nothing();
}

#[test]
fn a_port_is_free_or_ours() {
    let listeners = "*:6443 users:((\"kube-apiserver\",pid=1,fd=3))\n127.0.0.1:2379 users:((\"etcd\",pid=2,fd=3))\n\
                     127.0.0.1:10257 users:((\"kube-controller\",pid=3,fd=3))";
    joined().says("cp1", "ports", listeners).finds_nothing();
    bare().says("cp1", "ports", listeners).says("cp1", "membership", "interrupted").finds_nothing();
    let taken = |port: u16, owner: &str| {
        format!(
            "error: cp1 | port {port} on cp1 is taken by {owner}\n  next: on cp1: sudo ss -ltnp 'sport = :{port}'   shows it; \
             stop it or move it to another port, or accept it with kubeadm.ignorePreflightErrors: [Port-{port}]"
        )
    };
    let found = [taken(2379, "etcd"), taken(6443, "kube-apiserver"), taken(10257, "kube-controller")].join("\n");
    bare().says("cp1", "ports", listeners).finds(&found);
    joined()
        .says("cp1", "ports", "0.0.0.0:6443 users:((\"nginx\",pid=1,fd=3),(\"nginx\",pid=2,fd=3))")
        .finds(&taken(6443, "nginx"));
    bare().says("cp1", "ports", "[::]:10250 [::]:*").finds(&taken(10250, "a process without a name"));
}

#[test]
fn a_host_that_does_not_get_through_is_told_once_per_other_host() {
    bare().says("cp1", "reach", "192.0.2.21 10250 no answer within 2 seconds\n192.0.2.22 10250 No route to host").finds(
        "error: cp1 | cp1 does not reach w2 on TCP port 10250\n  cause: No route to host\n  next: let cp1 through to w2 \
         (192.0.2.22) on TCP port 10250 in every firewall between\nerror: cp1 | cp1 does not reach w1 on TCP port 10250\n  \
         cause: no answer within 2 seconds\n  next: let cp1 through to w1 (192.0.2.21) on TCP port 10250 in every firewall \
         between",
    );
    let etcd = "192.0.2.22 6443 x\n192.0.2.22 2379 x\n192.0.2.22 10250 x";
    bare().says("cp1", "reach", etcd).finds(
        "error: cp1 | cp1 does not reach w2 on TCP port 2379, 6443, 10250\n  cause: x\n  next: let cp1 through to w2 \
         (192.0.2.22) on TCP port 2379, 6443, 10250 in every firewall between",
    );
}

#[test]
fn a_worker_tries_the_control_planes_only() {
    let cluster = cluster();
    let reach = |host: usize| {
        let probes = probes(&cluster, &cluster.hosts[host]);
        let shell = probes.into_iter().find(|probe| probe.key == "preflight reach").map(|probe| probe.shell);
        shell.unwrap().lines().last().unwrap().to_owned()
    };
    assert_eq!(reach(0), "printf '%s\\n' '192.0.2.22 10250' '192.0.2.21 10250' | unanswered");
    assert_eq!(reach(1), "printf '%s\\n' '192.0.2.11 6443' | unanswered");
}

#[test]
fn the_endpoint_is_in_dns_when_its_answer_leads_to_the_cluster() {
    let answer = |text: &str, living: bool| {
        let answers = [("preflight endpoint".to_owned(), text.to_owned())].into();
        endpoint_in_dns(&Observed { answers, ..Observed::default() }, living)
    };
    assert!(!answer("", true));
    assert!(answer("dns 192.0.2.11 own", false));
    assert!(answer("dns 203.0.113.1 open", false), "a load balancer without a server");
    assert!(!answer("dns 203.0.113.1 silent Connection refused", false));
    let server = "dns 203.0.113.1 tls DNS:kubernetes DNS:api.prod.example";
    assert_eq!(
        (answer(server, false), answer(server, true)),
        (false, true),
        "before there is a cluster it is another's"
    );
    assert!(!answer("dns 203.0.113.1 tls DNS:*.prod.example ", true), "a web server");

    bare().says("w1", "endpoint", "dns 192.0.2.11 own").finds_nothing();
    // A load balancer with two addresses, one of which answers.
    bare().says("w1", "endpoint", "dns 203.0.113.1 silent no answer\ndns 203.0.113.2 open").finds_nothing();
    let astray = "dns 203.0.113.9 silent no answer within 2 seconds\ndns 203.0.113.8 tls DNS:*.prod.example ";
    bare().says("w1", "endpoint", astray).says("w2", "endpoint", astray).finds(
        "warning: all | DNS says that api.prod.example is 203.0.113.9, 203.0.113.8: no control plane, and no load balancer that \
         answers on port 6443; hosts will use entries of their own in /etc/hosts\n  cause: w2: 203.0.113.9: no answer within 2 \
         seconds; 203.0.113.8: a server for *.prod.example\n  next: let api.prod.example point to a control plane or a load \
         balancer before them, or remove it from DNS",
    );
}

#[test]
fn the_endpoints_name_is_asked_without_the_hosts_search_domains() {
    let shell = |host: &str| {
        let mut cluster = cluster();
        cluster.endpoint.host = host.to_owned();
        let probes = probes(&cluster, &cluster.hosts[0]);
        probes.into_iter().find(|probe| probe.key == "preflight endpoint").map(|probe| probe.shell).unwrap()
    };
    assert!(shell("api.prod.example").contains("getent -s dns ahosts api.prod.example. |"));
    assert!(shell("192.0.2.1").contains("getent -s dns ahosts 192.0.2.1 |"));
}

#[test]
fn name_servers_on_the_host_itself_are_no_use_to_pods() {
    let way_out = "name the real name servers in a file that every host has, and set \
                   kubeadm.kubeletConfiguration.resolvConf to its path";
    bare().says("w1", "pod dns", "file /etc/resolv.conf\nserver 192.0.2.53").finds_nothing();
    for own in ["127.0.0.1", "127.0.0.53", "::1", "::ffff:127.0.0.1"] {
        bare().says("w1", "pod dns", &format!("file /etc/resolv.conf\nserver {own}\nserver 192.0.2.53")).finds(&format!(
            "error: w1 | /etc/resolv.conf on w1, which the kubelet hands to pods, names w1 itself: CoreDNS would ask itself\n  \
             cause: nameserver {own}\n  next: {way_out}"
        ));
    }
    bare().says("w1", "pod dns", "file /etc/pods.conf\nmissing").finds(&format!(
        "error: w1 | w1 has no /etc/pods.conf, whose name servers the kubelet hands to pods\n  next: {way_out}"
    ));
    bare().says("w1", "pod dns", "file /etc/resolv.conf").finds(&format!(
        "error: w1 | /etc/resolv.conf on w1, which the kubelet hands to pods, names no name server: CoreDNS would not start\n  \
         next: {way_out}"
    ));
    joined().says("w1", "pod dns", "file /etc/resolv.conf\nserver ::1").finds_nothing();
}

#[test]
fn the_configuration_of_another_pod_network_is_named() {
    let files = "/etc/cni/net.d/05-old.conflist\n/etc/cni/net.d/a b.conf";
    let found = bare().says("w1", "pod network", files);
    found.finds(
        "error: w1 | w1 has the configuration of another pod network: /etc/cni/net.d/05-old.conflist, /etc/cni/net.d/a b.conf\n  \
         cause: pods would be attached to it instead of the cluster's network\n  next: if nothing there is needed any more, on \
         w1: sudo rm /etc/cni/net.d/05-old.conflist '/etc/cni/net.d/a b.conf'",
    );
    // Where the pod network is not forge's work, and where a join of forge's was cut off, they may be in use.
    found.clone().wants(|cluster| cluster.cni = forge::inventory::cluster::Cni::None).finds_nothing();
    found.says("w1", "membership", "interrupted").finds_nothing();
}

/// What a host says of its packet filters.
fn rules(nft: &str, legacy: &str) -> String {
    let marked = |text: &str| text.lines().map(|line| format!("rule {line}\n")).collect::<String>();
    format!("rules nft\n{}rules ip\n{}rules ip6\n", marked(nft), marked(legacy))
}

const OURS: &str =
    "table inet forge {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}";

#[test]
fn rules_of_others_that_refuse_what_they_do_not_know_are_named() {
    bare().says("w1", "firewall", &rules(OURS, "")).finds_nothing();
    let oracle = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n\
                  \t\ttcp dport 22 counter accept\n\t\tcounter reject with icmp type host-prohibited\n\t}\n}";
    let next = "on w1: sudo nft list ruleset   (or iptables-save) shows them; remove them, also where they are loaded at a boot \
                (/etc/iptables, /etc/nftables.conf), and name what else must come in under security.firewall.allow";
    let words = |level: &str| {
        format!(
            "{level}: w1 | w1 filters what comes in with rules that are not forge's: chain INPUT of table ip filter drops what \
             nodes send each other\n  cause: counter reject with icmp type host-prohibited\n  next: {next}"
        )
    };
    let found = bare().says("w1", "firewall", &rules(oracle, ""));
    found.finds(&words("error"));
    found.clone().wants(|cluster| cluster.security.host.firewall.enabled = false).finds(&words("warning"));
    found.says("w1", "membership", "interrupted").finds_nothing();

    let docker = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -i docker0 -j ACCEPT\nCOMMIT";
    bare().says("w1", "firewall", &format!("docker\n{}", rules("", docker))).finds(
        "error: w1 | w1 filters what passes through with rules that are not forge's: chain FORWARD of table ip filter drops what \
         pods send and get\n  cause: policy drop\n  next: on w1: sudo iptables -P FORWARD ACCEPT   or remove Docker",
    );
}

/// What the probe says of 127.0.0.1 on this port.
fn endpoint_on(port: u16) -> String {
    let mut cluster = cluster();
    cluster.endpoint.host = "127.0.0.1".to_owned();
    cluster.endpoint.port = port;
    let mut probes = probes(&cluster, &cluster.hosts[0]);
    probes.retain(|probe| probe.key == "preflight endpoint");
    ask(&probes).get("preflight endpoint").to_owned()
}

#[test]
fn what_answers_at_the_endpoint_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // As a load balancer without a server does.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    assert_eq!(endpoint_on(port), "dns 127.0.0.1 open");

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(endpoint_on(free), "dns 127.0.0.1 silent Connection refused");

    let folder = tempfile::tempdir().unwrap();
    let openssl = |words: &str| {
        let mut command = Command::new("openssl");
        command.args(words.split(' ')).current_dir(folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let made = openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=x -addext subjectAltName=DNS:kubernetes,DNS:*.prod.example",
    );
    assert!({ made }.status().unwrap().success());
    let mut server = openssl(&format!("s_server -accept 127.0.0.1:{free} -cert cert -key key -quiet")).spawn().unwrap();
    while TcpStream::connect(("127.0.0.1", free)).is_err() {
        assert!(server.try_wait().unwrap().is_none(), "openssl ended");
    }
    let said = endpoint_on(free);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(said, "dns 127.0.0.1 tls DNS:kubernetes DNS:*.prod.example ");
}
