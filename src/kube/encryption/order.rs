//! Who writes and who only reads: an encryption configuration as one ordered list, and the three lists of a rotation.

use super::{EncryptionFile, EncryptionKey, Provider};
use crate::inventory::cluster::EncryptionProvider;

/// What shall encrypt everything that is written.
#[derive(Clone, Debug)]
pub enum Writer {
    /// A key.
    Key(EncryptionProvider, EncryptionKey),
    /// Nothing: plaintext.
    Plaintext,
}

/// One element of the list: a key with its cipher, or plaintext.
type Entry = Writer;

impl Writer {
    /// The key's name, or the API server's word for plaintext.
    pub fn name(&self) -> &str {
        match self {
            Self::Key(_, key) => &key.name,
            Self::Plaintext => "identity",
        }
    }

    /// The API server's word for the cipher.
    pub fn provider(&self) -> &'static str {
        match self {
            Self::Key(kind, _) => kind.as_str(),
            Self::Plaintext => "identity",
        }
    }

    /// What the value of everything that it wrote begins with in etcd; empty for plaintext.
    pub fn prefix(&self) -> String {
        match self {
            Self::Key(kind, key) => format!("k8s:enc:{}:v1:{}:", kind.as_str(), key.name),
            Self::Plaintext => String::new(),
        }
    }
}

impl EncryptionFile {
    /// With `writer` as a reader behind the one that writes now; unchanged when it is in the list already.
    #[must_use]
    pub fn reads(&self, writer: &Writer) -> Self {
        let mut entries = self.entries();
        if !entries.iter().any(|entry| entry.name() == writer.name()) {
            entries.insert(entries.len().min(1), writer.clone());
        }
        self.with(entries)
    }

    /// With `writer` first; all others go on reading.
    #[must_use]
    pub fn writes(&self, writer: &Writer) -> Self {
        let others = self.entries().into_iter().filter(|entry| entry.name() != writer.name());
        self.with(std::iter::once(writer.clone()).chain(others).collect())
    }

    /// With `writer` alone. Plaintext stays readable, as in a new cluster's file.
    #[must_use]
    pub fn only(&self, writer: &Writer) -> Self {
        let mut entries = vec![writer.clone()];
        if matches!(writer, Writer::Key(..)) {
            entries.push(Writer::Plaintext);
        }
        self.with(entries)
    }

    /// The element with this name.
    pub fn entry(&self, name: &str) -> Option<Writer> {
        self.entries().into_iter().find(|entry| entry.name() == name)
    }

    /// The first element: it encrypts what is written.
    pub fn first(&self) -> Option<Writer> {
        self.entries().into_iter().next()
    }

    fn entries(&self) -> Vec<Entry> {
        let entries = |provider: &Provider| match provider {
            Provider::Local { kind, keys } => keys.iter().map(|key| Writer::Key(*kind, key.clone())).collect(),
            Provider::Identity => vec![Writer::Plaintext],
        };
        self.providers.iter().flat_map(entries).collect()
    }

    /// Neighbours of one cipher share an entry of the file.
    fn with(&self, entries: Vec<Entry>) -> Self {
        let mut providers: Vec<Provider> = Vec::new();
        for entry in entries {
            match (entry, providers.last_mut()) {
                (Writer::Plaintext, _) => providers.push(Provider::Identity),
                (Writer::Key(cipher, key), Some(Provider::Local { kind, keys })) if *kind == cipher => keys.push(key),
                (Writer::Key(kind, key), _) => providers.push(Provider::Local { kind, keys: vec![key] }),
            }
        }
        Self { resources: self.resources.clone(), providers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn key(kind: EncryptionProvider, name: &str) -> Writer {
        Writer::Key(kind, EncryptionKey { name: name.to_owned(), secret: Secret::new(vec![1; 32]) })
    }

    fn file(entries: Vec<Writer>) -> EncryptionFile {
        EncryptionFile { resources: vec!["secrets".to_owned()], providers: Vec::new() }.with(entries)
    }

    /// `secretbox(a b) identity`.
    fn shown(file: &EncryptionFile) -> String {
        let provider = |provider: &Provider| match provider {
            Provider::Identity => "identity".to_owned(),
            Provider::Local { kind, keys } => {
                let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
                format!("{}({})", kind.as_str(), names.join(" "))
            }
        };
        file.providers.iter().map(provider).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_rotation_is_three_lists_whatever_it_comes_from_and_goes_to() {
        use EncryptionProvider::{Aescbc, Secretbox};
        let (old, new) = (|| key(Secretbox, "old"), || key(Secretbox, "new"));
        let plain = || Writer::Plaintext;
        let table: &[(Vec<Writer>, Writer, [&str; 3])] = &[
            // A new key.
            (
                vec![old(), plain()],
                new(),
                ["secretbox(old new) identity", "secretbox(new old) identity", "secretbox(new) identity"],
            ),
            // Another provider.
            (
                vec![old(), plain()],
                key(Aescbc, "new"),
                ["secretbox(old) aescbc(new) identity", "aescbc(new) secretbox(old) identity", "aescbc(new) identity"],
            ),
            // First-time encryption: the key only reads before it writes.
            (vec![plain()], new(), ["identity secretbox(new)", "secretbox(new) identity", "secretbox(new) identity"]),
            // Encryption off.
            (vec![old(), plain()], plain(), ["secretbox(old) identity", "identity secretbox(old)", "identity"]),
            (vec![old()], plain(), ["secretbox(old) identity", "identity secretbox(old)", "identity"]),
            // Somebody's own list with several keys: all of them read until nothing needs them.
            (
                vec![old(), key(Aescbc, "older"), key(Secretbox, "oldest")],
                new(),
                [
                    "secretbox(old new) aescbc(older) secretbox(oldest)",
                    "secretbox(new old) aescbc(older) secretbox(oldest)",
                    "secretbox(new) identity",
                ],
            ),
        ];
        for (start, writer, [prepared, promoted, pruned]) in table {
            let start = file(start.clone());
            let second = start.reads(writer);
            assert_eq!(shown(&second), *prepared);
            assert_eq!(shown(&second.writes(writer)), *promoted);
            assert_eq!(shown(&second.only(writer)), *pruned);
            // A run that goes on has only a later list to begin with.
            assert_eq!(shown(&second.writes(writer).writes(writer)), *promoted);
            assert_eq!(shown(&second.reads(writer)), *prepared);
        }
    }
}
