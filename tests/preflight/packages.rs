//! Package sources: reachable, signed by the pinned key, and offering what is wanted.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forge::inventory::cluster::*;
use forge::phases::preflight::{self, probes};

use super::fixture::*;
use super::shell::ask;

/// Serves the fixtures over HTTP until the test ends; the base URL.
fn served() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut request = String::new();
                let mut buffer = [0; 4096];
                while let Ok(count) = stream.read(&mut buffer) {
                    if count == 0 {
                        return;
                    }
                    request.push_str(&String::from_utf8_lossy(&buffer[..count]));
                    while let Some((head, rest)) = request.split_once("\r\n\r\n") {
                        let path = head.split(' ').nth(1).unwrap().trim_start_matches('/');
                        let (status, body) = match std::fs::read(file(path)) {
                            Ok(body) => ("200 OK", body),
                            Err(_) => ("404 Not Found", Vec::new()),
                        };
                        let length = body.len();
                        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
                        let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(&body));
                        request = rest.to_owned();
                    }
                }
            });
        }
    });
    url
}

/// cp1 bare, its Kubernetes packages asked for real; everything else healthy.
fn asked(cluster: Cluster) -> Answers {
    let key = "preflight source kubernetes";
    let probes: Vec<_> = probes(&cluster, &cluster.hosts[0]).into_iter().filter(|probe| probe.key == key).collect();
    let answer = ask(&probes).get(key).to_owned();
    bare().wants(|wanted| *wanted = cluster).says("cp1", "source kubernetes", &answer)
}

fn only_cp1(url: &str, key: PackageKey) -> Cluster {
    let mut cluster = cluster();
    cluster.hosts.truncate(1);
    cluster.sources.kubernetes_packages = PackageSource { url: url.to_owned(), key };
    cluster
}

fn version(answers: &Answers) -> String {
    match preflight::kubernetes_version(&answers.cluster, &answers.seen) {
        Ok(version) => version,
        Err(finding) => words(&finding),
    }
}

#[test]
fn a_repository_signed_by_the_key_in_the_file_is_believed() {
    let answers = asked(only_cp1(&format!("{}/repository/", served()), PackageKey::Path(file("packages.asc"))));
    answers.finds_nothing();
    assert_eq!(version(&answers), "1.36.10");
}

#[test]
fn a_repository_signed_by_the_key_with_the_pinned_fingerprint_is_believed() {
    let base = served();
    let key = |name: &str| PackageKey::Url { url: format!("{base}/{name}"), fingerprint: PIN.to_owned() };
    for name in ["packages.asc", "packages.gpg", "both.asc"] {
        let answers = asked(only_cp1(&format!("{base}/repository"), key(name)));
        answers.finds_nothing();
        let keys = preflight::package_keys(&answers.cluster, &answers.seen).unwrap();
        assert_eq!(keys.kubernetes, Some(std::fs::read(file("packages.gpg")).unwrap()), "{name}");
    }
}

#[test]
fn a_repository_signed_by_another_key_is_refused() {
    let base = served();
    let answers = asked(only_cp1(&format!("{base}/repository"), PackageKey::Path(file("stranger.asc"))));
    let findings = answers.check();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].fatal);
    assert_eq!(
        findings[0].what,
        format!("the Kubernetes packages at {base}/repository are not signed by the pinned key, says cp1")
    );
    assert!(findings[0].cause.contains("C4026587D2A3B815"), "{}", findings[0].cause);
    assert_eq!(findings[0].next, "check sources.kubernetesPackages.key against what the repository's owner publishes");
}

#[test]
fn a_key_with_another_fingerprint_is_refused_and_nothing_else_is_said() {
    let base = served();
    let key = PackageKey::Url { url: format!("{base}/stranger.asc"), fingerprint: PIN.to_owned() };
    asked(only_cp1(&format!("{base}/repository"), key)).finds(&format!(
        "error: cp1 | cp1 was given a key for the Kubernetes packages that is not the pinned one\n  cause: {base}/stranger.asc: \
         its fingerprint is C9AB6A393BAB783E0280D63DCE6A45ED35BC3207; the pinned one is {PIN}\n  next: check \
         sources.kubernetesPackages.key.fingerprint against what the repository's owner publishes"
    ));
}

