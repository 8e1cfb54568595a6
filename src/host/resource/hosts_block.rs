//! Our lines in a hosts file, between two markers; the rest of the file is not ours.

use std::collections::BTreeSet;

use super::{Difference, Resource};
use crate::host::script::{Script, quote};
use crate::secret::Secret;

/// The file that resolvers read.
const FILE: &str = "/etc/hosts";

/// Lines `ADDRESS NAME`, in order: resolvers hand out several addresses of one name in the order of the file.
#[derive(Clone, Debug)]
pub struct HostsBlock {
    file: &'static str,
    lines: Vec<String>,
}

const BEGIN: &str = "# BEGIN forge";
const END: &str = "# END forge";

impl HostsBlock {
    /// In `/etc/hosts`.
    pub fn new(lines: Vec<String>) -> Self {
        Self { file: FILE, lines }
    }

    /// In a file that `/etc/hosts` is made from.
    pub fn in_template(file: &'static str, lines: Vec<String>) -> Self {
        Self { file, lines }
    }

    /// Shell that prints our lines of `/etc/hosts`: everything between markers, and every line that has a marker in it, however
    /// it stands there.
    pub fn print() -> String {
        print(FILE)
    }

    fn names(&self) -> String {
        let names: BTreeSet<&str> = self.lines.iter().filter_map(|line| line.split_whitespace().nth(1)).collect();
        names.into_iter().collect::<Vec<_>>().join(" ")
    }
}

impl Resource for HostsBlock {
    fn id(&self) -> String {
        if self.file == FILE { "hosts entries".to_owned() } else { format!("hosts entries in {}", self.file) }
    }

    fn probe(&self) -> String {
        print(self.file)
    }

    /// One block, as forge writes it: a carriage return, a marker that is missing or one too many is a difference.
    fn differ(&self, seen: &str) -> Option<Difference> {
        let seen: Vec<&str> = seen.split('\n').filter(|line| !line.is_empty()).collect();
        if let [BEGIN, lines @ .., END] = &seen[..]
            && *lines == self.lines
        {
            return None;
        }
        let old: Vec<&str> = seen.iter().copied().filter(|line| *line != BEGIN && *line != END).collect();
        let diff = similar::TextDiff::from_lines(&lines(&old), &lines(&self.lines)).unified_diff().to_string();
        let word = if seen.is_empty() { "add" } else { "change" };
        Some(Difference { summary: format!("{}: {word}", self.id()), diff: Some(diff) })
    }

    fn apply(&self) -> Script {
        let (file, names) = (quote(self.file), quote(&self.names()));
        // Two of them may be in one script.
        let block = if self.file == FILE { "hosts" } else { "hosts-template" };
        Script::new(format!(
            "[ -e {file} ] || : >{file}\n\
             awk -v names={names} '{OTHERS}' {file} >{file}.forge-new\n\
             cat \"$FORGE/{block}\" >>{file}.forge-new\n\
             chmod 644 {file}.forge-new\nmv -f {file}.forge-new {file}"
        ))
        .file(block, Secret::new(format!("{BEGIN}\n{}{END}\n", lines(&self.lines))))
    }
}

/// Prints what is not ours, each line with its end. A marker may share its line with something else: a file that had no final
/// line break when a block was added, or lost it afterwards. Of a block without an end only the lines with our names are ours.
const OTHERS: &str = r##"
function keep_others(   i, words) {
  for (i = 1; i <= held; i++) {
    split(block[i], words)
    if (!(words[2] in ours)) print block[i]
  }
  held = 0
}
BEGIN { count = split(names, list, " "); for (i = 1; i <= count; i++) ours[list[i]] = 1 }
/# BEGIN forge[ \t\r]*$/ {
  if (open) keep_others()
  open = 1
  sub(/# BEGIN forge[ \t\r]*$/, "")
  if ($0 != "") print
  next
}
/^# END forge/ {
  open = held = 0
  sub(/^# END forge[ \t\r]*/, "")
  if ($0 != "") print
  next
}
open { block[++held] = $0; next }
{ print }
END { if (open) keep_others() }
"##;

fn print(file: &str) -> String {
    let open = format!("/{BEGIN}[ \\t\\r]*$/ {{open = 1}}");
    format!("awk '{open} open || /^{END}/ {{print}} /^{END}/ {{open = 0}}' {}", quote(file))
}

