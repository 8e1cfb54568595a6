//! sshd's own files: forge's drop-in is read, and before anything that sets the same.

use std::process::Command;

use forge::phases::preflight::probes;

use super::fixture::*;

const INCLUDE: &str = "Include /etc/ssh/sshd_config.d/*.conf\n";

/// What the real probe says of these files below `/etc/ssh`.
fn probed(files: &[(&str, &str)]) -> String {
    let root = tempfile::tempdir().unwrap();
    let moved = |text: &str| text.replace("/etc/ssh", &root.path().display().to_string());
    for (name, text) in files {
        let file = root.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, moved(text)).unwrap();
    }
    let cluster = cluster();
    let probe = probes(&cluster, &cluster.hosts[0]).into_iter().find(|probe| probe.key == "preflight sshd").unwrap();
    let output = Command::new("sh").env("LC_ALL", "C").arg("-c").arg(moved(&probe.shell)).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().replace(&root.path().display().to_string(), "/etc/ssh")
}

/// What is found with these files; `effective` is what sshd prints.
fn found(files: &[(&str, &str)], effective: &str) -> String {
    let mut answers = bare().says("cp1", "sshd", probed(files).trim_end());
    let seen = answers.seen.get_mut(&answers.cluster.hosts[0].name).unwrap();
    seen.answers.insert("sshd".to_owned(), effective.to_owned());
    answers.check().iter().map(|finding| format!("{}\n{}\n{}\n", finding.what, finding.cause, finding.next)).collect()
}

#[test]
fn what_debian_ships_is_fine() {
    let debian = format!("# comment\n\n{INCLUDE}\n#Port 22\nKbdInteractiveAuthentication no\nX11Forwarding yes\n");
    for files in [
        &[("sshd_config", debian.as_str())][..],
        &[("sshd_config", &debian), ("sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n")],
        &[("sshd_config", "include \"sshd_config.d/*.conf\"\nPasswordAuthentication=yes")],
        &[(
            "sshd_config",
            "Port 2222\nInclude /etc/ssh/other.conf /etc/ssh/sshd_config.d/*\nPasswordAuthentication yes\n",
        )],
        &[
            ("sshd_config", "Include /etc/ssh/all.conf\nInclude /etc/ssh/sshd_config.d/*.conf"),
            ("all.conf", "Match User x\nPasswordAuthentication yes\n"),
        ],
        &[],
    ] {
        assert_eq!(found(files, ""), "", "{files:?}");
    }
}

#[test]
fn a_drop_in_that_is_not_read_is_refused_with_the_line_to_add() {
    let words = "sshd on cp1 does not read forge's settings: /etc/ssh/sshd_config does not include \
        /etc/ssh/sshd_config.d/00-forge.conf\nno line `Include /etc/ssh/sshd_config.d/*.conf` before the first `Match`\n\
        on cp1: sudo sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config   or leave sshd as it is with \
        security.sshd.enabled: false\n";
    for config in [
        "PasswordAuthentication no\n",
        "#Include /etc/ssh/sshd_config.d/*.conf\n",
        "Match User ops\n  Include /etc/ssh/sshd_config.d/*.conf\n",
        "Include /etc/ssh/sshd_config.d/*.local\n",
    ] {
        assert_eq!(found(&[("sshd_config", config)], "passwordauthentication yes"), words, "{config}");
    }
    let off = bare().says("cp1", "sshd", "read").wants(|cluster| cluster.security.host.sshd.enabled = false);
    off.finds_nothing();
}

#[test]
fn a_setting_that_comes_first_is_refused_where_it_stands() {
    let early = |file: &str| {
        format!(
            "/etc/ssh/{file} on cp1 sets MaxAuthTries before sshd reads forge's settings\n\
             maxauthtries 9; forge sets 3, and sshd takes the first value\n\
             on cp1: remove that line from /etc/ssh/{file}, or set security.sshd.settings.MaxAuthTries\n"
        )
    };
    let config = format!("MaxAuthTries 9\nMaxAuthTries 8\n{INCLUDE}");
    assert_eq!(found(&[("sshd_config", &config)], "maxauthtries 9"), early("sshd_config"));
    let files = [("sshd_config", INCLUDE), ("sshd_config.d/00-aaa.conf", "maxauthtries = 9\n")];
    assert_eq!(found(&files, "maxauthtries 9"), early("sshd_config.d/00-aaa.conf"));
    // What is right already may stand anywhere.
    assert_eq!(found(&files, "maxauthtries 3"), "");
}
