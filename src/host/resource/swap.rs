//! Swap off, now and after the next boot: the kubelet refuses to start otherwise.

use super::{Difference, Resource};
use crate::host::script::Script;

/// No swap: not active, not in `/etc/fstab`.
#[derive(Clone, Debug)]
pub struct SwapOff;

impl Resource for SwapOff {
    fn id(&self) -> String {
        "swap".to_owned()
    }

    fn probe(&self) -> String {
        // An fstab line counts when its third field is swap and it is not a comment.
        "tail -n +2 /proc/swaps | awk '{print \"active \" $1}'\n\
         awk '$1 !~ /^#/ && $3 == \"swap\" {print \"fstab \" $1}' /etc/fstab\n\
         systemctl list-unit-files --plain --no-legend --state=enabled,generated '*.swap' | awk '{print \"unit \" $1}'"
            .to_owned()
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let found: Vec<&str> = seen.lines().filter_map(|line| line.split_once(' ')).map(|(_, what)| what).collect();
        (!found.is_empty()).then(|| Difference::new(format!("swap: off for good ({})", found.join(", "))))
    }

    fn apply(&self) -> Script {
        Script::new(
            "awk '$1 !~ /^#/ && $3 == \"swap\" {print \"# off for Kubernetes: \" $0; next} {print}' /etc/fstab \
             >/etc/fstab.forge-new\nchmod 644 /etc/fstab.forge-new\nmv -f /etc/fstab.forge-new /etc/fstab\n\
             systemctl daemon-reload\n\
             for unit in $(systemctl list-unit-files --plain --no-legend --state=enabled '*.swap' | cut -d' ' -f1); do \
             systemctl mask --now \"$unit\"; done\nswapoff -a",
        )
    }
}
