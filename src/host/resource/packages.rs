//! Debian packages at wanted versions, in one run of the package manager.

use super::apt::APT;
use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// One package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The version without the Debian revision (`1.36.5` accepts `1.36.5-1.1`), or its beginning (`1.36`); `None` takes
    /// what the repository prefers.
    pub version: Option<String>,
    /// Whether nobody else may upgrade it.
    pub held: bool,
}

impl Package {
    fn accepts(&self, installed: &str) -> bool {
        let rest = self.version.as_deref().map_or(Some("-"), |wanted| installed.strip_prefix(wanted));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '~']))
    }
}

/// Packages that are installed together.
#[derive(Clone, Debug)]
pub struct Packages {
    title: String,
    packages: Vec<Package>,
    sources: Vec<String>,
    replaced: Vec<String>,
}

impl Packages {
    /// `title` names the group in plans.
    pub fn new(title: &str, packages: Vec<Package>) -> Self {
        Self { title: title.to_owned(), packages, sources: Vec::new(), replaced: Vec::new() }
    }

    /// The lists in `sources.list.d` that held packages come from. They have to be readable; any other repository of the
    /// host may be dead.
    #[must_use]
    pub fn from_sources(mut self, paths: &[&str]) -> Self {
        self.sources = paths.iter().map(|path| (*path).to_owned()).collect();
        self
    }

    /// Packages that these take the place of. No other is removed.
    #[must_use]
    pub fn replacing(mut self, packages: Vec<String>) -> Self {
        self.replaced = packages;
        self
    }

    fn names(&self) -> String {
        self.packages.iter().map(|package| quote(&package.name)).collect::<Vec<_>>().join(" ")
    }

    fn held(&self) -> String {
        let held = self.packages.iter().filter(|package| package.held);
        held.map(|package| quote(&package.name)).collect::<Vec<_>>().join(" ")
    }
}

impl Resource for Packages {
    fn id(&self) -> String {
        format!("packages {}", self.title)
    }

    fn probe(&self) -> String {
        let names = self.names();
        format!(
            "dpkg-query -W -f '${{db:Status-Abbrev}} ${{Package}} ${{Version}}\\n' {names}\napt-mark showhold {names}"
        )
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let mut words = Vec::new();
        for package in &self.packages {
            let mut installed = seen.lines().filter_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                matches!(words[..], [status, name, _] if status.ends_with('i') && name == package.name)
                    .then(|| words[2])
            });
            let wanted = package.version.as_deref().unwrap_or("newest");
            match installed.next() {
                None => words.push(format!("install {} {wanted}", package.name)),
                Some(version) if !package.accepts(version) => {
                    words.push(format!("{} {version} → {wanted}", package.name));
                }
                Some(_) if package.held && !seen.lines().any(|line| line == package.name) => {
                    words.push(format!("hold {}", package.name))
                }
                Some(_) => {}
            }
        }
        if !words.is_empty() {
            words.extend(self.replaced.iter().map(|package| format!("remove {package}")));
        }
        (!words.is_empty()).then(|| Difference::new(format!("{}: {}", self.id(), words.join(", "))))
    }

    fn apply(&self) -> Script {
        let wanted: Vec<String> = self
            .packages
            .iter()
            .map(|package| match &package.version {
                Some(version) if version.matches('.').count() > 1 => quote(&format!("{}={version}-*", package.name)),
                Some(minor) => quote(&format!("{}={minor}.*", package.name)),
                None => quote(&package.name),
            })
            .collect();
        let words = |list: &[String]| list.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
        let (wanted, held) = (wanted.join(" "), self.held());
        let mut text = format!("{APT}\n{OPTIONS}\n");
        // A package manager that was cut off leaves packages half configured, some without what they depend on: the first
        // line finishes what can be finished, --fix-broken gets the rest.
        text += "when_unlocked dpkg --configure -a || true\n";
        text += &match self.sources.as_slice() {
            [] => "# shellcheck disable=SC2086\nwhen_unlocked timeout -k 5 240 apt-get -qq update $update\n".to_owned(),
            sources => UPDATE.replace("@SOURCES@", &words(sources)).replace("@HELD@", &held),
        };
        text += &INSTALL
            .replace("@WANTED@", &wanted)
            .replace("@REPLACED@", &quote(&format!(" {} ", self.replaced.join(" "))));
        text += &format!("apt-mark hold {held} >/dev/null");
        Script::new(text)
    }
}

/// A repository that does not answer costs seconds. With a pause between tries, which is apt's default, apt 2.6 waits for
/// ever where one repository has to be tried again and another has no Release file.
const OPTIONS: &str = "update='-o APT::Update::Error-Mode=any -o Acquire::Retries::Delay=false -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20'\n\
    install='-y --fix-broken --no-install-recommends --allow-change-held-packages --allow-downgrades -o Acquire::Retries::Delay=false -o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold'";

