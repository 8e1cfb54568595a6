//! What Calico's operator says of the `Installation` that it was given. Pure.
//!
//! The operator writes a `TigeraStatus` for each of its parts, with the conditions `Available`, `Progressing` and `Degraded`. Each
//! condition carries the generation of the `Installation` that it is about (`SetMetaData` and `set` in
//! `pkg/controller/status/status.go` of tigera/operator), and `Available` is true when every pod of that part is of the version
//! that is wanted and ready. `Installation.status.calicoVersion` is written after that, up to half a minute later, and is the only
//! thing that tells one version's `Available` from another's.

use serde_json::Value;

use super::trouble::{GATHER, plain};
use crate::host::Script;

/// The parts that a pod network needs, by name: without an `APIServer` resource the part `tiers` stays degraded for ever.
pub const PARTS: [&str; 2] = ["calico", "ippools"];

/// Where the operator's pods and Calico's are.
pub const OPERATOR_NAMESPACE: &str = "tigera-operator";
/// See [`OPERATOR_NAMESPACE`].
pub const CALICO_NAMESPACE: &str = "calico-system";

/// What the operator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All parts are available, for the Installation as it is now.
    Available,
    /// Not all are; with what is still missing.
    Waiting(String),
    /// A part of it is degraded, which the operator says of the Installation as it is now.
    Degraded {
        /// `calico: InvalidConfigurationError: Invalid Installation provided: …`
        words: String,
        /// How certain it is that waiting does not help.
        cause: Cause,
    },
}

/// What a degraded part suffers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The operator refuses what it was asked for.
    Refused,
    /// Its pods: they are looked at themselves.
    Pods,
    /// Something that it waits for, or that it tries again.
    Other,
}

impl Cause {
    /// `TigeraStatusReason` in `api/v1/tigerastatus_types.go`.
    fn of(reason: &str) -> Self {
        match reason {
            "InvalidConfigurationError" | "ResourceValidationError" | "MigrationError" | "CertificateError" => {
                Self::Refused
            }
            "PodFailure" => Self::Pods,
            _ => Self::Other,
        }
    }
}

/// Looks once: hands back the operator's words as `tigera`, and, when `closely`, what [`super::trouble::Troubles`] reads.
pub fn look(closely: bool) -> Script {
    let parts = PARTS.map(|part| format!("tigerastatuses.operator.tigera.io/{part}")).join(" ");
    let script = Script::new(format!(
        "sleep 2\n\
         {{ kubectl get installations.operator.tigera.io/default {parts} -o json --ignore-not-found 2>/dev/null || true; }} | \
         emit tigera\ndate +%s | emit now"
    ));
    if !closely {
        return script;
    }
    script.line(GATHER).line(format!("gather {OPERATOR_NAMESPACE} .\ngather {CALICO_NAMESPACE} .\nhand_back"))
}