#[test]
fn a_source_that_cannot_be_reached_is_told_in_apts_words() {
    let key = || PackageKey::Path(file("packages.asc"));
    let findings = asked(only_cp1("http://127.0.0.1:9/deb", key())).check();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].what, "cp1 cannot use the Kubernetes packages at http://127.0.0.1:9/deb");
    assert!(findings[0].cause.contains("Could not connect to 127.0.0.1:9"), "{}", findings[0].cause);

    let base = served();
    let findings = asked(only_cp1(&format!("{base}/nothing"), key())).check();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].cause.contains("does not have a Release file"), "{}", findings[0].cause);

    let key = PackageKey::Url { url: format!("{base}/nothing.asc"), fingerprint: PIN.to_owned() };
    let findings = asked(only_cp1(&format!("{base}/repository"), key)).check();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(
        findings[0].what,
        format!("cp1 cannot fetch the key of the Kubernetes packages from {base}/nothing.asc")
    );
    assert!(findings[0].cause.contains("404"), "{}", findings[0].cause);
}

#[test]
fn a_host_that_says_nothing_of_a_source_is_not_taken_for_a_good_one() {
    bare().says("w1", "source containerd", "").finds(
        "error: w1 | w1 cannot use the containerd packages at http://packages.example/linux/debian\n  cause: it gave no \
         answer\n  next: check sources.containerdPackages.url and what w1 may reach; behind a proxy, set proxy",
    );
}

#[test]
fn a_version_that_does_not_exist_is_answered_with_those_that_do() {
    let exact = |patch| move |cluster: &mut Cluster| cluster.kubernetes.patch = Some(patch);
    bare().wants(exact(10)).finds_nothing();
    let finding = |host: &str| {
        format!(
            "error: {host} | the Kubernetes packages that {host} is offered have no kubeadm 1.36.9\n  cause: the newest kubeadm \
             there: 1.36.10, 1.36.3\n  next: set kubernetes to a version that is there, or sources.kubernetesPackages.url to \
             a repository that has it"
        )
    };
    bare().wants(exact(9)).finds(&["cp1", "w2", "w1"].map(finding).join("\n"));

    bare().but("w1", "source kubernetes", "kubelet", "something").finds(
        "error: w1 | the Kubernetes packages that w1 is offered have no kubelet 1.36\n  cause: no kubelet at all\n  next: set \
         kubernetes to a version that is there, or sources.kubernetesPackages.url to a repository that has it",
    );
}

#[test]
fn an_old_containerd_will_not_do() {
    bare().says("w1", "source containerd", "updated\noffers containerd.io 1.7.28-1").finds(
        "error: w1 | the containerd packages that w1 is offered have no containerd.io 2 for bookworm\n  cause: the newest \
         containerd.io there: 1.7.28\n  next: set sources.containerdPackages.url to a repository that has it",
    );
}

#[test]
fn the_version_is_the_newest_that_everybody_is_offered() {
    assert_eq!(version(&bare()), "1.36.10");
    assert_eq!(version(&bare().wants(|cluster| cluster.kubernetes.patch = Some(3))), "1.36.3");
    assert_eq!(version(&bare().but("w1", "source kubernetes", "kubectl 1.36.10", "kubectl 1.36.9")), "1.36.3");
    let apart =
        bare().but("w1", "source kubernetes", "1.36.10", "1.36.9").but("w1", "source kubernetes", "1.36.3", "1.36.4");
    let none = "error: all | no Kubernetes 1.36 is offered to every host\n  next: give all hosts the same \
                sources.kubernetesPackages";
    assert_eq!(version(&apart), none);
    apart.finds(none);
}

