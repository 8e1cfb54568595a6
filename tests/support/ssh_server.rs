//! An SSH server inside the test's process: it logs what it is asked, and misbehaves on purpose when told to.
//!
//! ```ignore
//! let host = SshServer::new().shell("/path/with/a/fake/sudo").start();
//! fs::write("known_hosts", host.known_hosts_line());
//! // … log in as `ops` with `host.identity_file()` at 127.0.0.1, port `host.port()` …
//! assert_eq!(host.commands(), ["sudo -n /bin/sh -s"]);
//! ```

mod job;
mod visitor;

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use russh::MethodKind;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PrivateKey};
use russh::server::{Config, run_stream};
use tempfile::TempDir;
use tokio::sync::oneshot;
use visitor::Visitor;

/// What a command answers when no shell runs it.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub status: u32,
    /// Cuts the server's connections instead.
    pub cuts: bool,
}

impl Reply {
    /// Exit status 0 and this output.
    pub fn ok(stdout: impl Into<Vec<u8>>) -> Self {
        Self { stdout: stdout.into(), ..Self::default() }
    }

    /// This exit status and this error output.
    pub fn failed(status: u32, stderr: impl Into<Vec<u8>>) -> Self {
        Self { stderr: stderr.into(), status, ..Self::default() }
    }

    /// No answer: the machine loses its network.
    pub fn cut() -> Self {
        Self { cuts: true, ..Self::default() }
    }
}

type Answer = dyn Fn(&str, Vec<u8>) -> Reply + Send + Sync;
type Converse = dyn Fn(&str, &[u8]) -> Option<Reply> + Send + Sync;

/// What runs a command.
#[derive(Clone)]
enum Runner {
    /// Called when the input has ended.
    Closure(Arc<Answer>),
    /// Called whenever there is more input, on a thread of its own, until it has an answer.
    Dialogue(Arc<Converse>),
    /// `/bin/sh -c`, with these folders before the rest of `PATH`.
    Shell { shims: Vec<PathBuf>, environment: Vec<(String, OsString)> },
}

/// How the server behaves. Every method but [`SshServer::start`] changes one thing.
#[derive(Clone)]
pub struct SshServer {
    address: Ipv4Addr,
    user: String,
    host_keys: Vec<PrivateKey>,
    certificates: Vec<Certificate>,
    user_key: PrivateKey,
    accepts: Vec<MethodKind>,
    runner: Runner,
    refused_channels: usize,
    sessions: usize,
    forwards: bool,
    silent: bool,
    silent_login: bool,
    refuses_key: bool,
    wants_more: bool,
    refuses_commands: bool,
    cut_by: Option<String>,
    no_status_for: Option<String>,
    hung_up_by: Option<String>,
}

/// A fresh Ed25519 key.
pub fn new_key() -> PrivateKey {
    new_key_of(Algorithm::Ed25519)
}

