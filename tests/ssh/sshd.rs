//! OpenSSH's own server on 127.0.0.1: what only the real one shows.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::*;

/// A real sshd with its own configuration, keys and port.
struct Sshd {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl Sshd {
    fn start(options: &str) -> Self {
        assert!(
            Path::new("/usr/sbin/sshd").exists(),
            "this test needs OpenSSH's server, only installed, not running: apt-get install openssh-server"
        );
        // sshd wants it when it is root, and only its service makes it.
        drop(fs::create_dir_all("/run/sshd"));
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for kind in ["ed25519", "ecdsa"] {
            keygen(&["-t", kind, "-N", "", "-f"], &at(kind));
        }
        keygen(&["-t", "ed25519", "-N", "", "-f"], &at("user"));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let here = folder.path().display();
        // Another HOME keeps the .bashrc of whoever runs this out of every command.
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/ed25519\nHostKey {here}/ecdsa\nPidFile none\n\
             AuthorizedKeysFile {here}/user.pub\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nSetEnv HOME={here}\n{options}"
        );
        fs::write(at("config"), config).unwrap();
        let mut process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(at("config"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let first = log.next().unwrap().unwrap();
        assert!(first.starts_with("Server listening"), "{first}");
        // It writes its log for ever, and dies when nobody reads.
        std::thread::spawn(move || log.for_each(drop));
        Self { folder, port, process }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pin(&self, kind: &str) -> String {
        format!("[127.0.0.1]:{} {}", self.port, fs::read_to_string(self.at(&format!("{kind}.pub"))).unwrap())
    }

    fn target(&self) -> Target {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        Target {
            name: "real".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: self.port,
            user: String::from_utf8(user).unwrap().trim().to_owned(),
            identity_file: Some(self.at("user")),
            bastion: None,
        }
    }

    fn operator(&self) -> Operator {
        let operator = Operator::new();
        fs::write(operator.known_hosts(), self.pin("ed25519")).unwrap();
        operator
    }

    async fn open(&self) -> Connection {
        self.operator().client().open(&self.target()).await.unwrap()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn keygen(arguments: &[&str], path: &Path) {
    let output = Command::new("ssh-keygen").arg("-q").args(arguments).arg(path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

async fn output(connection: &Connection, command: &str) -> String {
    let (out, _, outcome) = finish(connection.start(command, nothing()).await.unwrap()).await;
    assert_eq!(outcome, Outcome::Exited(0), "{command}");
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn a_command_and_what_it_costs() {
    let sshd = Sshd::start("");
    let connection = sshd.open().await;
    let running = connection.start("cat; echo oops >&2; exit 3", Secret::new("swordfish")).await.unwrap();
    let (out, err, outcome) = finish(running).await;
    assert_eq!((out.as_slice(), err.as_slice(), outcome), (&b"swordfish"[..], &b"oops\n"[..], Outcome::Exited(3)));
    let expected = Traffic { round_trips: 1, commands: 1, bytes_sent: 26 + 9, bytes_received: 9 + 5 };
    assert_eq!(connection.traffic(), expected);
    let running = connection.start("kill -TERM $$", nothing()).await.unwrap();
    assert_eq!(running.wait().await, Outcome::Signalled("TERM".to_owned()));
    connection.close().await;
}

#[tokio::test]
async fn two_hundred_commands_at_once_are_never_refused() {
    let sshd = Sshd::start("");
    let connection = Arc::new(sshd.open().await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let connection = Arc::clone(&connection);
        tasks.spawn(async move { connection.start("true", nothing()).await.unwrap().wait().await });
    }
    assert!(tasks.join_all().await.iter().all(|outcome| *outcome == Outcome::Exited(0)));
    assert_eq!(connection.traffic().round_trips, 200);
}

#[tokio::test]
async fn fewer_sessions_than_ours_are_waited_for() {
    let sshd = Sshd::start("MaxSessions 1");
    let connection = sshd.open().await;
    let mut first = connection.start("echo held; cat", nothing()).await.unwrap();
    assert!(first.next().await.is_some());
    let (second, outcome) = tokio::join!(connection.start("true", nothing()), async {
        while connection.traffic().round_trips < 3 {
            tokio::task::yield_now().await;
        }
        first.wait().await
    });
    assert_eq!((second.unwrap().wait().await, outcome), (Outcome::Exited(0), Outcome::Exited(0)));
    assert_eq!(connection.traffic().commands, 2);
}

#[tokio::test]
async fn bulk_both_ways_arrives_whole() {
    let sshd = Sshd::start("RekeyLimit 4M");
    let connection = sshd.open().await;
    let bytes: Vec<u8> = (0..16_u32 << 20).map(|index| (index / 7) as u8).collect();
    let (out, _, outcome) = finish(connection.start("cat", Secret::new(bytes.clone())).await.unwrap()).await;
    assert_eq!(outcome, Outcome::Exited(0));
    assert!(out == bytes);
    let size = bytes.len() as u64;
    let expected = Traffic { round_trips: 1, commands: 1, bytes_sent: size + 3, bytes_received: size };
    assert_eq!(connection.traffic(), expected);
}

#[tokio::test]
async fn a_session_that_is_killed_is_lost() {
    let sshd = Sshd::start("");
    let connection = sshd.open().await;
    let session = output(&connection, "echo $PPID").await;
    let running = connection.start("cat", nothing()).await.unwrap();
    assert!(Command::new("kill").args(["-KILL", session.trim()]).status().unwrap().success());
    assert_eq!(running.wait().await, Outcome::Lost { cause: "the host closed the connection".to_owned() });
}

#[tokio::test]
async fn whoever_holds_a_lock_loses_it_with_the_connection() {
    let sshd = Sshd::start("");
    let connection = sshd.open().await;
    let pipe = sshd.at("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let command = format!("echo held; cat; echo released > {}", pipe.display());
    let mut lock = connection.start(&command, nothing()).await.unwrap();
    assert!(lock.next().await.is_some());
    drop((lock, connection));
    assert_eq!(tokio::task::spawn_blocking(move || fs::read(pipe)).await.unwrap().unwrap(), b"released\n");
}

#[tokio::test]
async fn the_pinned_type_is_asked_for_and_hashed_names_are_found() {
    let sshd = Sshd::start("");
    let operator = Operator::new();
    fs::write(operator.known_hosts(), sshd.pin("ecdsa")).unwrap();
    assert!(operator.client().open(&sshd.target()).await.is_ok());
    keygen(&["-H", "-f"], &operator.known_hosts());
    assert!(fs::read_to_string(operator.known_hosts()).unwrap().starts_with("|1|"));
    assert!(operator.client().open(&sshd.target()).await.is_ok());
}

#[tokio::test]
async fn what_we_pin_ssh_itself_accepts() {
    let sshd = Sshd::start("");
    let operator = Operator::new();
    let target = sshd.target();
    let key = operator.client().offered_host_key(&target).await.unwrap();
    let mut known_hosts = KnownHosts::load(&operator.known_hosts()).unwrap();
    known_hosts.append(&target.address, target.port, &key).unwrap();
    let option = format!("UserKnownHostsFile={}", operator.known_hosts().display());
    let mut ssh = tokio::process::Command::new("ssh");
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", &option]);
    ssh.args(["-p", &target.port.to_string(), "-i"]).arg(sshd.at("user"));
    ssh.args([&format!("{}@127.0.0.1", target.user), "echo hello"]);
    assert_eq!(ssh.output().await.unwrap().stdout, b"hello\n");
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let sshd = Sshd::start("");
    let wrong = sshd.at("wrong");
    keygen(&["-t", "ed25519", "-N", "", "-f"], &wrong);
    let target = Target { identity_file: Some(wrong.clone()), ..sshd.target() };
    let offered = vec![format!("ED25519 {}", wrong.display())];
    let expected =
        Reason::LoginRefused { offered, accepts: vec!["publickey".to_owned()], half: false, said: String::new() };
    assert_eq!(sshd.operator().refused(&target).await, expected);
}

/// forge itself sets `MaxAuthTries 3`.
#[tokio::test]
async fn an_agent_with_more_keys_than_the_host_allows_on_a_connection_gets_in() {
    let sshd = Sshd::start("MaxAuthTries 3");
    let wrong: Vec<PrivateKey> = (0..5).map(|_| new_key()).collect();
    let right = PrivateKey::read_openssh_file(sshd.at("user")).unwrap();
    let agent = crate::agent::Agent::holding(&wrong.iter().chain([&right]).collect::<Vec<_>>());
    let mut operator = sshd.operator();
    operator.agent = Some(agent.socket());
    let target = Target { identity_file: None, ..sshd.target() };
    let client = operator.client();
    for _ in 0..2 {
        assert_eq!(output(&client.open(&target).await.unwrap(), "echo hello").await, "hello\n");
    }
}

#[tokio::test]
async fn a_greeting_is_not_taken_for_the_reason_of_a_refusal() {
    let greeting = tempfile::NamedTempFile::new().unwrap();
    fs::write(greeting.path(), "Authorized use only.\n").unwrap();
    let sshd = Sshd::start(&format!("MaxAuthTries 3\nBanner {}", greeting.path().display()));
    let keys: Vec<PrivateKey> = (0..6).map(|_| new_key()).collect();
    let agent = crate::agent::Agent::holding(&keys.iter().collect::<Vec<_>>());
    let mut operator = sshd.operator();
    operator.agent = Some(agent.socket());
    let reason = operator.refused(&Target { identity_file: None, ..sshd.target() }).await;
    let Reason::LoginRefused { offered, said, .. } = reason else { panic!("{reason:?}") };
    assert_eq!((offered.len(), said.as_str()), (6, ""));
}

#[tokio::test]
async fn a_bastion_forwards_or_says_that_it_must_not() {
    let (bastion, host, strict) = (Sshd::start(""), Sshd::start(""), Sshd::start("AllowTcpForwarding no"));
    let operator = Operator::new();
    let pins = [&bastion, &host, &strict].map(|sshd| sshd.pin("ed25519")).concat();
    fs::write(operator.known_hosts(), pins).unwrap();
    let through = |sshd: &Sshd| {
        let Target { address, user, port, identity_file, .. } = sshd.target();
        Target { bastion: Some(Bastion { address, user, port, identity_file }), ..host.target() }
    };
    let connection = operator.client().open(&through(&bastion)).await.unwrap();
    assert_eq!(output(&connection, "echo hello").await, "hello\n");
    let expected = Reason::BastionRefused {
        bastion: "127.0.0.1".to_owned(),
        cause: "it forbids forwarding (AllowTcpForwarding, PermitOpen)".to_owned(),
    };
    assert_eq!(operator.refused(&through(&strict)).await, expected);
}
