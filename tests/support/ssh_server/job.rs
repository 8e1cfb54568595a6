//! One command on the server: a closure's answer, or a real shell.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use russh::server::Handle;
use russh::{ChannelId, Sig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::mpsc;

use super::{Answer, Converse, Reply, Shared};

/// A command being run.
pub(super) struct Job {
    pub(super) id: ChannelId,
    pub(super) handle: Handle,
    pub(super) open: Arc<AtomicUsize>,
    pub(super) shared: Arc<Shared>,
}

impl Job {
    pub(super) async fn answer(
        self,
        command: String,
        mut input: mpsc::UnboundedReceiver<Vec<u8>>,
        answer: Arc<Answer>,
    ) {
        let mut bytes = Vec::new();
        while let Some(piece) = input.recv().await {
            self.log_input(&command, &piece);
            bytes.extend(piece);
        }
        let Reply { stdout, stderr, status, .. } = answer(&command, bytes);
        drop(self.handle.data(self.id, stdout).await);
        drop(self.handle.extended_data(self.id, 1, stderr).await);
        self.end(Some(status), None).await;
    }

    pub(super) async fn converse(
        self,
        command: String,
        mut input: mpsc::UnboundedReceiver<Vec<u8>>,
        converse: Arc<Converse>,
    ) {
        let (mut bytes, mut ended) = (Vec::new(), None);
        let mut open = true;
        while open {
            // The end of the input is asked about too: a command may need none.
            let piece = input.recv().await;
            open = piece.is_some();
            let piece = piece.unwrap_or_default();
            self.log_input(&command, &piece);
            bytes.extend(piece);
            if ended.is_some() {
                continue;
            }
            let (asked, so_far, converse) = (command.clone(), bytes.clone(), Arc::clone(&converse));
            let answer = tokio::task::spawn_blocking(move || converse(&asked, &so_far)).await.unwrap();
            let Some(Reply { stdout, stderr, status, cuts }) = answer else { continue };
            if cuts {
                return self.shared.cut_connections();
            }
            drop(self.handle.data(self.id, stdout).await);
            drop(self.handle.extended_data(self.id, 1, stderr).await);
            ended = Some(status);
            if status != 0 {
                break;
            }
        }
        self.end(ended, None).await;
    }

    /// Input that does not end is a lock held: the shell lives until the channel or the connection is gone.
    pub(super) async fn shell(
        self,
        command: String,
        mut input: mpsc::UnboundedReceiver<Vec<u8>>,
        shims: Vec<PathBuf>,
        environment: Vec<(String, OsString)>,
    ) {
        let machine = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(shims.into_iter().chain(std::env::split_paths(&machine))).unwrap();
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(&command)
            .env("PATH", path)
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (mut stdin, mut stdout, mut stderr) =
            (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let feeding = async {
            while let Some(piece) = input.recv().await {
                self.log_input(&command, &piece);
                // A command that does not read its input is no reason to stop logging it.
                drop(stdin.write_all(&piece).await);
            }
            drop(stdin);
            std::future::pending::<()>().await;
        };
        let working = async {
            let out = async {
                let mut buffer = vec![0; 1 << 15];
                while let Ok(count @ 1..) = stdout.read(&mut buffer).await {
                    drop(self.handle.data(self.id, buffer[..count].to_vec()).await);
                }
            };
            let err = async {
                let mut buffer = vec![0; 1 << 15];
                while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
                    drop(self.handle.extended_data(self.id, 1, buffer[..count].to_vec()).await);
                }
            };
            tokio::join!(out, err);
            child.wait().await.unwrap()
        };
        let status = tokio::select! {
            status = working => status,
            () = feeding => unreachable!("it waits for ever"),
        };
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        self.end(status.code().and_then(|code| u32::try_from(code).ok()), signal).await;
    }

    fn log_input(&self, command: &str, piece: &[u8]) {
        let mut log = self.shared.log.lock().unwrap();
        match log.inputs.iter_mut().find(|(of, _)| of == command) {
            Some((_, input)) => input.extend(piece),
            None => log.inputs.push((command.to_owned(), piece.to_vec())),
        }
    }

    async fn end(&self, status: Option<u32>, signal: Option<i32>) {
        // Before the client can know that the channel is gone, and ask for the next.
        self.open.fetch_sub(1, Ordering::SeqCst);
        if let Some(status) = status {
            let _ = self.handle.exit_status_request(self.id, status).await;
        }
        if let Some(signal) = signal {
            let name = if signal == 15 { Sig::TERM } else { Sig::KILL };
            let _ = self.handle.exit_signal_request(self.id, name, false, String::new(), String::new()).await;
        }
        let _ = self.handle.eof(self.id).await;
        let _ = self.handle.close(self.id).await;
    }
}