/// A fresh key of this type. RSA keys come from ssh-keygen: without optimisation ours takes many seconds.
pub fn new_key_of(algorithm: Algorithm) -> PrivateKey {
    if !matches!(algorithm, Algorithm::Rsa { .. }) {
        return PrivateKey::random(&mut rand::rng(), algorithm).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let mut keygen = std::process::Command::new("ssh-keygen");
    assert!(keygen.args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f"]).arg(&path).status().unwrap().success());
    PrivateKey::read_openssh_file(&path).unwrap()
}

/// ECDSA over NIST P-256.
pub const ECDSA: Algorithm = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };

impl SshServer {
    /// Accepts the user `ops` with one key, and answers every command with status 0 and no output.
    pub fn new() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST,
            user: "ops".to_owned(),
            host_keys: vec![new_key()],
            certificates: Vec::new(),
            user_key: new_key(),
            accepts: vec![MethodKind::PublicKey],
            runner: Runner::Closure(Arc::new(|_, _| Reply::default())),
            refused_channels: 0,
            sessions: usize::MAX,
            forwards: false,
            silent: false,
            silent_login: false,
            refuses_key: false,
            wants_more: false,
            refuses_commands: false,
            cut_by: None,
            no_status_for: None,
            hung_up_by: None,
        }
    }

    /// Listens on another address of this machine.
    pub fn address(mut self, address: Ipv4Addr) -> Self {
        self.address = address;
        self
    }

    /// Accepts another login name.
    pub fn user(mut self, name: &str) -> Self {
        self.user = name.to_owned();
        self
    }

    /// Shows these host keys.
    pub fn host_keys(mut self, keys: impl IntoIterator<Item = PrivateKey>) -> Self {
        self.host_keys = keys.into_iter().collect();
        self
    }

    /// Has host certificates too.
    pub fn host_certificate(mut self, certificate: Certificate) -> Self {
        self.certificates.push(certificate);
        self
    }

    /// Accepts this key of the user.
    pub fn user_key(mut self, key: PrivateKey) -> Self {
        self.user_key = key;
        self
    }

    /// Answers a command, once its input has ended, with what the closure says.
    pub fn answer(mut self, answer: impl Fn(&str, Vec<u8>) -> Reply + Send + Sync + 'static) -> Self {
        self.runner = Runner::Closure(Arc::new(answer));
        self
    }

    /// Answers a command as soon as the closure has enough of its input; the command ends when its input does.
    pub fn converses(mut self, converse: impl Fn(&str, &[u8]) -> Option<Reply> + Send + Sync + 'static) -> Self {
        self.runner = Runner::Dialogue(Arc::new(converse));
        self
    }

    /// Runs commands for real with `/bin/sh -c`, programs in `shims` before those of the machine.
    pub fn shell(mut self, shims: impl Into<PathBuf>) -> Self {
        self.runner = match self.runner {
            Runner::Shell { shims: mut folders, environment } => {
                folders.push(shims.into());
                Runner::Shell { shims: folders, environment }
            }
            Runner::Closure(_) | Runner::Dialogue(_) => {
                Runner::Shell { shims: vec![shims.into()], environment: Vec::new() }
            }
        };
        self
    }

    /// Sets a variable for commands run by the shell.
    pub fn environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        if let Runner::Shell { environment, .. } = &mut self.runner {
            environment.push((name.to_owned(), value.into()));
        }
        self
    }

    /// Refuses the first channels for now, as sshd does when its `MaxSessions` are taken.
    pub fn refuses_channels(mut self, count: usize) -> Self {
        self.refused_channels = count;
        self
    }

    /// Allows so many commands at once on one connection.
    pub fn max_sessions(mut self, count: usize) -> Self {
        self.sessions = count;
        self
    }

    /// Forwards connections, as a bastion does.
    pub fn forwards(mut self) -> Self {
        self.forwards = true;
        self
    }

    /// Accepts TCP connections and never says a word.
    pub fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// Never answers a login.
    pub fn silent_login(mut self) -> Self {
        self.silent_login = true;
        self
    }

    /// Accepts no key.
    pub fn refuses_keys(mut self) -> Self {
        self.refuses_key = true;
        self
    }

    /// Says that these login methods go on.
    pub fn accepts(mut self, methods: impl IntoIterator<Item = MethodKind>) -> Self {
        self.accepts = methods.into_iter().collect();
        self
    }

    /// Wants a password after the key.
    pub fn wants_more(mut self) -> Self {
        self.wants_more = true;
        self
    }

    /// Runs no commands.
    pub fn refuses_commands(mut self) -> Self {
        self.refuses_commands = true;
        self
    }

    /// Cuts the TCP connection when a command with this in its text begins.
    pub fn cuts_at(mut self, text: &str) -> Self {
        self.cut_by = Some(text.to_owned());
        self
    }

    /// Closes the channel of such a command without an exit status.
    pub fn no_status_for(mut self, text: &str) -> Self {
        self.no_status_for = Some(text.to_owned());
        self
    }

    /// Sends exit status 0 for such a command, and hangs up before the end of its output.
    pub fn hangs_up_after_status_of(mut self, text: &str) -> Self {
        self.hung_up_by = Some(text.to_owned());
        self
    }

    /// Listens on a free port until the returned value is dropped. Needs no runtime around it.
    pub fn start(self) -> RunningServer {
        let listener = TcpListener::bind((self.address, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let identity = folder.path().join("id_ed25519");
        self.user_key.write_openssh_file(&identity, LineEnding::LF).unwrap();
        let shared = Arc::new(Shared { behaviour: Mutex::new(self), log: Mutex::default() });
        let (stop, stopped) = oneshot::channel::<()>();
        let served = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = serve(listener, served) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        RunningServer { port, shared, identity, _folder: folder, stop: Some(stop), thread: Some(thread) }
    }
}

/// What the server has seen.
#[derive(Default)]
struct Log {
    connections: usize,
    logins: Vec<String>,
    commands: Vec<String>,
    inputs: Vec<(String, Vec<u8>)>,
    forwarded: Vec<String>,
    sockets: Vec<TcpStream>,
}

struct Shared {
    behaviour: Mutex<SshServer>,
    log: Mutex<Log>,
}

impl Shared {
    fn cut_connections(&self) {
        for socket in self.log.lock().unwrap().sockets.drain(..) {
            drop(socket.shutdown(Shutdown::Both));
        }
    }
}

/// A server that listens.
pub struct RunningServer {
    port: u16,
    shared: Arc<Shared>,
    identity: PathBuf,
    _folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl RunningServer {
    /// Where it listens.
    pub fn address(&self) -> Ipv4Addr {
        self.shared.behaviour.lock().unwrap().address
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The private key that it accepts, in a file.
    pub fn identity_file(&self) -> &Path {
        &self.identity
    }

    /// The line of `known_hosts` that pins its first host key.
    pub fn known_hosts_line(&self) -> String {
        let key = self.shared.behaviour.lock().unwrap().host_keys[0].public_key().to_openssh().unwrap();
        format!("[{}]:{} {}\n", self.address(), self.port, key.trim())
    }

    /// The fingerprint of its first host key.
    pub fn fingerprint(&self) -> String {
        self.shared.behaviour.lock().unwrap().host_keys[0].fingerprint(HashAlg::Sha256).to_string()
    }

    /// From the next connection on it shows another host key.
    pub fn replaces_its_key(&self) {
        self.changes(|server| server.host_keys([new_key()]));
    }

    /// From the next connection on it behaves otherwise.
    pub fn changes(&self, change: impl FnOnce(SshServer) -> SshServer) {
        let mut behaviour = self.shared.behaviour.lock().unwrap();
        *behaviour = change(behaviour.clone());
    }

    /// Cuts all TCP connections, as a machine that loses its network.
    pub fn cut_connections(&self) {
        self.shared.cut_connections();
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.log().connections
    }

    /// Every key that was tried, as `user SHA256:…`.
    pub fn logins(&self) -> Vec<String> {
        self.log().logins.clone()
    }

    /// Every command, in the order in which they came.
    pub fn commands(&self) -> Vec<String> {
        self.log().commands.clone()
    }

    /// Everything that was written to the input of the commands that have this in their text.
    pub fn input_of(&self, text: &str) -> Vec<u8> {
        self.log()
            .inputs
            .iter()
            .filter(|(command, _)| command.contains(text))
            .flat_map(|(_, input)| input.clone())
            .collect()
    }

    /// Every connection it forwarded, as `address:port`.
    pub fn forwarded(&self) -> Vec<String> {
        self.log().forwarded.clone()
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.shared.log.lock().unwrap()
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.cut_connections();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let stream = stream.into_std().unwrap();
        let behaviour = shared.behaviour.lock().unwrap().clone();
        {
            let mut log = shared.log.lock().unwrap();
            log.connections += 1;
            log.sockets.push(stream.try_clone().unwrap());
        }
        if behaviour.silent {
            continue;
        }
        let config = Arc::new(Config {
            keys: behaviour.host_keys.clone(),
            certificates: behaviour.certificates.clone(),
            auth_rejection_time: Duration::ZERO,
            inactivity_timeout: None,
            nodelay: true,
            ..Config::default()
        });
        let socket = stream.try_clone().unwrap();
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        stream.set_nodelay(true).unwrap();
        let open = Arc::new(AtomicUsize::new(0));
        let visitor = Visitor { behaviour, shared: Arc::clone(&shared), socket, inputs: HashMap::new(), open };
        tokio::spawn(async move {
            // How a connection ends is the client's to judge.
            if let Ok(session) = run_stream(config, stream, visitor).await {
                drop(session.await);
            }
        });
    }
}
