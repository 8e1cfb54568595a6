//! Templates of the user's own.

use std::fs;
use std::path::Path;

use forge::error::Problem;
use forge::kube::encryption::{EncryptionKey, encryption_config};
use forge::kube::{admission_config, init_config};
use forge::render::{RenderError, Templates};
use forge::secret::Secret;

use crate::fixture::{VERSION, secrets, single, templates, text};

const ADMISSION: &str = "apiserver/admission.yaml.tera";
const HEAD: &str = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n";

fn replace(name: &str, text: &str) -> Result<Templates, RenderError> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), name, text);
    Templates::load(Some(folder.path()))
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What a person sees when this admission template is used.
fn told(text: &str) -> String {
    let mut cluster = single();
    cluster.security.pod_security.enforce = "base: line".into();
    cluster.security.pod_security.warn = "123".into();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), ADMISSION, text);
    let result = Templates::load(Some(folder.path())).and_then(|templates| admission_config(&templates, &cluster));
    Problem::from(result.unwrap_err()).to_string().replace(&folder.path().display().to_string(), "FOLDER")
}

#[test]
fn a_file_of_the_same_name_replaces_ours() {
    let templates = replace(ADMISSION, &format!("{HEAD}plugins: []\n")).unwrap();
    assert_eq!(admission_config(&templates, &single()).unwrap(), format!("{HEAD}plugins: []\n"));
}

#[test]
fn a_replacement_can_add_to_ours() {
    let name = "kubeadm/kubelet-configuration.yaml.tera";
    let templates =
        replace(name, "{% include \"builtin/kubeadm/kubelet-configuration.yaml.tera\" %}\nmaxPods: 42\n").unwrap();
    let cluster = single();
    let file = text(&init_config(&templates, &cluster, &cluster.hosts[0], VERSION, &secrets()).unwrap());
    assert!(file.contains("\nmaxPods: 42\n") && file.contains("\nseccompDefault: true\n"), "{file}");
}

#[test]
fn an_empty_folder_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "README.md", "notes");
    let theirs = Templates::load(Some(folder.path())).unwrap();
    assert_eq!(admission_config(&theirs, &single()), admission_config(&templates(), &single()));
}

#[test]
fn mistakes_are_explained() {
    let all = [
        told(&format!("{HEAD}enforce: {{{{ enforce }}}}\n")),
        told(&format!("{HEAD}warn: {{{{ warn }}}}\n")),
        told(&format!("{HEAD}list: {{{{ exempt_namespaces }}}}\n")),
        told(&format!("{HEAD}{{% if enforced %}}x: y{{% endif %}}\n")),
        told(&format!("{HEAD}{{{{ enforce | quote }}}}\n")),
        told(&format!("{HEAD}{{% for x in %}}\n")),
        told(&format!("{HEAD}a: [\n")),
        told("kind: AdmissionConfiguration\n"),
        told(&format!("{HEAD}---\n{HEAD}")),
    ];
    insta::assert_snapshot!("template-mistakes", all.join("\n\n"));
}

#[test]
fn a_file_that_replaces_nothing_is_a_mistake() {
    let told = |name| match replace(name, "x") {
        Err(RenderError::ReplacesNothing { similar, .. }) => similar,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{name} was accepted"),
    };
    assert_eq!(told("apiserver/admision.yaml.tera").as_deref(), Some(ADMISSION));
    assert_eq!(told("zzz.tera"), None);
    assert!(replace("parts/_labels.tera", "x").is_ok());
}

#[test]
fn a_missing_folder_is_a_mistake() {
    let error = Templates::load(Some(Path::new("/nowhere"))).err().unwrap();
    assert_eq!(error.to_string(), "cannot read /nowhere");
}

#[test]
fn errors_never_quote_secrets() {
    let head = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n";
    let key = EncryptionKey { name: "a".into(), secret: Secret::new([0x5a; 32]) };
    let bad = [
        "{{ providers[0].keys[0].secret }}",
        "x: {{ providers[0].keys[0].secret | q }}\nx: 1",
        "[{{ providers | json }}",
    ];
    for body in bad {
        let templates = replace("apiserver/encryption.yaml.tera", &format!("{head}{body}\n")).unwrap();
        let error = encryption_config(&templates, &single().security.encryption, &key).unwrap_err();
        let told = format!("{error:?} {}", Problem::from(error.clone()));
        assert!(!told.contains("Wlpa"), "{told}");
    }
}
