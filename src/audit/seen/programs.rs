//! Kubernetes' programs as they run, and as their manifests would run them after the next restart.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ARGUMENTS, sections};
use crate::audit::control::Verdict;
use crate::host::Observed;
use crate::host::facts::Probe;

/// The programs that are looked for.
pub const ETCD: &str = "etcd";
/// See [`ETCD`].
pub const API_SERVER: &str = "kube-apiserver";
/// See [`ETCD`].
pub const CONTROLLER_MANAGER: &str = "kube-controller-manager";
/// See [`ETCD`].
pub const SCHEDULER: &str = "kube-scheduler";
/// See [`ETCD`].
pub const KUBELET: &str = "kubelet";
/// See [`ETCD`].
pub const KUBE_PROXY: &str = "kube-proxy";

const ALL: [&str; 6] = [ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KUBELET, KUBE_PROXY];

/// A program's flags in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags(Vec<(String, String)>);

impl Flags {
    /// From arguments: `--name=value`, `--name value`, or `--name`, which means true.
    pub fn of<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut flags: Vec<(String, String)> = Vec::new();
        let mut open = false;
        for argument in arguments {
            match argument.strip_prefix("--") {
                Some(flag) => {
                    let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
                    open = !flag.contains('=');
                    flags.push((name.to_owned(), value.to_owned()));
                }
                None if open => {
                    if let Some((_, value)) = flags.last_mut() {
                        argument.clone_into(value);
                    }
                    open = false;
                }
                None => {}
            }
        }
        Self(flags)
    }

    /// The value that counts: the last one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|(flag, _)| flag == name).map(|(_, value)| value.as_str())
    }
}

/// The programs of one host.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    running: BTreeMap<String, Flags>,
    manifests: BTreeMap<String, Flags>,
}

const RUNNING: &str = "audit programs";
const MANIFESTS: &str = "audit manifests";

pub(super) fn probe() -> Probe {
    let names = ALL.join(" ");
    Probe::quick(RUNNING, format!("{ARGUMENTS}\nfor name in {names}; do echo \"=== $name\"; arguments \"$name\"; done"))
}

pub(super) fn manifests() -> Probe {
    let shell =
        r#"for file in /etc/kubernetes/manifests/*.yaml; do printf '=== %s\n' "$file"; cat "$file"; echo; done"#;
    Probe::quick(MANIFESTS, shell)
}

pub(super) fn read(observed: &Observed) -> Programs {
    let running = sections(observed.get(RUNNING)).into_iter().filter(|(_, body)| !body.trim().is_empty());
    let running = running.map(|(name, body)| (name.to_owned(), Flags::of(body.lines().skip(1)))).collect();
    let manifests = sections(observed.get(MANIFESTS)).into_iter().filter_map(|(_, body)| manifest(&body)).collect();
    Programs { running, manifests }
}

/// Name and flags of a static pod's first container.
fn manifest(text: &str) -> Option<(String, Flags)> {
    let pod: Value = crate::yaml::from_str(text).ok()?;
    let container = &pod["spec"]["containers"][0];
    let words = ["command", "args"].into_iter().filter_map(|key| container[key].as_array()).flatten();
    let words: Vec<&str> = words.filter_map(Value::as_str).collect();
    let program = words.first()?.rsplit('/').next()?.to_owned();
    Some((program, Flags::of(words[1..].iter().copied())))
}

impl Programs {
    /// Whether it runs.
    pub fn runs(&self, program: &str) -> bool {
        self.running.contains_key(program)
    }

    /// A flag's value: of the process, or of the manifest when nothing runs.
    pub fn flag(&self, program: &str, name: &str) -> Option<&str> {
        self.running.get(program).or_else(|| self.manifests.get(program))?.get(name)
    }

