//! Who may log in to a host, and how.

use crate::audit::control::{Check, Control, Verdict};
use crate::audit::seen::Node;
use crate::audit::seen::files::{File, Purpose};

const fn sshd(id: &'static str, title: &'static str, check: fn(&Node<'_>) -> Verdict) -> Control {
    Control::new(id, title, Check::Node(check)).high().how("sshd -T: what all its files together come to").remedy(
        "forge up INVENTORY; elsewhere: a drop-in in /etc/ssh/sshd_config.d whose name sorts first, then reload sshd",
    )
}

/// Each keyword has one of the values; a keyword that this sshd does not know is passed over.
fn values(node: &Node<'_>, wanted: &[(&str, &[&str])]) -> Verdict {
    let Some(seen) = sshd_of(node) else { return no_sshd() };
    let value = |keyword: &str| seen.get(keyword).and_then(|values| values.first()).map(String::as_str);
    let found: Vec<(String, bool)> = wanted
        .iter()
        .filter_map(|(keyword, good)| Some((keyword, good, value(keyword)?)))
        .map(|(keyword, good, value)| (format!("{keyword} {value}"), good.contains(&value)))
        .collect();
    let wrong: Vec<String> = found.iter().filter(|(_, good)| !good).map(|(words, _)| words.clone()).collect();
    let all: Vec<String> = found.into_iter().map(|(words, _)| words).collect();
    Verdict::unless(&wrong, all.join(", "))
}

fn sshd_of<'n>(node: &'n Node<'_>) -> Option<&'n std::collections::BTreeMap<String, Vec<String>>> {
    Some(&node.system.sshd).filter(|seen| !seen.is_empty())
}

fn no_sshd() -> Verdict {
    Verdict::NotChecked("sshd -T said nothing".to_owned())
}

/// A number between two.
fn between(node: &Node<'_>, limits: &[(&str, u64, u64)]) -> Verdict {
    let Some(seen) = sshd_of(node) else { return no_sshd() };
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for (keyword, least, most) in limits {
        let Some(value) = seen.get(*keyword).and_then(|values| values.first()) else { continue };
        let words = format!("{keyword} {value}");
        if !value.parse::<u64>().is_ok_and(|number| (*least..=*most).contains(&number)) {
            wrong.push(words.clone());
        }
        all.push(words);
    }
    Verdict::unless(&wrong, all.join(", "))
}

/// What no list of algorithms should have.
const WEAK: &[(&str, &[&str])] = &[
    ("ciphers", &["-cbc", "arcfour", "3des", "blowfish", "cast128"]),
    ("macs", &["md5", "hmac-sha1", "ripemd", "umac-64", "-96"]),
    ("kexalgorithms", &["group1-", "group14-", "-sha1", "group-exchange", "nistp", "group16", "group18"]),
];

fn algorithms(node: &Node<'_>) -> Verdict {
    let Some(seen) = sshd_of(node) else { return no_sshd() };
    let mut wrong = Vec::new();
    for (keyword, weak) in WEAK {
        let list = seen.get(*keyword).and_then(|values| values.first()).map_or("", String::as_str);
        wrong.extend(list.split(',').filter(|name| weak.iter().any(|word| name.contains(word))).map(str::to_owned));
    }
    Verdict::unless(&wrong, "ciphers, MACs and key exchanges are today's")
}

fn accounts(node: &Node<'_>) -> Verdict {
    let empty: Vec<String> = node
        .system
        .fact("no-password")
        .split_whitespace()
        .map(|name| format!("{name} has an empty password"))
        .collect();
    let roots = node.system.fact("uid-0").split_whitespace().filter(|name| *name != "root");
    let wrong: Vec<String> = empty.into_iter().chain(roots.map(|name| format!("{name} has user id 0"))).collect();
    if node.system.fact("uid-0").is_empty() {
        return Verdict::NotChecked("the accounts could not be read".to_owned());
    }
    Verdict::unless(&wrong, "no empty password, and no other root")
}

/// What nobody but root may read, and what nobody but root may write.
fn files(node: &Node<'_>) -> Verdict {
    let at_most = |file: &File| {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        match name {
            "passwd" | "group" | "sshd_config" => 0o644,
            "shadow" | "gshadow" => 0o640,
            _ if file.folder => 0o755,
            _ if name.starts_with("ssh_host_") => 0o600,
            _ => 0o440 | 0o200,
        }
    };
    let mut wrong = Vec::new();
    let seen = || node.files.iter().filter(|file| file.purpose == Purpose::Accounts);
    for file in seen() {
        if file.mode & !at_most(file) != 0 {
            wrong.push(format!("{} is {:o}", file.path, file.mode));
        }
        if !file.owner.starts_with("root:") {
            wrong.push(format!("{} belongs to {}", file.path, file.owner));
        }
    }
    if seen().count() == 0 {
        return Verdict::NotChecked("no such file was seen".to_owned());
    }
    Verdict::unless(&wrong, format!("all {} files", seen().count()))
}

const NO: &[&str] = &["no"];

pub(super) const CONTROLS: &[Control] = &[
    sshd("FORGE-SSHD-ROOT", "root does not log in with a password", |node| {
        values(node, &[("permitrootlogin", &["no", "prohibit-password", "without-password", "forced-commands-only"])])
    }),
    sshd("FORGE-SSHD-PASSWORDS", "Nobody logs in with a password", |node| {
        values(
            node,
            &[
                ("passwordauthentication", NO),
                ("kbdinteractiveauthentication", NO),
                ("permitemptypasswords", NO),
                ("hostbasedauthentication", NO),
                ("ignorerhosts", &["yes"]),
                ("pubkeyauthentication", &["yes"]),
            ],
        )
    }),
    sshd("FORGE-SSHD-TUNNELS", "A login is no tunnel into the network", |node| {
        values(
            node,
            &[
                ("x11forwarding", NO),
                ("allowagentforwarding", NO),
                ("allowtcpforwarding", &["no", "local"]),
                ("permittunnel", NO),
                ("gatewayports", NO),
                ("permituserenvironment", NO),
            ],
        )
    }),
    sshd("FORGE-SSHD-LIMITS", "Guessing is slow and idle logins end", |node| {
        between(
            node,
            &[
                ("maxauthtries", 1, 4),
                ("logingracetime", 1, 60),
                ("clientaliveinterval", 1, 900),
                ("maxsessions", 1, 10),
            ],
        )
    })
    .low(),
    sshd("FORGE-SSHD-ALGORITHMS", "sshd offers no weak algorithm", algorithms),
    sshd("FORGE-SSHD-LOG", "Logins are logged with the key that was used", |node| {
        values(node, &[("loglevel", &["VERBOSE"])])
    })
    .low(),
    Control::new("FORGE-ACCOUNTS", "No account has an empty password, and there is one root", Check::Node(accounts))
        .high()
        .how("/etc/passwd and /etc/shadow")
        .remedy("passwd -l the account that is named, or delete it"),
    Control::new("FORGE-ACCOUNT-FILES", "Accounts, sudo and host keys are root's alone", Check::Node(files))
        .high()
        .how("stat on the host")
        .remedy("chown root and chmod the file that is named"),
];

#[cfg(test)]
mod tests {
    use super::super::find;
    use crate::audit::judge::tests::{node, verdict};

    fn with(id: &str, sshd: &str) -> String {
        verdict(find(id).unwrap(), &node(&[("audit sshd", sshd)]))
    }

    #[test]
    fn sshd_is_judged_by_what_its_files_come_to() {
        assert_eq!(
            with("FORGE-SSHD-ROOT", "permitrootlogin without-password"),
            "pass: permitrootlogin without-password"
        );
        assert_eq!(with("FORGE-SSHD-ROOT", "permitrootlogin yes"), "fail: permitrootlogin yes");
        assert_eq!(
            with("FORGE-SSHD-PASSWORDS", "passwordauthentication yes\nkbdinteractiveauthentication no"),
            "fail: passwordauthentication yes"
        );
        assert_eq!(
            with("FORGE-SSHD-LIMITS", "maxauthtries 6\nlogingracetime 0\nclientaliveinterval 300"),
            "fail: maxauthtries 6, logingracetime 0"
        );
        assert_eq!(
            with("FORGE-SSHD-ALGORITHMS", "ciphers aes128-ctr,aes128-cbc\nmacs umac-128@openssh.com"),
            "fail: aes128-cbc"
        );
        assert!(with("FORGE-SSHD-ROOT", "").starts_with("not checked"));
    }

    #[test]
    fn an_empty_password_and_a_second_root_are_named() {
        let facts = "no-password\tguest\nuid-0\troot toor\n";
        let found = verdict(find("FORGE-ACCOUNTS").unwrap(), &node(&[("audit system", facts)]));
        assert_eq!(found, "fail: guest has an empty password, toor has user id 0");
    }
}
