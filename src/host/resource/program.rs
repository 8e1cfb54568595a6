//! A program from the network: one file of an archive that is compared with its pin before it is unpacked.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// An archive for one architecture.
#[derive(Clone, Debug)]
pub struct Archive {
    /// As Debian names it: `amd64`.
    pub architecture: String,
    /// `http://` or `https://`, of a gzipped tar.
    pub url: String,
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The program's path in the archive.
    pub member: String,
}

/// A program of root's in a folder of its own, beside the pin of the archive that it came from.
#[derive(Clone, Debug)]
pub struct Program {
    name: String,
    folder: String,
    archives: Vec<Archive>,
}

/// Where programs are kept. Not in a folder of `PATH`: they are forge's, not the host's.
const FOLDER: &str = "/usr/local/lib/forge";

impl Program {
    /// The program `name` at this version.
    pub fn new(name: &str, version: &str, archives: Vec<Archive>) -> Self {
        Self { name: name.to_owned(), folder: format!("{FOLDER}/{name}-{version}"), archives }
    }

    /// Where it lies.
    pub fn path(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }
}

impl Resource for Program {
    fn id(&self) -> String {
        format!("program {}", self.path())
    }

    /// Two lines: owner and mode, and the pin. Folder and pin appear together, so what is there is whole.
    fn probe(&self) -> String {
        format!("stat -c '%a %U:%G' {}; cat {}", quote(&self.path()), quote(&format!("{}/sha256", self.folder)))
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let word = match seen.lines().collect::<Vec<_>>()[..] {
            ["755 root:root", pin] if self.archives.iter().any(|archive| archive.sha256 == pin) => return None,
            ["755 root:root", _] => "replace (another archive)".to_owned(),
            [attributes, _] => format!("{attributes} → 755 root:root"),
            _ => "install".to_owned(),
        };
        Some(Difference::new(format!("{}: {word}", self.id())))
    }

    fn apply(&self) -> Script {
        let cases: String = self
            .archives
            .iter()
            .map(|Archive { architecture, url, sha256, member }| {
                let (architecture, url, member) = (quote(architecture), quote(url), quote(member));
                format!("{architecture}) url={url}; sum={sha256}; member={member} ;;\n")
            })
            .collect();
        let (folder, new) = (quote(&self.folder), quote(&format!("{}.forge-new", self.folder)));
        Script::new(format!(
            "architecture=$(dpkg --print-architecture)\ncase $architecture in\n{cases}\
             *) echo \"there is no {name} for $architecture\"; exit 1 ;;\nesac\n\
             rm -rf {new}\nmkdir -p {new}\n\
             /usr/lib/apt/apt-helper download-file \"$url\" {new}/archive \"SHA256:$sum\"\n\
             tar -xzOf {new}/archive \"$member\" >{new}/{name}\nrm {new}/archive\n\
             printf '%s\\n' \"$sum\" >{new}/sha256\n\
             chown -R root:root {new}\nchmod 755 {new} {new}/{name}\n\
             for old in {FOLDER}/{name}-*; do [ \"$old\" = {new} ] || rm -rf \"$old\"; done\nmv {new} {folder}",
            name = quote(&self.name),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_compared_by_the_pin_of_its_archive() {
        let archive = |architecture: &str, sha256: &str| Archive {
            architecture: architecture.to_owned(),
            url: format!("https://example.com/{architecture}.tar.gz"),
            sha256: sha256.to_owned(),
            member: "helm".to_owned(),
        };
        let program = Program::new("helm", "4.3.0", vec![archive("amd64", "aaa"), archive("arm64", "bbb")]);
        let summary = |seen: &str| program.differ(seen).map(|difference| difference.summary);
        let id = "program /usr/local/lib/forge/helm-4.3.0/helm";
        assert_eq!(summary("755 root:root\nbbb"), None);
        assert_eq!(summary(""), Some(format!("{id}: install")));
        assert_eq!(summary("755 root:root\nccc"), Some(format!("{id}: replace (another archive)")));
        assert_eq!(summary("700 ops:ops\naaa"), Some(format!("{id}: 700 ops:ops → 755 root:root")));
    }
}
