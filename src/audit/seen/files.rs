//! Owners and modes of files and folders.

use super::ARGUMENTS;
use crate::audit::control::Verdict;
use crate::host::Observed;
use crate::host::facts::Probe;

/// What a file is for; where programs' flags say where it lies, it is looked for there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A static pod.
    Manifest,
    /// Network configuration.
    Cni,
    /// etcd's data folder.
    EtcdData,
    /// A component's or administrator's kubeconfig.
    Kubeconfig,
    /// Below kubeadm's certificate folder, which is among them.
    Pki,
    /// The kubelet's unit and its drop-ins.
    KubeletUnit,
    /// The kubelet's kubeconfig.
    KubeletKubeconfig,
    /// The CA that the kubelet trusts clients of.
    KubeletCa,
    /// The kubelet's configuration.
    KubeletConfig,
    /// What the API server reads besides certificates: policies, encryption keys.
    ApiServerConfig,
    /// The API server's audit log and its folder.
    AuditLog,
    /// containerd's configuration and socket.
    Containerd,
    /// Accounts, sudo, sshd.
    Accounts,
}

impl Purpose {
    const ALL: [(Self, &'static str); 13] = [
        (Self::Manifest, "manifest"),
        (Self::Cni, "cni"),
        (Self::EtcdData, "etcd-data"),
        (Self::Kubeconfig, "kubeconfig"),
        (Self::Pki, "pki"),
        (Self::KubeletUnit, "kubelet-unit"),
        (Self::KubeletKubeconfig, "kubelet-kubeconfig"),
        (Self::KubeletCa, "kubelet-ca"),
        (Self::KubeletConfig, "kubelet-config"),
        (Self::ApiServerConfig, "api-server"),
        (Self::AuditLog, "audit-log"),
        (Self::Containerd, "containerd"),
        (Self::Accounts, "accounts"),
    ];
}

/// One file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What it is for.
    pub purpose: Purpose,
    /// Permission bits.
    pub mode: u32,
    /// `root:root`.
    pub owner: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Where.
    pub path: String,
}

const KEY: &str = "audit files";

/// Lines of five words between tabs: purpose, mode, owner, type, path.
pub(super) fn probe() -> Probe {
    Probe::quick(KEY, format!("{ARGUMENTS}\n{SHOW}"))
}

