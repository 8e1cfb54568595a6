//! sshd reads forge's drop-in, and reads it before anything else sets the same: it takes the first value that it finds.

use super::finding::Finding;
use super::seen::Seen;
use crate::host::Resource as _;
use crate::host::facts::Probe;
use crate::host::resource::Sshd;
use crate::inventory::Cluster;
use crate::phases::host::{SSHD_FILE, sshd_settings};

const KEY: &str = "preflight sshd";

/// Lines in the order in which sshd reads its files: `set FILE KEYWORD VALUE`, and `included` where the drop-in is read, or
/// would be. What follows a `Match` counts for some logins only.
pub(super) fn probe() -> Probe {
    Probe::quick(
        KEY,
        format!(
            r#"ours={SSHD_FILE}
depth=0
walk() {{
  depth=$((depth + 1))
  awk '{{sub(/^[ \t]*#.*/, ""); sub(/[ \t]#.*/, ""); gsub(/"/, ""); sub(/=/, " ")}} NF {{$1 = tolower($1); print}}' "$1" | while read -r word value; do
    case $word in
      match) break ;;
      include)
        set -f
        for pattern in $value; do
          set +f
          case $pattern in /*) ;; *) pattern=/etc/ssh/$pattern ;; esac
          # shellcheck disable=SC2254
          case $ours in $pattern) reads=yes ;; *) reads= ;; esac
          for file in $pattern; do
            if [ -n "$reads" ] && expr "x$file" '>=' "x$ours" >/dev/null; then echo included; reads=; fi
            [ "$file" = "$ours" ] || [ ! -e "$file" ] || [ "$depth" -gt 8 ] || walk "$file"
          done
          [ -z "$reads" ] || echo included
        done
        set +f ;;
      *) printf 'set %s %s %.200s\n' "$1" "$word" "$value" ;;
    esac
  done
  depth=$((depth - 1))
}}
[ ! -e /etc/ssh/sshd_config ] || {{ echo read; walk /etc/ssh/sshd_config; }}"#
        ),
    )
}

pub(super) fn check(cluster: &Cluster, hosts: &[Seen<'_>]) -> Vec<Finding> {
    if !cluster.security.host.sshd.enabled {
        return Vec::new();
    }
    hosts.iter().flat_map(|seen| one(cluster, seen)).collect()
}

fn one(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Finding> {
    let answer = seen.observed.get(KEY);
    let name = &seen.host.name;
    let ours = sshd_settings(seen.host, cluster, seen.observed);
    // Whatever the files say, sshd may have the right value already.
    let differs = |settings: Vec<(String, String)>| {
        let sshd = Sshd { user: seen.host.ssh.user.clone(), file: SSHD_FILE, settings };
        sshd.differ(seen.observed.get("sshd")).is_some()
    };
    if answer.is_empty() {
        return Vec::new();
    }
    if !answer.lines().any(|line| line == "included") {
        if !differs(ours) {
            return Vec::new();
        }
        let include = "Include /etc/ssh/sshd_config.d/*.conf";
        return vec![
            Finding::fatal(
                seen.host,
                format!("sshd on {name} does not read forge's settings: /etc/ssh/sshd_config does not include {SSHD_FILE}"),
                format!(
                    "on {name}: sudo sed -i '1i {include}' /etc/ssh/sshd_config   or leave sshd as it is with security.sshd.enabled: false"
                ),
            )
            .cause(format!("no line `{include}` before the first `Match`")),
        ];
    }
    let before = answer.lines().take_while(|line| *line != "included").filter_map(|line| line.strip_prefix("set "));
    let mut seen_keywords = Vec::new();
    let mut findings = Vec::new();
    for line in before {
        let [file, keyword, value] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { continue };
        let Some(wanted) = ours.iter().find(|(ours, _)| ours.eq_ignore_ascii_case(keyword)) else { continue };
        if seen_keywords.contains(&keyword) || !differs(vec![wanted.clone()]) {
            continue;
        }
        seen_keywords.push(keyword);
        findings.push(
            Finding::fatal(
                seen.host,
                format!("{file} on {name} sets {} before sshd reads forge's settings", wanted.0),
                format!("on {name}: remove that line from {file}, or set security.sshd.settings.{}", wanted.0),
            )
            .cause(format!("{keyword} {value}; forge sets {}, and sshd takes the first value", wanted.1)),
        );
    }
    findings
}
