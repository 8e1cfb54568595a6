//! Debian packages at wanted versions, in one run of the package manager.

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
}

impl Packages {
    /// `title` names the group in plans.
    pub fn new(title: &str, packages: Vec<Package>) -> Self {
        Self { title: title.to_owned(), packages }
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
        // A package manager that was cut off leaves packages half configured, some without what they depend on: the first
        // line finishes what can be finished, --fix-broken gets the rest. The lock may be held by the host's own
        // unattended upgrades for a while.
        Script::new(format!(
            "dpkg --configure -a || true\n\
             apt-get -qq update -o APT::Update::Error-Mode=any -o DPkg::Lock::Timeout=300\n\
             apt-get -qq install -y --fix-broken --no-install-recommends --allow-change-held-packages --allow-downgrades \
             -o DPkg::Lock::Timeout=300 -o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold {}\n\
             apt-mark hold {} >/dev/null",
            wanted.join(" "),
            self.held()
        ))
    }
}

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
}
