//! A file with given content, owner and mode; replaced in one rename.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{Difference, Resource};
use crate::host::script::{Script, quote};
use crate::secret::{Secret, hex};

/// What is in a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// Text that may be shown.
    Text(String),
    /// Content of which only the hash leaves the host.
    Secret(Secret),
    /// A secret that is already there under this SHA-256 and stays.
    Kept(String),
    /// The file must not exist.
    Absent,
}

/// A file owned by root.
#[derive(Clone, Debug)]
pub struct File {
    path: String,
    content: Content,
    mode: u32,
    secret: bool,
    reloaded: bool,
    irreplaceable: bool,
}

impl File {
    /// A file that may be shown in plans and diffs, mode 0644.
    pub fn text(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            content: Content::Text(content.into()),
            mode: 0o644,
            secret: false,
            reloaded: false,
            irreplaceable: false,
        }
    }

    /// A file that is never shown, mode 0600.
    pub fn secret(path: impl Into<String>, content: Content) -> Self {
        Self { path: path.into(), content, mode: 0o600, secret: true, reloaded: false, irreplaceable: false }
    }

    /// No file.
    pub fn absent(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            content: Content::Absent,
            mode: 0,
            secret: true,
            reloaded: false,
            irreplaceable: false,
        }
    }

    /// With this mode.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Its readers notice a change by themselves and need not be restarted: it keeps the time of the file before it.
    #[must_use]
    pub fn reloaded(mut self) -> Self {
        self.reloaded = true;
        self
    }

    /// Nothing else may take its place: whether other content is there is looked at once more when it is written, whatever was
    /// seen before.
    #[must_use]
    pub fn irreplaceable(mut self) -> Self {
        self.irreplaceable = true;
        self
    }

    /// Whether its readers notice a change by themselves.
    pub fn is_reloaded(&self) -> bool {
        self.reloaded
    }

    /// Whether what the probe saw is the content that is wanted, whoever may read it.
    pub fn has_content(&self, seen: &str) -> bool {
        let body = seen.lines().nth(1).unwrap_or_default();
        let sum = body.split_whitespace().next().unwrap_or_default();
        match &self.content {
            Content::Absent => seen.is_empty(),
            Content::Kept(wanted) => sum == wanted,
            Content::Secret(wanted) => sum == wanted.sha256(),
            Content::Text(wanted) => {
                STANDARD.decode(body).is_ok_and(|old| !seen.is_empty() && old == wanted.as_bytes())
            }
        }
    }

    fn differs(&self, word: &str) -> Option<Difference> {
        Some(Difference::new(format!("{}: {word}", self.id())))
    }
}

impl Resource for File {
    fn id(&self) -> String {
        format!("file {}", self.path)
    }

    fn probe(&self) -> String {
        let path = quote(&self.path);
        let content = if self.secret { format!("sha256sum <{path}") } else { format!("base64 -w0 <{path}") };
        format!("[ ! -e {path} ] || {{ stat -c '%a %U:%G' {path}; {content}; }}")
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let mut lines = seen.lines();
        let Some(attributes) = lines.next() else {
            return if matches!(self.content, Content::Absent) { None } else { self.differs("create") };
        };
        match &self.content {
            Content::Absent => return self.differs("remove"),
            _ if self.has_content(seen) => {}
            Content::Text(wanted) => {
                let old = text_of(seen);
                let diff = similar::TextDiff::from_lines(&old, wanted).unified_diff().context_radius(2).to_string();
                return Some(Difference { summary: format!("{}: change", self.id()), diff: Some(diff) });
            }
            Content::Secret(_) | Content::Kept(_) => return self.differs("change (content not shown)"),
        }
        let wanted = format!("{:o} root:root", self.mode);
        if attributes == wanted { None } else { self.differs(&format!("{attributes} → {wanted}")) }
    }