    /// Judges one flag wherever it is found: the process says what holds now, the manifest what holds after the next restart,
    /// and both have to be good.
    pub fn judge(&self, program: &str, name: &str, good: impl Fn(Option<&str>) -> bool) -> Verdict {
        let value =
            |flags: &BTreeMap<String, Flags>| flags.get(program).map(|flags| flags.get(name).map(str::to_owned));
        let (running, manifest) = (value(&self.running), value(&self.manifests));
        let word = |value: &Option<String>| match value {
            Some(value) => format!("--{name}={value}"),
            None => format!("--{name} is not set"),
        };
        let fine = |value: &Option<String>| good(value.as_deref());
        match (running, manifest) {
            (Some(running), Some(manifest)) if running != manifest => Verdict::of(
                fine(&running) && fine(&manifest),
                format!("running: {}; manifest: {}", word(&running), word(&manifest)),
            ),
            (Some(value), _) => Verdict::of(fine(&value), word(&value)),
            (None, Some(value)) => Verdict::of(fine(&value), format!("not running; manifest: {}", word(&value))),
            (None, None) if program == ETCD => Verdict::NotApplicable("no etcd runs here".to_owned()),
            (None, None) => Verdict::NotChecked(format!("neither a process nor a manifest of {program} was found")),
        }
    }
}

/// The words of a list between commas.
pub fn has_word(value: Option<&str>, word: &str) -> bool {
    value.is_some_and(|value| value.split(',').any(|one| one.trim() == word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_flag_is_written_in_three_ways_and_the_last_one_counts() {
        let flags = Flags::of(["--a=1", "--b", "two words", "--c", "--a=3", "stray", "--d=x=y", "--e="]);
        let values = ["a", "b", "c", "d", "e", "f"].map(|name| flags.get(name));
        assert_eq!(values, [Some("3"), Some("two words"), Some("true"), Some("x=y"), Some(""), None]);
    }

    proptest! {
        #[test]
        fn every_flag_comes_back_whatever_its_value(pairs in prop::collection::btree_map("[a-z][a-z-]{0,9}", "[^\n]*", 0..6)) {
            let words: Vec<String> = pairs.iter().map(|(name, value)| format!("--{name}={value}")).collect();
            let flags = Flags::of(words.iter().map(String::as_str));
            for (name, value) in &pairs {
                prop_assert_eq!(flags.get(name), Some(value.as_str()));
            }
        }
    }

    /// What the two probes print, with the flag in the process, the manifest, or both.
    pub(crate) fn programs(running: Option<&str>, in_manifest: Option<&str>) -> Programs {
        let mut observed = Observed::default();
        let flag = |flag: &str| if flag.is_empty() { String::new() } else { format!("    - {flag}\n") };
        if let Some(one) = running {
            observed.answers.insert(RUNNING.into(), format!("=== etcd\n=== kube-scheduler\nkube-scheduler\n{one}\n"));
        }
        if let Some(one) = in_manifest {
            let text = format!(
                "=== /etc/kubernetes/manifests/kube-scheduler.yaml\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n  \
                 - command:\n    - kube-scheduler\n    - --leader-elect=true\n{}",
                flag(one)
            );
            observed.answers.insert(MANIFESTS.into(), text);
        }
        read(&observed)
    }

    #[test]
    fn process_and_manifest_both_have_to_be_good() {
        let verdict = |running, manifest| {
            programs(running, manifest).judge(SCHEDULER, "profiling", |value| value == Some("false"))
        };
        let (good, bad) = (Some("--profiling=false"), Some(""));
        assert_eq!(verdict(good, good), Verdict::Pass("--profiling=false".into()));
        assert_eq!(
            verdict(good, bad),
            Verdict::Fail("running: --profiling=false; manifest: --profiling is not set".into())
        );
        assert_eq!(
            verdict(bad, good),
            Verdict::Fail("running: --profiling is not set; manifest: --profiling=false".into())
        );
        assert_eq!(verdict(None, good), Verdict::Pass("not running; manifest: --profiling=false".into()));
        assert_eq!(
            verdict(None, None),
            Verdict::NotChecked("neither a process nor a manifest of kube-scheduler was found".into())
        );
    }
}
