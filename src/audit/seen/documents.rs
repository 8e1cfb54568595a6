//! The files that the API server's and the kubelet's flags name, parsed. No key leaves the host: whatever looks like one is
//! blotted out there.

use serde_json::Value;

use super::{ARGUMENTS, SECTION, sections};
use crate::host::Observed;
use crate::host::facts::Probe;

/// What the programs read.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// `AuthenticationConfiguration`.
    pub authentication: Option<Value>,
    /// The audit policy.
    pub audit_policy: Option<Value>,
    /// `EncryptionConfiguration`, and the SHA-256 of its file.
    pub encryption: Option<(Encryption, String)>,
    /// `KubeletConfiguration`.
    pub kubelet: Option<Value>,
    /// Seconds since 1970: when the kubelet's configuration was written, and when the kubelet started.
    pub kubelet_written_and_started: Option<(i64, i64)>,
}

/// What an `EncryptionConfiguration` says without its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encryption {
    /// Resource groups in the order of the file.
    pub groups: Vec<Group>,
}

/// One group of an [`Encryption`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// As the API server names them.
    pub resources: Vec<String>,
    /// Provider and the name of its first key; for `identity` there is none.
    pub providers: Vec<(String, Option<String>)>,
}

impl Encryption {
    /// The group that secrets fall into.
    pub fn of_secrets(&self) -> Option<&Group> {
        let named =
            |group: &&Group| group.resources.iter().any(|name| ["secrets", "*.", "*.*"].contains(&name.as_str()));
        self.groups.iter().find(named)
    }
}

impl Group {
    /// What is written in front of every object in etcd: `k8s:enc:secretbox:v1:key-1:`. `None` when plaintext is written.
    pub fn prefix(&self) -> Option<String> {
        let (provider, key) = self.providers.first()?;
        let version = if provider == "kms" { "v2" } else { "v1" };
        key.as_ref().map(|key| format!("k8s:enc:{provider}:{version}:{key}:"))
    }
}

const KEY: &str = "audit documents";

pub(super) fn probe() -> Probe {
    Probe::quick(KEY, format!("{ARGUMENTS}\n{SECTION}\n{SHELL}"))
}

/// Keys are blotted out twice over: by the name `secret`, and whatever is as long as the shortest key in base64.
const SHELL: &str = r#"section authentication "$(option kube-apiserver authentication-config)"
section audit-policy "$(option kube-apiserver audit-policy-file)"
file=$(option kube-apiserver encryption-provider-config)
if [ -f "$file" ]; then
section encryption "$file" | sed -E -e 's/("?secret"?[[:space:]]*:[[:space:]]*)[^,}]*/\1hidden/' -e 's#[A-Za-z0-9+/]{22,}={0,2}#hidden#g'
printf '=== sum\n%s\n' "$(sha256sum <"$file")"
fi
config=$(arguments kubelet | sed -n 's/^--config=//p' | tail -n 1)
config=${config:-/var/lib/kubelet/config.yaml}
section kubelet "$config"
pid=$(systemctl show kubelet -p MainPID --value)
[ "${pid:-0}" = 0 ] || printf '=== times\n%s %s %s\n' "$(stat -c %Y "$config")" "$(date +%s)" "$(ps -o etimes= -p "$pid")""#;

pub(super) fn read(observed: &Observed) -> Documents {
    let mut documents = Documents::default();
    let mut encryption = None;
    for (title, body) in sections(observed.get(KEY)) {
        let value = || crate::yaml::from_str::<Value>(&body).ok();
        match title.split(' ').next().unwrap_or_default() {
            "authentication" => documents.authentication = value(),
            "audit-policy" => documents.audit_policy = value(),
            "encryption" => encryption = value().map(|value| self::encryption(&value)),
            "sum" => {
                let sum = body.split_whitespace().next().unwrap_or_default().to_owned();
                documents.encryption = encryption.take().map(|encryption| (encryption, sum));
            }
            "kubelet" => documents.kubelet = value(),
            "times" => documents.kubelet_written_and_started = times(&body),
            _ => {}
        }
    }
    documents
}

fn encryption(document: &Value) -> Encryption {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let provider = |entry: &Value| {
        let (name, settings) = entry.as_object()?.iter().next()?;
        let key = settings["keys"][0]["name"].as_str().or_else(|| settings["name"].as_str());
        Some((name.clone(), key.map(str::to_owned)))
    };
    let group = |group: &Value| Group {
        resources: list(&group["resources"]).iter().map(text).collect(),
        providers: list(&group["providers"]).iter().filter_map(provider).collect(),
    };
    Encryption { groups: list(&document["resources"]).iter().map(group).collect() }
}

fn times(body: &str) -> Option<(i64, i64)> {
    let numbers: Vec<i64> = body.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [written, now, age] = numbers[..] else { return None };
    Some((written, now - age))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn no_key_leaves_the_host_however_the_file_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let key = "c2VjcmV0LWtleS1vZi0zMi1ieXRlcy1pbi1iYXNlNjQ=";
        let forms = [
            format!("- secretbox:\n    keys:\n    - name: key-a\n      secret: {key}\n"),
            format!("- secretbox: {{keys: [{{name: key-a, secret: {key}}}]}}\n"),
            format!("- secretbox: {{\"keys\": [{{\"secret\": \"{key}\", \"name\": \"key-a\"}}]}}\n"),
            format!("- secretbox:\n    keys:\n    - name: key-a\n      secret: >-\n        {key}\n"),
        ];
        for (number, form) in forms.iter().enumerate() {
            let path = folder.path().join(format!("encryption-{number}.yaml"));
            std::fs::write(&path, format!("resources:\n- resources: [secrets]\n  providers:\n{}", indent(form)))
                .unwrap();
            let shell = format!("option() {{ echo {}; }}\n{SECTION}\n{}", path.display(), cut_to_encryption());
            let output = Command::new("sh").arg("-c").arg(shell).output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(!said.contains(&key[..8]), "{said}");
            let mut observed = Observed::default();
            observed.answers.insert(KEY.into(), said);
            let (encryption, sum) = read(&observed).encryption.unwrap();
            assert_eq!(encryption.of_secrets().unwrap().prefix().unwrap(), "k8s:enc:secretbox:v1:key-a:", "{form}");
            assert_eq!(sum.len(), 64);
        }
    }

    /// The lines of [`SHELL`] that show the encryption configuration.
    fn cut_to_encryption() -> String {
        SHELL
            .lines()
            .skip_while(|line| !line.starts_with("file="))
            .take_while(|line| !line.starts_with("config="))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn indent(text: &str) -> String {
        text.lines().map(|line| format!("  {line}\n")).collect()
    }

    #[test]
    fn identity_first_means_plaintext() {
        let text = "resources:\n- resources: [configmaps]\n  providers: [{aescbc: {keys: [{name: a, secret: hidden}]}}]\n\
                    - resources: ['*.*']\n  providers: [{identity: {}}, {kms: {name: vault, apiVersion: v2}}]\n";
        let encryption = encryption(&crate::yaml::from_str(text).unwrap());
        assert_eq!(encryption.groups[0].prefix().as_deref(), Some("k8s:enc:aescbc:v1:a:"));
        assert_eq!(encryption.of_secrets().unwrap().prefix(), None);
    }

    #[test]
    fn the_kubelets_start_is_now_minus_its_age() {
        assert_eq!(times(" 1000 2000    300\n"), Some((1000, 1700)));
        assert_eq!(times(" 1000 2000 \n"), None);
    }
}