/// Reads the list that [`look`] hands back. `version` is Calico's, without the leading `v`.
pub fn verdict(list: &str, version: &str) -> Verdict {
    let list: Value = serde_json::from_str(list).unwrap_or_default();
    let items = || list["items"].as_array().into_iter().flatten();
    let named = |kind: &str, name: &str| items().find(|item| item["kind"] == kind && item["metadata"]["name"] == name);
    let Some(installation) = named("Installation", "default") else {
        return Verdict::Waiting("the Installation `default` does not exist".to_owned());
    };
    let generation = installation["metadata"]["generation"].as_i64().unwrap_or_default();
    let mut missing = Vec::new();
    let mut degraded: Vec<(String, Cause)> = Vec::new();
    for part in PARTS {
        let Some(status) = named("TigeraStatus", part) else {
            missing.push(format!("{part}: the operator has said nothing yet"));
            continue;
        };
        let condition = |kind: &str| {
            let mut conditions = status["status"]["conditions"].as_array().into_iter().flatten();
            // What it says of an earlier Installation is no word on this one.
            let now = |condition: &&Value| condition["observedGeneration"].as_i64().unwrap_or_default() >= generation;
            conditions.find(|condition| condition["type"] == kind && condition["status"] == "True").filter(now)
        };
        let words = |condition: &Value| {
            let text = |key: &str| plain(condition[key].as_str().unwrap_or_default());
            format!("{part}: {}: {}", text("reason"), text("message"))
        };
        if let Some(condition) = condition("Degraded") {
            degraded.push((words(condition), Cause::of(condition["reason"].as_str().unwrap_or_default())));
        } else if condition("Available").is_none() {
            missing.push(match condition("Progressing") {
                Some(condition) => words(condition),
                None => format!("{part}: the operator has not said that it is available"),
            });
        }
    }
    // What is refused explains what waits for it.
    if let Some(cause) = [Cause::Refused, Cause::Pods, Cause::Other]
        .into_iter()
        .find(|cause| degraded.iter().any(|(_, other)| other == cause))
    {
        let words: Vec<&str> =
            degraded.iter().filter(|(_, other)| *other == cause).map(|(words, _)| words.as_str()).collect();
        return Verdict::Degraded { words: words.join("\n"), cause };
    }
    // Where no version has come up yet there is none to be mistaken for this one.
    let deployed = installation["status"]["calicoVersion"].as_str().unwrap_or_default();
    if missing.is_empty() && !deployed.is_empty() && deployed.trim_start_matches('v') != version {
        missing.push(format!("the operator has deployed {} of Calico, and {version} is wanted", plain(deployed)));
    }
    if missing.is_empty() { Verdict::Available } else { Verdict::Waiting(missing.join("\n")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn installation(generation: i64, version: &str) -> Value {
        json!({"kind": "Installation", "metadata": {"name": "default", "generation": generation},
            "status": {"calicoVersion": version}})
    }

    fn status(part: &str, kind: &str, generation: i64, reason: &str, message: &str) -> Value {
        json!({"kind": "TigeraStatus", "metadata": {"name": part}, "status": {"conditions": [
            {"type": kind, "status": "True", "observedGeneration": generation, "reason": reason, "message": message}]}})
    }

    fn available(part: &str, generation: i64) -> Value {
        status(part, "Available", generation, "AllObjectsAvailable", "All objects available")
    }

    fn of(items: &[Value]) -> Verdict {
        verdict(&json!({"kind": "List", "items": items}).to_string(), "3.32.1")
    }

    #[test]
    fn available_is_said_of_this_installation_and_this_version() {
        let good = [installation(2, "v3.32.1"), available("calico", 2), available("ippools", 2)];
        assert_eq!(of(&good), Verdict::Available);
        // The operator writes its defaults into the Installation, which counts too.
        assert_eq!(
            of(&[installation(2, "v3.32.1"), available("calico", 3), available("ippools", 2)]),
            Verdict::Available
        );
        assert_eq!(of(&[installation(2, ""), available("calico", 2), available("ippools", 2)]), Verdict::Available);
        let early = [installation(3, "v3.32.1"), available("calico", 2), available("ippools", 3)];
        assert_eq!(of(&early), Verdict::Waiting("calico: the operator has not said that it is available".to_owned()));
        let old = [installation(2, "v3.31.7"), available("calico", 2), available("ippools", 2)];
        assert_eq!(
            of(&old),
            Verdict::Waiting("the operator has deployed v3.31.7 of Calico, and 3.32.1 is wanted".to_owned())
        );
    }

    #[test]
    fn what_is_not_there_is_not_available() {
        for text in ["", "null", "{}", "{\"items\": 7}", "{\"items\": [{\"kind\": \"Installation\"}]}"] {
            assert_eq!(
                verdict(text, "3.32.1"),
                Verdict::Waiting("the Installation `default` does not exist".to_owned()),
                "{text}"
            );
        }
        let Verdict::Waiting(words) = of(&[installation(1, "")]) else { panic!("not waiting") };
        assert_eq!(words, "calico: the operator has said nothing yet\nippools: the operator has said nothing yet");
    }

    #[test]
    fn a_refusal_is_in_the_operators_words_and_comes_before_what_waits_for_it() {
        let message = "Invalid Installation provided: with BIRD cluster routing mode, IPIP encapsulation requires that BGP is \
                       enabled\n\u{1e}end 0 0";
        let refused = |generation| status("calico", "Degraded", generation, "InvalidConfigurationError", message);
        let waits =
            status("ippools", "Degraded", 1, "ResourceNotReady", "Waiting for Installation defaulting to occur");
        assert_eq!(
            of(&[installation(1, ""), waits.clone(), refused(1)]),
            Verdict::Degraded {
                words: "calico: InvalidConfigurationError: Invalid Installation provided: with BIRD cluster routing mode, IPIP \
                        encapsulation requires that BGP is enabled end 0 0"
                    .to_owned(),
                cause: Cause::Refused,
            }
        );
        // It was about an Installation that has been changed since.
        assert!(matches!(of(&[installation(2, ""), waits, refused(1)]), Verdict::Waiting(_)));
    }
}
