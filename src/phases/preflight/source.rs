//! The two package repositories: fetched and verified by each bare host's own apt, in a folder of its own, before
//! anything is changed.

use super::super::apt_proxy;
use super::finding::Finding;
use super::keys::{self, Found};
use super::runtime;
use super::seen::{JOINED, Seen};
use crate::host::facts::{Observed, Probe};
use crate::host::script::quote;
use crate::inventory::Cluster;
use crate::inventory::cluster::{PackageKey, PackageSource, Proxy};

/// Where the key of the Kubernetes packages belongs on a host.
pub const KUBERNETES_KEYRING: &str = "/etc/apt/keyrings/kubernetes.gpg";

/// Where the key of the containerd packages belongs on a host.
pub const CONTAINERD_KEYRING: &str = "/etc/apt/keyrings/containerd.gpg";

/// The key of the containerd repository's answer.
pub(super) const CONTAINERD: &str = "preflight source containerd";

/// One of the repositories.
pub(super) struct Source<'a> {
    key: &'static str,
    /// In sentences.
    pub(super) title: &'static str,
    /// In the inventory.
    pub(super) setting: &'static str,
    pub(super) packages: &'static [&'static str],
    pub(super) keyring: &'static str,
    pub(super) source: &'a PackageSource,
    /// One folder without suites.
    flat: bool,
}

pub(super) fn kubernetes(cluster: &Cluster) -> Source<'_> {
    Source {
        key: "preflight source kubernetes",
        title: "Kubernetes packages",
        setting: "sources.kubernetesPackages",
        packages: &["kubeadm", "kubelet", "kubectl"],
        keyring: KUBERNETES_KEYRING,
        source: &cluster.sources.kubernetes_packages,
        flat: true,
    }
}

pub(super) fn containerd(cluster: &Cluster) -> Source<'_> {
    Source {
        key: CONTAINERD,
        title: "containerd packages",
        setting: "sources.containerdPackages",
        packages: &["containerd.io"],
        keyring: CONTAINERD_KEYRING,
        source: &cluster.sources.containerd_packages,
        flat: false,
    }
}

/// What a host said about a repository.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The key that the host has already, in base64.
    pub(super) keyring: Option<String>,
    /// The key that it fetched, in base64.
    pub(super) fetched: Option<String>,
    /// Why the key could not be fetched, in apt's words.
    key_errors: Vec<String>,
    /// apt has read the repository and believes it.
    updated: bool,
    /// Why not, in apt's words.
    errors: Vec<String>,
    /// Packages and their versions.
    offers: Vec<(String, String)>,
}

/// A URL as one word of the host's shell; `{distribution}` is filled in there.
fn url_word(url: &str) -> String {
    url.split("{distribution}").map(quote).collect::<Vec<_>>().join("\"$distribution\"")
}

/// Shell that lets what runs after it use the proxies; empty without any.
pub fn exports(proxy: &Proxy) -> String {
    let no_proxy = (!proxy.no_proxy.is_empty()).then(|| proxy.no_proxy.join(","));
    let all = [("http_proxy", &proxy.http), ("https_proxy", &proxy.https), ("no_proxy", &no_proxy)];
    let set = all.into_iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
    set.map(|(name, value)| format!("export {name}={}\n", quote(value))).collect()
}

/// apt is told nothing of the host's own sources, runs none of its hooks, and keeps its files in our folder. It verifies
/// with whatever it has (gpgv or sqv), as it will when the packages are installed.
const SETUP: &str = r#"umask 022
architecture=$(dpkg --print-architecture)
dir=$(mktemp -d /run/forge-source.XXXXXX) || dir=$(mktemp -d) || { echo "error no room for a temporary folder"; exit 0; }
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$dir"
mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/fetched"
chown _apt "$dir/fetched" "$dir/lists/partial" "$dir/cache/archives/partial"
cat >"$dir/conf" <<END
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Post-Invoke-Stats;
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::GzipIndexes "false";
Acquire::Retries "1";
Acquire::Retries::Delay "false";
Acquire::http::Timeout "10";
Acquire::https::Timeout "10";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$dir/lists";
Dir::Cache "$dir/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
words() { sed -n "s/^[EW]: */$1 /p" | grep -v unsandboxed; }
"#;

