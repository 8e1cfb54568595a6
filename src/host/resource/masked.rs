//! systemd units that must not run: masked where they are there.

use super::{Difference, Resource};
use crate::host::script::{Script, quote};

/// Units that nobody on the host needs. Those that are not installed are left alone.
#[derive(Clone, Debug)]
pub struct Masked {
    title: &'static str,
    units: Vec<String>,
}

impl Masked {
    /// `title` names the group in plans.
    pub fn new(title: &'static str, units: &[String]) -> Self {
        Self { title, units: units.to_vec() }
    }

    fn names(&self) -> String {
        self.units.iter().map(|unit| quote(unit)).collect::<Vec<_>>().join(" ")
    }
}

impl Resource for Masked {
    fn id(&self) -> String {
        format!("masked {}", self.title)
    }

    fn probe(&self) -> String {
        // Unit and state, a line each; an alias is masked with the unit it stands for.
        let list = format!("systemctl list-unit-files --plain --no-legend {}", self.names());
        if self.units.is_empty() { ":".to_owned() } else { format!("{list} | awk '$2 != \"alias\" {{print $1, $2}}'") }
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        let there: Vec<&str> = seen
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(_, state)| !state.starts_with("masked"))
            .map(|(unit, _)| unit)
            .collect();
        (!there.is_empty()).then(|| Difference::new(format!("{}: {}", self.id(), there.join(", "))))
    }

    fn apply(&self) -> Script {
        Script::new(format!(
            "for unit in {}; do\nif systemctl --quiet cat \"$unit\" >/dev/null 2>&1; then\n\
             systemctl disable --quiet --now \"$unit\" || true\nsystemctl mask --quiet --now \"$unit\"\nfi\ndone",
            self.names()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_units_that_are_there_and_not_masked_differ() {
        let units = Masked::new("unused services", &["cups.service".to_owned(), "bluetooth.service".to_owned()]);
        assert_eq!(units.differ(""), None);
        assert_eq!(units.differ("cups.service masked"), None);
        let difference = units.differ("cups.service masked\nbluetooth.service enabled").unwrap();
        assert_eq!(difference.summary, "masked unused services: bluetooth.service");
    }
}
