//! Releases one after the other in one step: what one fails with does not keep the others back.

use std::collections::VecDeque;

use serde_json::Value;

use super::{Release, Site, script, unrendered};
use crate::error::{Exit, Problem};
use crate::host::Script;
use crate::kube::addons::namespace;
use crate::kube::release::Installed;
use crate::kube::trouble::{Troubles, plain};
use crate::phases::preflight::exports;
use crate::plan::{Heard, Talk, Turn};
use crate::report::Outcome;
use crate::secret::Secret;

/// One release of a conversation.
pub(super) struct Part {
    name: String,
    namespace: String,
    script: Script,
    /// Values of which nothing may be shown.
    secret: Option<Secret>,
}

impl Part {
    /// Installs or upgrades one.
    pub(super) fn install(
        release: Release,
        found: Option<&Installed>,
        helm: &str,
        site: Site<'_>,
    ) -> Result<Self, Problem> {
        let labelled = (!release.labels.is_empty())
            .then(|| namespace(site.templates, &release.namespace, release.labels).map_err(unrendered));
        let exports = exports(&site.cluster.proxy);
        let script = script::install(&release, found, helm, &site.cluster.sources, &exports, labelled.transpose()?);
        let secret = release.secret.then_some(release.values);
        Ok(Self { name: release.name, namespace: release.namespace, script, secret })
    }

    /// Takes one back.
    pub(super) fn uninstall(release: &Installed, helm: &str) -> Self {
        let (name, namespace) = (release.name.clone(), release.namespace.clone());
        Self { name, namespace, script: script::uninstall(release, helm), secret: None }
    }

    /// Why it did not come up, in the words of its pods, of Helm, or of whatever came before Helm.
    fn failed(&self, heard: &Heard) -> Problem {
        let troubles = Troubles::of(&heard.values);
        let (stuck, said) = (self.without_secrets(&troubles.words()), self.without_secrets(&heard.text("said")));
        let Self { name, namespace, .. } = self;
        // Helm's errors are long lines, the last of which says it all.
        let said = plain(said.trim().lines().last().unwrap_or_default());
        let cause = [stuck.clone(), said, heard.tail()];
        let cause: Vec<String> = cause.into_iter().filter(|words| !words.is_empty()).collect();
        let what = if stuck.is_empty() { "was not applied" } else { "does not come up" };
        let next = if stuck.is_empty() {
            "fix the cause and run the same command again".to_owned()
        } else {
            // Helm has rolled back: the pods themselves are gone.
            format!("{} and run the same command again; to look: kubectl -n {namespace} get events", troubles.fix())
        };
        Problem::new(Exit::Failed, format!("the release {name} in {namespace} {what}"))
            .cause(cause.join("\n"))
            .next(next)
    }

    /// Helm may quote values when it complains of them.
    fn without_secrets(&self, text: &str) -> String {
        let Some(values) = &self.secret else { return text.to_owned() };
        let values = String::from_utf8_lossy(values.expose()).into_owned();
        let mut words = Vec::new();
        crate::yaml::documents(&values).unwrap_or_default().iter().for_each(|document| texts(document, &mut words));
        // The longest first, or a part of it would stay.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.iter().fold(text.to_owned(), |text, word| text.replace(word.as_str(), "[redacted]"))
    }
}

/// Every text of a document that is long enough to be a secret.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 4 => found.push(text.clone()),
        Value::Number(number) => found.extend(Some(number.to_string()).filter(|text| text.len() >= 4)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        _ => {}
    }
}

/// The conversation.
pub(super) struct Conversation {
    waiting: VecDeque<Part>,
    current: Option<Part>,
    problems: Vec<Problem>,
}

impl Conversation {
    pub(super) fn of(parts: Vec<Part>) -> Self {
        Self { waiting: parts.into(), current: None, problems: Vec::new() }
    }
}

impl Talk for Conversation {
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem> {
        if let (Some(part), Some(heard)) = (self.current.take(), heard)
            && !heard.well
        {
            self.problems.push(part.failed(&heard));
        }
        if let Some(part) = self.waiting.pop_front() {
            let script = part.script.clone();
            self.current = Some(part);
            return Ok(Turn::Run(script));
        }
        match self.problems.len() {
            0 => Ok(Turn::Done(Outcome::Done)),
            1 => Err(self.problems.remove(0)),
            count => {
                let words = |problem: &Problem| format!("{}: {}", problem.what, problem.cause);
                let cause = self.problems.iter().map(words).collect::<Vec<_>>().join("\n");
                Err(Problem::new(Exit::Failed, format!("{count} releases did not come up"))
                    .cause(cause)
                    .next("mend the causes and run the same command again"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, secret: Option<&str>) -> Part {
        let secret = secret.map(Secret::new);
        Part { name: name.to_owned(), namespace: "front".to_owned(), script: Script::new(name), secret }
    }

    fn heard(values: &[(&str, &str)]) -> Heard {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        Heard { values, ..Heard::default() }
    }

    fn runs(turn: Result<Turn, Problem>) -> String {
        match turn.unwrap() {
            Turn::Run(script) => script.text().to_owned(),
            _ => "nothing more".to_owned(),
        }
    }

    #[test]
    fn a_release_that_fails_does_not_keep_the_next_one_back() {
        let mut talk = Conversation::of(vec![part("one", None), part("two", None), part("three", None)]);
        assert_eq!(runs(talk.next(None)), "one");
        assert_eq!(runs(talk.next(Some(heard(&[("said", "Error: no\n")])))), "two");
        assert_eq!(runs(talk.next(Some(Heard { well: true, ..Heard::default() }))), "three");
        let pods = r#"{"items": [{"metadata": {"name": "three-x"}, "status": {"containerStatuses": [{"name": "web", "image": "web:1",
            "ready": false, "state": {"waiting": {"reason": "ErrImagePull", "message": "gone"}}}]}}]}"#;
        let problem = talk.next(Some(heard(&[("pods.front", pods)])));
        assert_eq!(
            problem.err().unwrap().to_string(),
            "2 releases did not come up\n  \
             cause: the release one in front was not applied: Error: no\n         \
             the release three in front does not come up: front/three-x container web (web:1): ErrImagePull: gone\n  \
             next:  mend the causes and run the same command again"
        );
    }

    #[test]
    fn helms_last_words_are_told_without_the_values_of_a_file() {
        let part = part("one", Some("db:\n  password: swordfish\n  pin: 123456\n  list: [swordfish-2]\n"));
        let said = "level=WARN\nError: password \"swordfish\" and \"swordfish-2\": 123456 is too short\n";
        let problem = part.failed(&heard(&[("said", said)]));
        assert_eq!(problem.cause, "Error: password \"[redacted]\" and \"[redacted]\": [redacted] is too short");
    }
}