#[test]
fn the_version_is_the_living_clusters_where_there_is_one() {
    assert_eq!(version(&joined()), "1.36.5");
    // A new worker must be offered what the cluster runs, not what is newest.
    let offers = "updated\noffers kubeadm 1.36.9-1\noffers kubelet 1.36.9-1\noffers kubectl 1.36.9-1";
    let newcomer = joined()
        .says("w1", "membership", "")
        .says("w1", "ports", "")
        .says("w1", "source kubernetes", offers)
        .says("w1", "source containerd", "updated\noffers containerd.io 2.3.6-1");
    assert_eq!(version(&newcomer), "1.36.5");
    newcomer.finds(
        "error: w1 | the Kubernetes packages that w1 is offered have no kubeadm 1.36.5\n  cause: the newest kubeadm there: \
         1.36.9\n  next: set kubernetes to a version that is there, or sources.kubernetesPackages.url to a repository that \
         has it",
    );
    // A package that was removed is not installed: the API server tells then.
    let removed = joined().but("cp1", "membership", "hi  1.36.5-1.1", "rc  1.36.4-1.1");
    assert_eq!(version(&removed), "1.36.5");
    removed.finds_nothing();
}

#[test]
fn an_init_that_was_cut_off_goes_on_with_its_version() {
    let cut = |kubeadm: &str| bare().says("cp1", "membership", &format!("interrupted\nkubeadm ii  {kubeadm}"));
    assert_eq!(version(&cut("1.36.3-1.1")), "1.36.3");
    assert_eq!(version(&cut("1.35.2-1.1")), "1.36.10");
    cut("1.36.3-1.1").finds_nothing();
}

#[test]
fn up_does_not_upgrade() {
    joined().wants(|cluster| cluster.kubernetes.minor = 37).finds(
        "error: all | the cluster runs Kubernetes 1.36.5 and the inventory wants 1.37\n  next: set kubernetes: \"1.36.5\" in \
         the inventory; forge up does not upgrade",
    );
}

#[test]
fn a_key_file_is_the_pin_and_needs_no_host() {
    let answers = joined();
    let keys = preflight::package_keys(&answers.cluster, &answers.seen).unwrap();
    let expected = std::fs::read(file("packages.gpg")).unwrap();
    assert_eq!((keys.kubernetes, keys.containerd), (Some(expected.clone()), Some(expected)));

    let key = |name: &'static str| {
        move |cluster: &mut Cluster| {
            cluster.sources.kubernetes_packages.key = PackageKey::Path(file(name));
        }
    };
    for (name, cause) in [
        ("missing.asc", "No such file or directory (os error 2)"),
        ("README.md", "it holds no OpenPGP public key, or it is damaged"),
    ] {
        joined().wants(key(name)).finds(&format!(
            "error: all | the key of the Kubernetes packages cannot be read from {}\n  cause: {cause}\n  next: put the \
             repository's public key there, or set sources.kubernetesPackages.key",
            file(name).display()
        ));
    }
}

#[test]
fn a_key_by_url_comes_from_a_host_that_fetched_it_or_has_it() {
    let pinned = || joined().wants(|cluster| *cluster = with_pinned_keys(cluster.clone(), "http://keys.example", PIN));
    let keys = |answers: &Answers| preflight::package_keys(&answers.cluster, &answers.seen).unwrap().kubernetes;
    let encoded = |name: &str| STANDARD.encode(std::fs::read(file(name)).unwrap());
    let binary = Some(std::fs::read(file("packages.gpg")).unwrap());

    assert_eq!(keys(&pinned()), None);
    let has = pinned().says("w1", "source kubernetes", &format!("keyring {}", encoded("packages.gpg")));
    assert_eq!(keys(&has), binary);
    has.finds_nothing();
    let other = format!("keyring {}", encoded("stranger.asc"));
    let mixed = has.says("cp1", "source kubernetes", &other);
    assert_eq!(keys(&mixed), binary);
    mixed.finds_nothing();

    let stale = pinned().says("cp1", "source kubernetes", &other);
    assert_eq!(keys(&stale), None);
    stale.finds(
        "warning: cp1 | /etc/apt/keyrings/kubernetes.gpg on cp1 does not hold the pinned key of the Kubernetes packages\n  \
         next: on cp1: sudo rm /etc/apt/keyrings/kubernetes.gpg   and forge up fetches the pinned one",
    );
}

