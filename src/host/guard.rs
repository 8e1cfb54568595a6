//! A change that a host takes back by itself, unless it is confirmed in time: for what could shut us out.
//!
//! Before the change the host notes the files that it will touch and starts a timer; whoever can still log in afterwards
//! confirms. Note and timer lie on the disk, so that a host that is switched off in between takes the change back after
//! its next boot.

use super::script::{Script, quote};

/// How long a host waits for a confirmation.
pub const SECONDS: u32 = 30;

/// Where hosts note what to take back: one folder per change, with a program `undo` in it.
const FOLDER: &str = "/var/lib/forge/undo";

/// What has to be noted before a change, and how the old state comes back.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Names the change: `sshd`.
    pub name: &'static str,
    /// Files and links that the change touches, there or not.
    pub files: Vec<String>,
    /// Shell that notes more than files, in the folder `$undo`.
    pub note: &'static str,
    /// Shell that makes the files, once they are back, hold again. It finds the folder as `$undo` too.
    pub restore: &'static str,
}

impl Guard {
    /// `change` behind a note and a timer.
    pub fn around(&self, change: Script) -> Script {
        let (undo, timer) = (self.folder(), self.unit("timer"));
        let mut script = Script::new(format!(
            "undo={undo}.new\n[ ! -e {undo} ] || sh {undo}/undo\nrm -rf \"$undo\"\ninstall -d -m 700 {FOLDER} \"$undo\""
        ));
        for file in self.files.iter().map(|file| quote(file)) {
            script = script.line(format!(
                "if [ -e {file} ] || [ -L {file} ]; then\nmkdir -p \"$undo/files$(dirname {file})\"\ncp -a {file} \
                 \"$undo/files\"{file}\nfi"
            ));
        }
        script
            .line(self.note)
            .line(format!(
                "cat >\"$undo/undo\" <<'UNDO'\n{}UNDO\nsync \"$undo/undo\"\nmv \"$undo\" {undo}",
                self.undo_program()
            ))
            .line(format!(
                "cat >{service} <<'UNIT'\n[Unit]\nDescription=Take back the change of {name} that nobody confirmed\n\
                 ConditionPathExists={undo}/undo\n[Service]\nType=oneshot\nExecStart=/bin/sh {undo}/undo\nUNIT\n\
                 cat >{timer} <<'UNIT'\n[Unit]\nDescription=Wait for the change of {name} to be confirmed\n\
                 [Timer]\nOnActiveSec={SECONDS}s\nAccuracySec=1s\nRemainAfterElapse=no\n\
                 [Install]\nWantedBy=timers.target\nUNIT\n\
                 systemctl daemon-reload\nsystemctl enable --quiet --now forge-undo-{name}.timer",
                service = self.unit("service"),
                name = self.name,
            ))
            .then(change)
            .line(format!("echo 'changed; taken back in {SECONDS} seconds unless a second login succeeds'"))
    }

    /// Lets the change stand; fails when the host has taken it back by then.
    pub fn confirm(&self) -> Script {
        let undo = self.folder();
        Script::new(format!(
            "exec 8>>{FOLDER}/lock\nflock 8\n\
             [ -e {undo} ] || {{ echo \"the confirmation came after {SECONDS} seconds, and the host has taken the change back\"; exit 1; }}\n\
             mv {undo} {undo}.done\nrm -rf {undo}.done\n{}",
            self.disarm()
        ))
    }

    /// Takes the change back now.
    pub fn take_back(&self) -> Script {
        let undo = self.folder();
        Script::new(format!("[ ! -e {undo} ] || sh {undo}/undo"))
    }

    /// What the timer runs, and the next run of forge before it looks; twice at the same time is once.
    fn undo_program(&self) -> String {
        let undo = self.folder();
        let mut text = format!(
            "export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin\nundo={undo}\nexec 8>>{FOLDER}/lock\nflock 8\n\
             [ -e \"$undo\" ] || exit 0\n"
        );
        for file in self.files.iter().map(|file| quote(file)) {
            text.push_str(&format!(
                "if [ -e \"$undo/files\"{file} ] || [ -L \"$undo/files\"{file} ]; then\n  \
                 cp -a \"$undo/files\"{file} {file}.forge-new && mv -f {file}.forge-new {file}\nelse\n  rm -f {file}\nfi\n"
            ));
        }
        format!(
            "{text}{}\nrm -rf \"$undo\"\n{}\necho \"nobody confirmed the change of {}: it is taken back\"\n",
            self.restore,
            self.disarm(),
            self.name
        )
    }

    fn disarm(&self) -> String {
        format!(
            "systemctl disable --quiet --now forge-undo-{}.timer\nrm -f {} {}\nsystemctl daemon-reload",
            self.name,
            self.unit("timer"),
            self.unit("service")
        )
    }

    fn folder(&self) -> String {
        format!("{FOLDER}/{}", self.name)
    }