/// When the host's repositories cannot all be read, ours alone decide whether to go on: lists that others have left, and
/// those of the others that answered, are still there. Sources that nothing was installed from yet are removed when they
/// cannot be read, or the host's own updates would fail because of them.
const UPDATE: &str = r#"# shellcheck disable=SC2086
if ! when_unlocked timeout -k 5 240 apt-get -qq update $update -o Acquire::Retries=1; then
  cp "$FORGE/apt-errors" "$FORGE/other-errors"
  mkdir -p "$FORGE/sources"
  cp @SOURCES@ "$FORGE/sources/"
  if ! when_unlocked timeout -k 5 240 apt-get -qq update $update -o APT::Get::List-Cleanup=0 -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$FORGE/sources"; then
    dpkg-query -W -f '${db:Status-Abbrev}\n' @HELD@ 2>/dev/null | grep -q '^.i' || rm -f @SOURCES@
    exit 1
  fi
  words=$(sed -n 's/^[EW]: *//p' "$FORGE/other-errors" | head -n 1)
  warn "another package repository of this host cannot be used, its security upgrades may not come: ${words:-it did not answer}"
fi
"#;

/// Nothing is removed that the plan does not name.
const INSTALL: &str = r#"replaced=@REPLACED@
# shellcheck disable=SC2086
removes=$(apt-get -s -qq install $install @WANTED@ 2>/dev/null | sed -n 's/^Remv \([^ ]*\).*/\1/p')
for package in $removes; do
  case $replaced in
    *" $package "*) ;;
    *) echo "installing them would remove $package, which this host has" >&2; exit 1 ;;
  esac
done
# shellcheck disable=SC2086
when_unlocked apt-get -qq install $install @WANTED@
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_compared_by_version_and_hold() {
        let package =
            |version: &str| Package { name: "kubelet".to_owned(), version: Some(version.to_owned()), held: true };
        let held = |version: &str| Packages::new("kubernetes", vec![package(version)]);
        assert_eq!(held("1.36").differ("hi  kubelet 1.36.5-1.1\nkubelet"), None);
        assert_eq!(held("1.36.5").differ("ii  kubelet 1.36.5-1.1\nkubelet"), None);
        let summary = |wanted: &str, seen: &str| held(wanted).differ(seen).unwrap().summary;
        assert_eq!(
            summary("1.36.5", "ii  kubelet 1.36.50-1.1\nkubelet"),
            "packages kubernetes: kubelet 1.36.50-1.1 → 1.36.5"
        );
        assert_eq!(summary("1.36.5", "rc  kubelet 1.36.5-1.1"), "packages kubernetes: install kubelet 1.36.5");
        assert_eq!(summary("1.36", "ii  kubelet 1.36.5-1.1"), "packages kubernetes: hold kubelet");
        let free = Packages::new("free", vec![Package { name: "chrony".to_owned(), version: None, held: false }]);
        assert_eq!(free.differ("ii  chrony 4.3-2+deb12u1"), None);
    }

    /// Programs of a host's package manager: what `apt-get` does is shell that sees its arguments.
    fn on_a_host(apt_get: &str, installed: &str) -> (String, Option<i32>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("forge.list");
        std::fs::write(&list, "deb").unwrap();
        let package = |name: &str| Package { name: name.to_owned(), version: None, held: true };
        let packages = Packages::new("all", vec![package("kubelet")])
            .from_sources(&[list.to_str().unwrap()])
            .replacing(vec!["runc".to_owned()]);
        let around = format!(
            "set -eu\nFORGE=$1\nwarn() {{ echo \"warned: $*\"; }}\ntimeout() {{ shift 3; \"$@\"; }}\ndpkg() {{ :; }}\n\
             dpkg_query() {{ echo '{installed}'; }}\nalias dpkg-query=dpkg_query apt-get=apt_get apt-mark=true\n\
             apt_get() {{\n{apt_get}\n}}\n"
        );
        // An alias is not looked for behind another word, as after `timeout`.
        let script = packages.apply().text().replace(" apt-get ", " apt_get ");
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("{around}{script}"))
            .arg("sh")
            .arg(folder.path().join("part"))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (said, output.status.code(), list.exists())
    }

    #[test]
    fn a_dead_repository_of_others_is_a_warning_and_a_dead_one_of_ours_leaves_nothing() {
        let dead = "case $* in *update*sourceparts*) OURS ;; *update*) echo 'E: no Release file' >&2; return 100 ;; *) echo went on ;; esac";
        let (said, code, there) = on_a_host(&dead.replace("OURS", ":"), "");
        assert!(said.contains("warned: another package repository of this host cannot be used"), "{said}");
        assert!(said.contains("may not come: no Release file") && said.contains("went on"), "{said}");
        assert_eq!((code, there), (Some(0), true), "{said}");

        let ours = dead.replace("OURS", "echo 'E: ours is dead' >&2; return 100");
        let (said, code, there) = on_a_host(&ours, "un ");
        assert_eq!((code, there), (Some(1), false), "{said}");
        assert!(said.ends_with("E: ours is dead\n") && !said.contains("went on"), "{said}");
        assert!(on_a_host(&ours, "hi ").2, "what is installed came from there");
    }

    #[test]
    fn nothing_is_removed_that_the_plan_does_not_name() {
        let removing = |package: &str| {
            format!(
                "case $* in -s*) echo 'Inst kubelet (1)'; echo 'Remv {package} [1.2]' ;; *install*) echo installed ;; esac"
            )
        };
        assert_eq!(on_a_host(&removing("runc"), ""), ("installed\n".to_owned(), Some(0), true));
        let refused = "installing them would remove docker.io, which this host has\n".to_owned();
        assert_eq!(on_a_host(&removing("docker.io"), ""), (refused, Some(1), true));
    }
}