    fn apply(&self) -> Script {
        let path = quote(&self.path);
        let attributes = format!("chown root:root {path}; chmod {:o} {path}", self.mode);
        let bytes = match &self.content {
            Content::Absent => return Script::new(format!("rm -f {path}")),
            Content::Kept(_) => return Script::new(attributes),
            Content::Text(text) => Secret::new(text.as_bytes()),
            Content::Secret(secret) => secret.clone(),
        };
        let name = format!("file-{}", hex(&Sha256::digest(&self.path)[..4]));
        let new = quote(&format!("{}.forge-new", self.path));
        // A key whose bytes are lost with the power, and its name is not, is lost for good; not every file system writes the
        // bytes before the name (ext4 does where it replaces a file, XFS does not).
        let sync = if matches!(self.content, Content::Secret(_)) { format!("sync {new}\n") } else { String::new() };
        // Who looks at a file's time to see whether it was read shall not be misled by another mode.
        let same = if self.reloaded { format!("[ -e {path} ]") } else { format!("cmp -s {new} {path}") };
        let guard = if self.irreplaceable {
            format!(
                "if [ -e {path} ] && ! cmp -s \"$FORGE/{name}\" {path}; then\n\
                 echo {path}' is there by now, with other content, and stays: it cannot be made again'\nexit 1\nfi\n"
            )
        } else {
            String::new()
        };
        Script::new(format!(
            "{guard}mkdir -p \"$(dirname {path})\"\ninstall -o root -g root -m {:o} \"$FORGE/{name}\" {new}\n\
             if {same}; then touch -r {path} {new}; fi\n{sync}mv -f {new} {path}",
            self.mode
        ))
        .file(&name, bytes)
    }
}

/// The text behind the probe's first line; bytes that are none are replaced.
pub fn text_of(seen: &str) -> String {
    let bytes = STANDARD.decode(seen.lines().nth(1).unwrap_or_default()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(attributes: &str, content: &str) -> String {
        format!("{attributes}\n{}", STANDARD.encode(content))
    }

    #[test]
    fn a_file_is_compared_by_content_then_by_attributes() {
        let file = File::text("/etc/x", "one\n");
        assert_eq!(file.differ("").unwrap().summary, "file /etc/x: create");
        assert_eq!(file.differ(&seen("644 root:root", "one\n")), None);
        assert_eq!(
            file.differ(&seen("600 root:root", "one\n")).unwrap().summary,
            "file /etc/x: 600 root:root → 644 root:root"
        );
        let changed = file.differ(&seen("644 root:root", "two\n")).unwrap();
        assert_eq!(changed.summary, "file /etc/x: change");
        assert_eq!(changed.diff.unwrap(), "@@ -1 +1 @@\n-two\n+one\n");
    }

    #[test]
    fn an_irreplaceable_file_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("key"), folder.path().join("new"));
        let file = |content: &str| {
            File::secret(path.display().to_string(), Content::Secret(Secret::new(content))).irreplaceable()
        };
        let apply = |content: &str| {
            let script = file(content).apply();
            std::fs::create_dir_all(&new).unwrap();
            script.files().iter().for_each(|(name, text)| std::fs::write(new.join(name), text.expose()).unwrap());
            let text = format!("set -eu\n{}", script.text());
            let output = std::process::Command::new("sh").arg("-c").arg(text).env("FORGE", &new).output().unwrap();
            (
                output.status.success(),
                String::from_utf8(output.stdout).unwrap(),
                std::fs::read_to_string(&path).unwrap(),
            )
        };
        assert_eq!(apply("first"), (true, String::new(), "first".to_owned()));
        assert_eq!(apply("first"), (true, String::new(), "first".to_owned()));
        let (succeeded, said, left) = apply("second");
        assert!(!succeeded && said.contains("is there by now, with other content, and stays"), "{said}");
        assert_eq!(left, "first");
    }

    #[test]
    fn a_secret_file_is_compared_by_hash_and_never_shown() {
        let file = File::secret("/etc/key", Content::Secret(Secret::new("swordfish")));
        let sum = Secret::new("swordfish").sha256();
        assert_eq!(file.differ(&format!("600 root:root\n{sum}  -")), None);
        let changed = file.differ("600 root:root\nabc  -").unwrap();
        assert_eq!((changed.summary.as_str(), changed.diff), ("file /etc/key: change (content not shown)", None));
        assert!(!file.apply().text().contains("swordfish"));
    }
}