const UPDATE: &str = r#"if said=$(timeout -k 2 60 apt-get -c "$dir/conf" -qq update 2>&1); then
  echo updated
else
  printf '%s\n' "$said" "E: apt-get update did not succeed" | words error
fi
cat "$dir"/lists/*Packages | awk -v wanted="$packages" -v here="$architecture" '
function offer() { if (index(wanted, " " name " ") && (built == here || built == "all")) print "offers", name, version; name = "" }
/^Package: / {name = $2} /^Version: / {version = $2} /^Architecture: / {built = $2} /^$/ {offer()} END {offer()}'"#;

impl Source<'_> {
    /// The repository's URL as a host of that distribution reads it.
    fn url(&self, distribution: &str) -> String {
        self.source.url.replace("{distribution}", distribution)
    }

    /// Its URL as a word of the host's shell, which knows `distribution`; without a slash at the end.
    pub(super) fn url_in_shell(&self) -> String {
        url_word(self.source.url.trim_end_matches('/'))
    }

    /// Adds to apt's settings how it gets there: the environment's `no_proxy` has no networks for apt.
    fn proxy(&self, cluster: &Cluster) -> String {
        let mut urls = vec![self.source.url.clone()];
        if let PackageKey::Url { url, .. } = &self.source.key {
            urls.push(cluster.sources.rewrite(url));
        }
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        match apt_proxy::settings(&cluster.proxy, &urls) {
            none if none.is_empty() => none,
            settings => format!("printf %s {} >>\"$dir/conf\"\n", quote(&settings)),
        }
    }

    /// What the rest of the shell needs to know of the host and of the inventory.
    fn variables(&self, cluster: &Cluster) -> String {
        let mut variables = exports(&cluster.proxy);
        let key_url = match &self.source.key {
            PackageKey::Url { url, .. } => url.as_str(),
            PackageKey::Path(_) => "",
        };
        let named = [self.source.url.as_str(), key_url].iter().any(|url| url.contains("{distribution}"));
        let needed = [("distribution", "ID", named), ("codename", "VERSION_CODENAME", !self.flat)];
        for (name, key, _) in needed.iter().filter(|(.., needed)| *needed) {
            variables += &format!("{name}=$(sed -n 's/^{key}=//p' /etc/os-release | tr -d '\"')\n");
        }
        variables
    }

    /// `None` when the key file cannot be read, which is a finding of its own.
    pub(super) fn probe(&self, cluster: &Cluster) -> Option<Probe> {
        let keyring = quote(self.keyring);
        let mut shell = String::new();
        let (variables, proxy) = (self.variables(cluster), self.proxy(cluster));
        match &self.source.key {
            PackageKey::Path(path) => {
                shell += &format!("{JOINED} && exit 0\n{variables}{SETUP}{proxy}");
                let key = keys::encode(&keys::from_file(path).ok()?);
                shell += &format!("key=$dir/key.gpg\nprintf %s {} | base64 -d >\"$key\"\n", quote(&key));
            }
            PackageKey::Url { url, .. } => {
                let url = url_word(&cluster.sources.rewrite(url));
                shell +=
                    &format!("{JOINED} && [ -s {keyring} ] && echo \"keyring $(base64 -w0 {keyring})\" && exit 0\n");
                shell += &format!("{variables}{SETUP}{proxy}");
                // apt wants an armored key to be called .asc and a binary one .gpg.
                shell += &format!(
                    "if said=$(timeout -k 2 60 /usr/lib/apt/apt-helper -c \"$dir/conf\" download-file {url} \
                     \"$dir/fetched/key\" 2>&1); then\n\
                     \x20 echo \"key $(base64 -w0 \"$dir/fetched/key\")\"\nelse\n\
                     \x20 printf '%s\\n' \"$said\" \"E: apt-helper did not succeed\" | words key-error\n  exit 0\nfi\n\
                     {JOINED} && exit 0\n\
                     key=$dir/key.gpg\ngrep -q 'BEGIN PGP PUBLIC KEY' \"$dir/fetched/key\" && key=$dir/key.asc\n\
                     cp \"$dir/fetched/key\" \"$key\"\n"
                );
            }
        }
        let base = self.url_in_shell();
        let (line, codename) = if self.flat { ("%s/ /", "") } else { ("%s %s stable", "\"$codename\"") };
        shell += &format!(
            "printf 'deb [arch=%s signed-by=%s] {line}\\n' \"$architecture\" \"$key\" {base} {codename} \
             >\"$dir/sources.list\"\npackages=' {} '\n{UPDATE}",
            self.packages.join(" ")
        );
        if !self.flat {
            shell += runtime::SIMULATE;
        }
        Some(Probe::slow(self.key, shell))
    }

    pub(super) fn answer(&self, observed: &Observed) -> Answer {
        let mut answer = Answer::default();
        for line in observed.get(self.key).lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "keyring" => answer.keyring = Some(rest.to_owned()),
                "key" => answer.fetched = Some(rest.to_owned()),
                "key-error" => answer.key_errors.push(rest.to_owned()),
                "updated" => answer.updated = true,
                "error" => answer.errors.push(rest.to_owned()),
                "offers" => answer.offers.extend(rest.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()))),
                _ => {}
            }
        }
        answer
    }

    /// Versions of `package` that the host may install, oldest first, without the Debian revision.
    pub(super) fn offered(&self, seen: &Seen<'_>, package: &str) -> Vec<String> {
        let answer = self.answer(seen.observed);
        let of_package = answer.offers.iter().filter(|(name, _)| answer.updated && name == package);
        let mut versions: Vec<String> =
            of_package.map(|(_, version)| version.split('-').next().unwrap_or(version).to_owned()).collect();
        versions.sort_by_key(|version| numbers(version));
        versions.dedup();
        versions
    }

    /// Whether the host could read the repository and believes it.
    pub(super) fn usable(&self, seen: &Seen<'_>) -> bool {
        self.answer(seen.observed).updated
    }

    pub(super) fn check(&self, cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
        let unreadable = match &self.source.key {
            PackageKey::Path(path) => keys::from_file(path).is_err(),
            PackageKey::Url { .. } => false,
        };
        let asked = hosts.iter().filter(|seen| !unreadable && seen.is_bare() && seen.facts.supported());
        asked.filter_map(|seen| self.unusable(cluster, seen)).collect()
    }

    fn unusable(&self, cluster: &Cluster, seen: &Seen<'_>) -> Option<Finding> {
        let (name, answer) = (&seen.host.name, self.answer(seen.observed));
        let url = self.url(&seen.facts.distribution);
        if let (PackageKey::Url { url, .. }, true) = (&self.source.key, answer.fetched.is_none()) {
            let url = cluster.sources.rewrite(url).replace("{distribution}", &seen.facts.distribution);
            let what = format!("{name} cannot fetch the key of the {} from {url}", self.title);
            let next = format!("check {}.key and what {name} may reach; behind a proxy, set proxy", self.setting);
            return Some(Finding::fatal(seen.host, what, next).cause(told(&answer.key_errors)));
        }
        // A key that is not the pinned one has its own finding, and what it verifies means nothing.
        if answer.updated || keys::of_host(self, seen) == Found::Wrong {
            return None;
        }
        let said = answer.errors.join("\n").to_lowercase();
        let distrusted = ["signature", "signed", "no_pubkey", "gpg error"].iter().any(|word| said.contains(word));
        let (what, next) = if distrusted {
            (
                format!("the {} at {url} are not signed by the pinned key, says {name}", self.title),
                format!("check {}.key against what the repository's owner publishes", self.setting),
            )
        } else {
            (
                format!("{name} cannot use the {} at {url}", self.title),
                format!("check {}.url and what {name} may reach; behind a proxy, set proxy", self.setting),
            )
        };
        Some(Finding::fatal(seen.host, what, next).cause(told(&answer.errors)))
    }
}

/// The first of apt's own words. The last line is ours, for when apt said nothing.
fn told(errors: &[String]) -> String {
    let own = errors.len().saturating_sub(1).clamp(1, 3);
    if errors.is_empty() { "it gave no answer".to_owned() } else { errors[..own].join("\n") }
}

/// For ordering.
pub(super) fn numbers(version: &str) -> Vec<u32> {
    version.split(['.', '~', '+']).map_while(|number| number.parse().ok()).collect()
}
