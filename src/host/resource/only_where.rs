//! A resource that a host should have only where something else is there, as settings of a program that may be missing.

use super::{Difference, Resource};
use crate::host::script::Script;

/// A resource behind a condition that the host itself answers.
#[derive(Debug)]
pub struct OnlyWhere {
    test: &'static str,
    resource: Box<dyn Resource>,
}

/// What the probe prints where the condition does not hold.
const NOT_HERE: &str = "forge: not here";

impl OnlyWhere {
    /// `resource`, where the shell's `test` succeeds.
    pub fn new(test: &'static str, resource: impl Resource + 'static) -> Self {
        Self { test, resource: Box::new(resource) }
    }
}

impl Resource for OnlyWhere {
    fn id(&self) -> String {
        self.resource.id()
    }

    fn probe(&self) -> String {
        format!("if {}; then\n{}\nelse\necho '{NOT_HERE}'\nfi", self.test, self.resource.probe())
    }

    fn differ(&self, seen: &str) -> Option<Difference> {
        if seen == NOT_HERE { None } else { self.resource.differ(seen) }
    }

    fn remark(&self, seen: &str) -> Option<String> {
        self.resource.remark(seen)
    }

    fn apply(&self) -> Script {
        self.resource.apply()
    }

    fn follows(&self) -> Vec<String> {
        self.resource.follows()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::Hostname;
    use super::*;

    #[test]
    fn it_differs_only_where_the_condition_holds() {
        let ask = |test: &'static str| {
            let resource = OnlyWhere::new(test, Hostname("never-called-so".to_owned()));
            let output = Command::new("sh").arg("-c").arg(resource.probe()).output().unwrap();
            resource.differ(String::from_utf8(output.stdout).unwrap().trim()).is_some()
        };
        assert_eq!((ask("[ -d / ]"), ask("[ -d /nonexistent ]")), (true, false));
    }
}