fn lines(lines: &[impl AsRef<str>]) -> String {
    lines.iter().map(|line| format!("{}\n", line.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    const OURS: &str = "# BEGIN forge\n192.0.2.11 cp1\n192.0.2.21 w1\n# END forge\n";

    fn block(file: &Path) -> HostsBlock {
        let file: &'static str = file.display().to_string().leak();
        HostsBlock::in_template(file, vec!["192.0.2.11 cp1".to_owned(), "192.0.2.21 w1".to_owned()])
    }

    fn seen(block: &HostsBlock) -> String {
        let output = Command::new("sh").arg("-c").arg(block.probe()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
    }

    /// What becomes of a file.
    fn applied(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts");
        fs::write(&file, text).unwrap();
        let block = block(&file);
        assert!(block.differ(&seen(&block)).is_some(), "nothing to do: {text:?}");
        let script = block.apply();
        fs::write(folder.path().join("hosts.block"), script.files()[0].1.expose()).unwrap();
        let program = format!("set -eu\n{}", script.text().replace("$FORGE/hosts-template", "$FORGE/hosts.block"));
        let run = || Command::new("sh").args(["-c", &program]).env("FORGE", folder.path()).status().unwrap().success();
        assert!(run());
        let once = fs::read_to_string(&file).unwrap();
        assert_eq!(block.differ(&seen(&block)), None, "never equal: {once:?}");
        assert!(run());
        assert_eq!(fs::read_to_string(&file).unwrap(), once, "a second time is another file");
        once
    }

    #[test]
    fn there_is_one_block_whatever_the_file_was_like() {
        let rest = "127.0.0.1 localhost\n";
        let expected = format!("{rest}{OURS}");
        for text in [
            "127.0.0.1 localhost\n",
            "127.0.0.1 localhost",
            "127.0.0.1 localhost# BEGIN forge\n192.0.2.11 cp1\n192.0.2.9 w1\n# END forge\n",
            "127.0.0.1 localhost# BEGIN forge\n192.0.2.11 cp1\n192.0.2.21 w1\n# END forge\n",
            // As a run left it that could not find the first block: one with a good beginning follows it.
            "127.0.0.1 localhost# BEGIN forge\n192.0.2.11 cp1\n# END forge\n# BEGIN forge\n192.0.2.11 cp1\n# END forge\n",
            "# BEGIN forge\n192.0.2.11 cp1\n192.0.2.21 w1\n# END forge\n127.0.0.1 localhost\n# BEGIN forge\n# END forge\n",
            "# BEGIN forge\r\n192.0.2.11 cp1\r\n192.0.2.21 w1\r\n# END forge\r\n127.0.0.1 localhost\n",
            "# BEGIN forge\n192.0.2.11 cp1\n192.0.2.21 w1\n# END forge127.0.0.1 localhost",
            "127.0.0.1 localhost\n# END forge\n",
        ] {
            assert_eq!(applied(text), expected, "{text:?}");
        }
        assert_eq!(applied(""), OURS);
    }

    #[test]
    fn what_is_not_ours_stays_byte_for_byte() {
        let theirs = "127.0.0.1 localhost\r\n\n# mine\t\r\n192.0.2.11  cp1 # theirs\n";
        assert_eq!(applied(theirs), format!("{theirs}{OURS}"));
    }

    #[test]
    fn a_block_without_an_end_is_not_the_rest_of_the_file() {
        let text = "# BEGIN forge\n192.0.2.10 cp1\n192.0.2.21 w1\n\n10.0.0.5 nas\n# mine\n";
        assert_eq!(applied(text), format!("\n10.0.0.5 nas\n# mine\n{OURS}"));
        let two =
            "# BEGIN forge\n192.0.2.10 cp1\n10.0.0.5 nas\n# BEGIN forge\n192.0.2.21 w1\n# END forge\n10.0.0.6 tv\n";
        assert_eq!(applied(two), format!("10.0.0.5 nas\n10.0.0.6 tv\n{OURS}"));
    }

    #[test]
    fn a_file_that_is_right_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts");
        fs::write(&file, format!("127.0.0.1 localhost\n{OURS}10.0.0.5 nas\n")).unwrap();
        let block = block(&file);
        assert_eq!(block.differ(&seen(&block)), None);
    }
}