const SHOW: &str = r#"show() { tag=$1; shift; stat --printf "$tag\t%a\t%U:%G\t%F\t%n\n" "$@"; }
every() { tag=$1; shift; find "$@" -exec stat --printf "$tag\t%a\t%U:%G\t%F\t%n\n" {} +; }
show manifest /etc/kubernetes/manifests /etc/kubernetes/manifests/*.yaml
every cni /etc/cni/net.d
etcd=$(option etcd data-dir)
[ -z "$etcd" ] || show etcd-data "$etcd"
show kubeconfig /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf /etc/kubernetes/controller-manager.conf /etc/kubernetes/scheduler.conf
every pki /etc/kubernetes/pki
systemctl show kubelet -p FragmentPath -p DropInPaths --value | tr ' ' '\n' | while read -r file; do show kubelet-unit "$file"; done
kubelet=$(arguments kubelet)
of_kubelet() { printf '%s\n' "$kubelet" | sed -n "s/^--$1=//p" | tail -n 1; }
conf=$(of_kubelet kubeconfig)
show kubelet-kubeconfig "${conf:-/etc/kubernetes/kubelet.conf}"
conf=$(of_kubelet config)
conf=${conf:-/var/lib/kubelet/config.yaml}
show kubelet-config "$conf" /var/lib/kubelet/instance-config.yaml /var/lib/kubelet/kubeadm-flags.env
ca=$(sed -n 's/^ *clientCAFile: *//p' "$conf" | tr -d '"')
show kubelet-ca "${ca:-/etc/kubernetes/pki/ca.crt}"
for flag in authentication-config admission-control-config-file audit-policy-file encryption-provider-config; do
file=$(option kube-apiserver "$flag")
[ -z "$file" ] || show api-server "$file"
done
log=$(option kube-apiserver audit-log-path)
case $log in /*) show audit-log "$log" "${log%/*}" ;; esac
show containerd /etc/containerd/config.toml /run/containerd/containerd.sock
show accounts /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/sudoers /etc/ssh/sshd_config /etc/ssh/ssh_host_*_key
every accounts /etc/sudoers.d"#;

pub(super) fn read(observed: &Observed) -> Vec<File> {
    observed.get(KEY).lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<File> {
    let mut words = line.splitn(5, '\t');
    let tag = words.next()?;
    let purpose = Purpose::ALL.iter().find(|(_, name)| *name == tag)?.0;
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let (owner, kind, path) = (words.next()?.to_owned(), words.next()?, words.next()?.to_owned());
    Some(File { purpose, mode, owner, folder: kind == "directory", path })
}

/// No file has a permission that `at_most` has not.
pub fn modes<'a>(files: impl Iterator<Item = &'a File>, at_most: u32) -> Verdict {
    judge(files, |file| file.mode & !at_most == 0, |file| format!("{} is {:o}", file.path, file.mode))
}

/// All files belong to `owner`.
pub fn owners<'a>(files: impl Iterator<Item = &'a File>, owner: &str) -> Verdict {
    judge(files, |file| file.owner == owner, |file| format!("{} belongs to {}", file.path, file.owner))
}

fn judge<'a>(
    files: impl Iterator<Item = &'a File>,
    good: impl Fn(&File) -> bool,
    word: impl Fn(&File) -> String,
) -> Verdict {
    let all: Vec<&File> = files.collect();
    let wrong: Vec<String> = all.iter().filter(|file| !good(file)).map(|file| word(file)).collect();
    match all.as_slice() {
        [] => Verdict::NotApplicable("there is no such file".to_owned()),
        [only] => Verdict::of(wrong.is_empty(), word(only)),
        many => Verdict::unless(&wrong, format!("all {} files", many.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: &str = "manifest\t600\troot:root\tregular file\t/etc/kubernetes/manifests/etcd.yaml\n\
        manifest\t644\tops:root\tregular file\t/etc/kubernetes/manifests/kube scheduler.yaml\n\
        pki\t755\troot:root\tdirectory\t/etc/kubernetes/pki\n\
        nonsense\t755\troot:root\tdirectory\t/x\nmanifest\tnine\troot:root\tregular file\t/x\n";

    fn seen() -> Vec<File> {
        SEEN.lines().filter_map(line).collect()
    }

    #[test]
    fn only_lines_of_a_known_purpose_with_a_mode_are_files() {
        let files = seen();
        assert_eq!(files.len(), 3);
        assert_eq!((files[1].mode, files[1].path.as_str()), (0o644, "/etc/kubernetes/manifests/kube scheduler.yaml"));
        assert!(files[2].folder);
    }

    #[test]
    fn a_file_is_judged_by_its_mode_and_owner() {
        let files = seen();
        let (good, bad) = (&files[..1], &files[..2]);
        let path = "/etc/kubernetes/manifests/etcd.yaml";
        assert_eq!(modes(good.iter(), 0o600), Verdict::Pass(format!("{path} is 600")));
        assert_eq!(modes(good.iter(), 0o644), Verdict::Pass(format!("{path} is 600")));
        assert_eq!(modes(good.iter(), 0o400), Verdict::Fail(format!("{path} is 600")));
        let scheduler = "/etc/kubernetes/manifests/kube scheduler.yaml";
        assert_eq!(modes(bad.iter(), 0o600), Verdict::Fail(format!("{scheduler} is 644")));
        assert_eq!(owners(bad.iter(), "root:root"), Verdict::Fail(format!("{scheduler} belongs to ops:root")));
        assert_eq!(modes(files[..0].iter(), 0o600), Verdict::NotApplicable("there is no such file".to_owned()));
    }
}