    fn unit(&self, kind: &str) -> String {
        format!("/etc/systemd/system/forge-undo-{}.{kind}", self.name)
    }
}

/// Shell that takes back what a run that died has not confirmed: nobody will. Manifests of static pods are among it, which a
/// loss of power left aside while they restarted, and the one from before where another was about to take its place; the API
/// server that comes back with them is waited for. A manifest that is in place stays.
pub const TAKE_BACK: &str = r#"for undo in /var/lib/forge/undo/*/undo; do
  case $undo in *.new/undo | *.done/undo) continue ;; esac
  [ ! -e "$undo" ] || sh "$undo" >/dev/null 2>&1 </dev/null 9>&-
done
returned='' tries=0
for before in /etc/kubernetes/forge/manifests/*.before; do
  manifest=${before%.before}.yaml
  [ -e "$before" ] && [ ! -e "$manifest" ] && [ ! -e "/etc/kubernetes/manifests/${manifest##*/}" ] || continue
  mv -f "$before" "$manifest"
done
for manifest in /etc/kubernetes/forge/manifests/*.yaml; do
  place=/etc/kubernetes/manifests/${manifest##*/}
  [ -e "$manifest" ] && [ ! -e "$place" ] || continue
  mv -f "$manifest" "$place"
  returned=$place
done
until [ -z "$returned" ] || [ "$tries" -ge 60 ] || [ -n "$(ss -H -l -t -n 'sport = :6443')" ]; do
  tries=$((tries + 1))
  sleep 1
done
"#;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_file_that_was_there_comes_back_and_one_that_was_not_goes() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let files = ["old file", "new"].map(|name| path(name).display().to_string());
        let [old, new] = &files;
        let change = Script::new(format!("echo changed >{}\necho made >{}", quote(old), quote(new)));
        let guard = Guard {
            name: "test",
            files: files.to_vec(),
            note: "echo noted >\"$undo/more\"",
            restore: "cat \"$undo/more\"",
        };
        // As a host runs it, but for systemd and the folders that are not ours here.
        let sh = |script: Script| {
            let here = root.path().display().to_string();
            let text = script.text().replace("/var/lib/forge", &here).replace("/etc/systemd/system", &here);
            let text = format!("set -eu\nsystemctl() {{ :; }}\n{text}");
            let output = Command::new("sh").arg("-c").arg(text).output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();

        std::fs::write(path("old file"), "old").unwrap();
        let armed = (true, "changed; taken back in 30 seconds unless a second login succeeds\n".to_owned());
        assert_eq!(sh(guard.around(change.clone())), armed);
        assert_eq!(read("old file"), "changed\n");
        assert!(read("forge-undo-test.timer").contains("OnActiveSec=30s\n"));
        let (well, said) = sh(guard.take_back());
        assert!(well && said.starts_with("noted\n"), "{said}");
        assert_eq!(read("old file"), "old");
        assert!(["new", "undo/test", "forge-undo-test.timer"].iter().all(|name| !path(name).exists()));
        let (well, said) = sh(guard.confirm());
        assert!(!well && said.contains("has taken the change back"), "{said}");

        assert_eq!(sh(guard.around(change)), armed);
        assert_eq!(sh(guard.confirm()), (true, String::new()));
        assert_eq!(sh(guard.take_back()), (true, String::new()), "what is confirmed stays");
        assert_eq!((read("old file"), read("new")), ("changed\n".to_owned(), "made\n".to_owned()));
    }

    #[test]
    fn manifests_that_lie_aside_come_back_and_those_in_place_stay() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let [aside, place] = ["forge/manifests", "manifests"];
        let write = |name: String, text: &str| std::fs::write(path(&name), text).unwrap();
        [aside, place].iter().for_each(|folder| std::fs::create_dir_all(path(folder)).unwrap());
        write(format!("{aside}/etcd.before"), "before");
        write(format!("{aside}/etcd.new"), "never tried");
        write(format!("{aside}/kube-scheduler.yaml"), "aside");
        write(format!("{aside}/kube-scheduler.before"), "long ago");
        write(format!("{place}/kube-apiserver.yaml"), "in place");
        write(format!("{aside}/kube-apiserver.before"), "before");
        let here = root.path().display().to_string();
        let text = super::TAKE_BACK.replace("/etc/kubernetes", &here).replace("/var/lib/forge", &here);
        let text = format!("set -eu\nss() {{ echo it listens; }}\n{text}");
        assert!(Command::new("sh").arg("-c").arg(text).status().unwrap().success());
        for (name, text) in [("etcd", "before"), ("kube-scheduler", "aside"), ("kube-apiserver", "in place")] {
            assert_eq!(std::fs::read_to_string(path(&format!("{place}/{name}.yaml"))).unwrap(), text);
        }
        assert!(
            !path(&format!("{aside}/etcd.before")).exists() && !path(&format!("{aside}/kube-scheduler.yaml")).exists()
        );
    }
}
