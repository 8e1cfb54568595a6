//! Shell around the package manager: it waits for the locks of apt and dpkg, and says so.

/// Defines `when_unlocked COMMAND…`: runs the command, and again for up to five minutes while another program holds a lock that it
/// needs. `DPkg::Lock::Timeout` covers dpkg's own two locks only: those of the package lists and of the downloads, which
/// apt-daily takes soon after a boot, let apt fail at once.
pub(super) const APT: &str = r#"when_unlocked() {
  mkdir -p "$FORGE"
  apt_begun=$(date +%s)
  apt_told=0
  until "$@" 2>"$FORGE/apt-errors"; do
    apt_holder=$(sed -n 's/^E: \(Could not get lock\)/\1/p; s/^dpkg: error: \(.* was locked by another process\)/\1/p' "$FORGE/apt-errors" | head -n 1)
    apt_waited=$(($(date +%s) - apt_begun))
    if [ -z "$apt_holder" ] || [ "$apt_waited" -ge 300 ]; then
      cat "$FORGE/apt-errors" >&2
      return 1
    fi
    if [ "$apt_waited" -ge "$apt_told" ]; then
      echo "waiting up to 300 s for another package manager: $apt_holder"
      apt_told=$((apt_waited + 30))
    fi
    sleep 1
  done
  cat "$FORGE/apt-errors" >&2
}"#;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A package manager that fails with `words` twice and then works.
    fn says_twice(words: &str) -> (String, Option<i32>) {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "set -eu\nFORGE=$1\n{APT}\nsleep() {{ :; }}\nfake() {{\n  count=$((${{count:-0}} + 1))\n  \
             [ $count -gt 2 ] || {{ echo '{words}' >&2; return 100; }}\n  echo worked\n}}\nwhen_unlocked fake 2>&1"
        );
        let output =
            Command::new("sh").arg("-c").arg(script).arg("sh").arg(folder.path().join("part")).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    }

    #[test]
    fn a_lock_is_waited_for_and_said_once() {
        for (words, told) in [
            (
                "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)\nE: Unable to lock directory",
                "Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)",
            ),
            (
                "dpkg: error: dpkg frontend lock was locked by another process with pid 7\nNote: removing it is wrong",
                "dpkg frontend lock was locked by another process with pid 7",
            ),
        ] {
            let expected = format!("waiting up to 300 s for another package manager: {told}\nworked\n");
            assert_eq!(says_twice(words), (expected, Some(0)));
        }
    }

    #[test]
    fn what_is_no_lock_fails_at_once_in_the_programs_words() {
        let words = "E: Could not open lock file /var/lib/apt/lists/lock - open (13: Permission denied)";
        assert_eq!(says_twice(words), (format!("{words}\n"), Some(1)));
    }
}
