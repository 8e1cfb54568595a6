//! Our lines in `/etc/hosts`, between two markers; the rest of the file is not ours.

use super::{Difference, Resource};
use crate::host::script::Script;
use crate::secret::Secret;

/// Lines `ADDRESS NAME`, in order: resolvers hand out several addresses of one name in the order of the file.
#[derive(Clone, Debug)]
pub struct HostsBlock(pub Vec<String>);

const BEGIN: &str = "# BEGIN forge";
const END: &str = "# END forge";

impl Resource for HostsBlock {
    fn id(&self) -> String {
        "hosts entries".to_owned()
    }

    fn probe(&self) -> String {
        format!("sed -n '/^{BEGIN}$/,/^{END}$/p' /etc/hosts")
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let old: Vec<&str> = seen.lines().filter(|line| *line != BEGIN && *line != END).collect();
        if !seen.is_empty() && old == self.0 {
            return None;
        }
        let diff = similar::TextDiff::from_lines(&lines(&old), &lines(&self.0)).unified_diff().to_string();
        let word = if seen.is_empty() { "add" } else { "change" };
        Some(Difference { summary: format!("hosts entries: {word}"), diff: Some(diff) })
    }

    fn apply(&self) -> Script {
        Script::new(format!(
            "sed '/^{BEGIN}$/,/^{END}$/d' /etc/hosts >/etc/hosts.forge-new\ncat \"$FORGE/hosts\" >>/etc/hosts.forge-new\n\
             chmod 644 /etc/hosts.forge-new\nmv -f /etc/hosts.forge-new /etc/hosts"
        ))
        .file("hosts", Secret::new(format!("{BEGIN}\n{}{END}\n", lines(&self.0))))
    }
}

fn lines(lines: &[impl AsRef<str>]) -> String {
    lines.iter().map(|line| format!("{}\n", line.as_ref())).collect()
}
