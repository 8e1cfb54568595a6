//! The `known_hosts` file: which keys are pinned for which hosts, and how a key is added.
//!
//! Stricter than most: a host whose pinned keys are all of other types than the one it shows is a host with a changed
//! key; a certificate authority's line never matches a plain key; a non-standard port is looked up with the port only.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use russh::keys::Algorithm;

use super::host_key::HostKey;
use super::host_pattern::HostPattern;
use super::target::known_hosts_name;
use crate::disk;

/// The pinned host keys.
#[derive(Debug)]
pub struct KnownHosts {
    path: PathBuf,
    pins: Vec<Pin>,
}

/// What the file says about a key that a host shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Pinned for this host.
    Trusted,
    /// Nothing is pinned for this host.
    Unknown,
    /// Something else is pinned for this host.
    Changed {
        /// The first line with another key; lines count from 1.
        line: usize,
    },
    /// Marked `@revoked`.
    Revoked {
        /// The line that says so.
        line: usize,
    },
}

/// One line of the file that says something.
#[derive(Debug)]
struct Pin {
    line: usize,
    revoked: bool,
    hosts: HostPattern,
    key: HostKey,
}

impl KnownHosts {
    /// Reads the file; one that does not exist pins nothing. Lines that cannot be understood are skipped, as ssh does.
    ///
    /// # Errors
    /// The operating system's error when the file exists and cannot be read.
    pub fn load(path: &Path) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.to_owned(), pins: parse(&text) })
    }

    /// The file it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Judges a key that the host at `address` and `port` shows.
    pub fn check(&self, address: &str, port: u16, key: &HostKey) -> Verdict {
        let pins: Vec<&Pin> = self.about(address, port).collect();
        if let Some(pin) = pins.iter().find(|pin| pin.revoked && pin.key == *key) {
            return Verdict::Revoked { line: pin.line };
        }
        let mut trusted = pins.iter().filter(|pin| !pin.revoked).peekable();
        match trusted.peek().map(|pin| pin.line) {
            None => Verdict::Unknown,
            Some(_) if trusted.any(|pin| pin.key == *key) => Verdict::Trusted,
            Some(line) => Verdict::Changed { line },
        }
    }

    /// The key types pinned for a host: it should be asked for one of these.
    pub(super) fn kinds(&self, address: &str, port: u16) -> Vec<Algorithm> {
        self.about(address, port).filter(|pin| !pin.revoked).map(|pin| pin.key.kind()).collect()
    }

    /// Pins one more key at the end of the file, which is created (0600) when it is missing.
    ///
    /// # Errors
    /// The operating system's error when the file cannot be read or written.
    pub fn append(&mut self, address: &str, port: u16, key: &HostKey) -> io::Result<()> {
        self.rewrite(|text| text.to_owned(), &key.line(address, port))
    }

    /// Pins a key instead of older ones of the same type for the same host. A line that covers more hosts by a wildcard
    /// is left as it is.
    ///
    /// # Errors
    /// The operating system's error when the file cannot be read or written.
    pub fn replace(&mut self, address: &str, port: u16, key: &HostKey) -> io::Result<()> {
        let name = known_hosts_name(address, port);
        let kept =
            |text: &str| text.split_inclusive('\n').filter_map(|line| without_host(line, &name, &key.kind())).collect();
        self.rewrite(kept, &key.line(address, port))
    }

    fn about(&self, address: &str, port: u16) -> impl Iterator<Item = &Pin> {
        let name = known_hosts_name(address, port);
        self.pins.iter().filter(move |pin| pin.hosts.covers(&name))
    }

    /// Replaces the file in one move, so that nobody ever reads half of it.
    fn rewrite(&mut self, change: impl Fn(&str) -> String, line: &str) -> io::Result<()> {
        let (path, mode, old) = match fs::canonicalize(&self.path) {
            Ok(path) => (path.clone(), fs::metadata(&path)?.permissions().mode(), fs::read(&path)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (self.path.clone(), 0o600, Vec::new()),
            Err(error) => return Err(error),
        };
        let mut text = change(&String::from_utf8_lossy(&old));
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');

        disk::replace(&path, text.as_bytes(), mode)?;
        self.pins = parse(&text);
        Ok(())
    }
}

fn parse(text: &str) -> Vec<Pin> {
    text.lines().enumerate().filter_map(|(index, line)| Pin::parse(line, index + 1)).collect()
}

impl Pin {
    /// `[@marker] hosts type key [comment]`. `None` for anything that pins no plain key of a known type.
    fn parse(text: &str, line: usize) -> Option<Self> {
        let mut fields = text.split([' ', '\t', '\r']).filter(|field| !field.is_empty()).peekable();
        if fields.peek()?.starts_with('#') {
            return None;
        }
        let revoked = match *fields.peek()? {
            "@revoked" => true,
            marker if marker.starts_with('@') => return None,
            _ => false,
        };
        if revoked {
            fields.next();
        }
        let hosts = HostPattern::parse(fields.next()?)?;
        let key = HostKey::parse(fields.next()?, fields.next()?)?;
        Some(Self { line, revoked, hosts, key })
    }
}

/// The line, without `name` when it pins a key of this type for it; `None` when nothing is left.
fn without_host(line: &str, name: &str, kind: &Algorithm) -> Option<String> {
    let Some(pin) = Pin::parse(line, 0).filter(|pin| !pin.revoked && pin.key.kind() == *kind) else {
        return Some(line.to_owned());
    };
    match pin.hosts {
        HostPattern::Hashed { .. } => (!pin.hosts.covers(name)).then(|| line.to_owned()),
        HostPattern::Names(names) if names.iter().any(|listed| listed == name) => {
            let others: Vec<&str> = names.iter().map(String::as_str).filter(|listed| *listed != name).collect();
            let rest = line.trim_start().split_once([' ', '\t'])?.1;
            (!others.is_empty()).then(|| format!("{} {rest}", others.join(",")))
        }
        HostPattern::Names(_) => Some(line.to_owned()),
    }
}

#[cfg(test)]
mod tests;