#[test]
fn lists_that_apt_could_not_read_beside_forges_are_named() {
    let words = "Conflicting values set for option Signed-By regarding source http://packages.example/linux/debian/ bookworm: \
                 /etc/apt/keyrings/docker.asc != /etc/apt/keyrings/containerd.gpg";
    let said = format!(
        "contradicts {words}\ncontradicts The list of sources could not be read.\nnames /etc/apt/sources.list.d/docker.list"
    );
    bare().says("w1", "apt lists", &said).finds(&format!(
        "error: w1 | /etc/apt/sources.list.d/docker.list on w1 contradicts forge's entry for the same repository: apt would \
         refuse all\n  cause: {words}\nThe list of sources could not be read.\n  next: on w1: remove the entry from \
         /etc/apt/sources.list.d/docker.list; what was installed from there stays, and forge writes an entry of its own"
    ));
    bare().says("w1", "apt lists", "unreadable Type 'debb' is not known on line 1 in source list /etc/apt/sources.list").finds(
        "error: w1 | apt on w1 cannot read its own package lists\n  cause: Type 'debb' is not known on line 1 in source list \
         /etc/apt/sources.list\n  next: on w1: sudo apt-get update   shows it; correct or remove that entry",
    );
}

/// The probe on this machine's apt, the host's lists in a folder.
#[test]
fn two_keys_for_one_repository_are_found_before_forge_writes_its_own() {
    let root = tempfile::tempdir().unwrap();
    let lists = root.path().join("lists");
    std::fs::create_dir(&lists).unwrap();
    let cluster = cluster();
    let asked = || {
        let mut probes = probes(&cluster, &cluster.hosts[0]);
        probes.retain(|probe| probe.key == "preflight apt lists");
        for probe in &mut probes {
            probe.shell = probe.shell.replace("/etc/apt/sources.list.d", &lists.display().to_string());
        }
        ask(&probes).get("preflight apt lists").to_owned()
    };
    assert_eq!(asked(), "");
    let write = |name: &str, text: &str| std::fs::write(lists.join(name), text).unwrap();
    // Left by an earlier run of forge, with another key.
    write("forge-kubernetes.list", "deb [signed-by=/other.gpg] http://packages.example/v1.36/deb/ /\n");
    write("fine.list", "deb [signed-by=/fine.gpg] http://elsewhere.example/deb/ /\n");
    assert_eq!(asked(), "");
    let entry =
        "Types: deb\nURIs: http://packages.example/v1.36/deb\nSuites: /\nSigned-By: /etc/apt/keyrings/k8s.gpg\n";
    write("kubernetes.sources", entry);
    let said = asked();
    assert!(said.starts_with("contradicts Conflicting values set for option Signed-By"), "{said}");
    assert!(said.ends_with(&format!("names {}", lists.join("kubernetes.sources").display())), "{said}");
    write("bad.list", "debb x\n");
    let said = asked();
    assert!(said.starts_with("unreadable Type 'debb' is not known on line 1 in source list "), "{said}");
    assert!(said.contains(&lists.join("bad.list").display().to_string()), "{said}");
}

#[test]
fn what_containerd_would_take_the_place_of_is_refused_unless_it_is_a_containerd() {
    let offers = "updated\noffers containerd.io 2.3.6-1~debian.12~bookworm\n";
    let own = bare().says("w1", "source containerd", &format!("{offers}removes containerd\nremoves runc"));
    own.finds_nothing();
    assert_eq!(preflight::replaced_packages(own.seen.values().nth(1).unwrap()), ["containerd", "runc"]);
    bare().says("w1", "source containerd", &format!("{offers}removes docker.io\nremoves containerd\nremoves runc")).finds(
        "error: w1 | to install containerd.io on w1, apt would remove docker.io\n  next: if nothing there is needed any more, on \
         w1: sudo apt-get purge docker.io containerd runc   or take another host",
    );
}
