//! Why pods do not come up: their containers' states, their last warnings and their last log lines, in the order of cause and
//! effect. Pure.

mod gather;

use std::collections::BTreeMap;

use serde_json::Value;

pub use gather::GATHER;

use crate::secret::Secret;

/// The longest text of a pod, an event or a log that is shown.
const LONGEST: usize = 400;

/// The most lines that are shown.
const MOST: usize = 5;

/// Reasons that waiting alone does not fix.
const HOPELESS: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// A kubelet that has failed so often to make a pod, ever more slowly, has done so for more than a minute: it waits for nothing
/// that was only about to come.
const PERSISTENT: u64 = 8;

/// Those that a mirror fixes.
const IMAGE: &[&str] = &["ErrImagePull", "ImagePullBackOff"];

/// Text that anybody may have written, as one line that can be shown: no control characters, and of a length that leaves room
/// for others.
pub fn plain(text: &str) -> String {
    let invisible = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let letters: String =
        text.chars().take(LONGEST * 4).map(|letter| if invisible(letter) { ' ' } else { letter }).collect();
    let line = letters.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// What keeps one pod, or one of its containers, from its work.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trouble {
    /// `NAMESPACE/POD`.
    pod: String,
    /// ` container NAME (IMAGE)`, or nothing.
    container: String,
    /// `ErrImagePull`, `ContainerCreating`.
    reason: String,
    /// Behind the reason: what the kubelet or the scheduler says.
    words: String,
    /// How often the kubelet has said the same.
    repeated: u64,
    /// Runs in the node's own network, so that it needs nothing of a pod network, which it may well be a part of.
    host_network: bool,
}

impl Trouble {
    fn is_hopeless(&self) -> bool {
        HOPELESS.contains(&self.reason.as_str()) || self.repeated >= PERSISTENT
    }

    /// Causes come before what may be their effects: what brings the network before what needs it, what has run and failed
    /// before what was never begun.
    fn rank(&self) -> (bool, usize) {
        let step = match self.reason.as_str() {
            _ if self.is_hopeless() => 0,
            "Error" | "Failed" | "FailedCreate" => 1,
            "ContainerCreating" | "PodInitializing" => 2,
            "NotReady" => 3,
            "Unscheduled" => 5,
            _ => 4,
        };
        (!self.host_network, step)
    }

    fn line(&self) -> String {
        let Self { pod, container, reason, words, .. } = self;
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        format!("{pod}{container}: {reason}{words}")
    }
}

/// What keeps pods from their work, the first cause first.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Vec<Trouble>);

impl Troubles {
    /// From what [`GATHER`] has handed back.
    pub fn of(values: &BTreeMap<String, Secret>) -> Self {
        let json = |value: &Secret| serde_json::from_slice::<Value>(value.expose()).unwrap_or_default();
        let mut troubles = Vec::new();
        for (name, value) in values {
            let Some(namespace) = name.strip_prefix("pods.") else { continue };
            let events = values.get(&format!("events.{namespace}")).map(json).unwrap_or_default();
            let events = items(&events);
            let said = |pod: &str, container: &str| {
                let log = values.get(&format!("log.{namespace}.{pod}.{container}"));
                log.map_or_else(String::new, |log| plain(&String::from_utf8_lossy(log.expose())))
            };
            for pod in items(&json(value)) {
                troubles.extend(of_pod(namespace, pod, &events, &said));
            }
        }
        // Pods that could not even be made leave only their owner's complaint.
        if troubles.is_empty() {
            for (name, value) in values {
                let Some(namespace) = name.strip_prefix("events.") else { continue };
                troubles.extend(of_owners(namespace, &items(&json(value))));
            }
        }
        troubles.sort_by_key(Trouble::rank);
        // Others may only wait for the network that these bring.
        if troubles.iter().any(|trouble| trouble.host_network) {
            troubles.retain(|trouble| trouble.host_network || trouble.is_hopeless());
        }
        Self(troubles)
    }

    /// Whether one has a reason that waiting alone does not fix.
    pub fn are_hopeless(&self) -> bool {
        self.0.iter().any(Trouble::is_hopeless)
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A line for each, those that say the same together.
    pub fn words(&self) -> String {
        let mut lines: Vec<(&Trouble, usize)> = Vec::new();
        for trouble in &self.0 {
            let same = |(other, _): &&mut (&Trouble, usize)| {
                (&other.container, &other.reason, &other.words) == (&trouble.container, &trouble.reason, &trouble.words)
            };
            match lines.iter_mut().find(same) {
                Some((_, count)) => *count += 1,
                None => lines.push((trouble, 1)),
            }
        }
        let line = |(trouble, count): &(&Trouble, usize)| match count {
            1 => trouble.line(),
            count => format!("{} (and {} more like it)", trouble.line(), count - 1),
        };
        let mut words: Vec<String> = lines.iter().take(MOST).map(line).collect();
        if lines.len() > MOST {
            words.push(format!("and {} more", lines.len() - MOST));
        }
        words.join("\n")
    }

    /// What to do: a mirror helps only where an image is missing.
    pub fn fix(&self) -> &'static str {
        match self.0.first().is_some_and(|first| IMAGE.contains(&first.reason.as_str())) {
            true => "name a mirror that has the image under sources.registries",
            false => "fix the cause",
        }
    }

    /// The same, with the command that shows more.
    pub fn advice(&self) -> String {
        let again = format!("{} and run the same command again", self.fix());
        match self.0.first().and_then(|first| first.pod.split_once('/')) {
            Some((namespace, pod)) => format!("{again}; to look: kubectl -n {namespace} describe pod {pod}"),
            None => again,
        }
    }
}

/// The objects of a list, or the one that came without a list around it.
fn items(value: &Value) -> Vec<&Value> {
    match (value["items"].as_array(), value.is_null()) {
        (Some(items), _) => items.iter().collect(),
        (None, false) => vec![value],
        (None, true) => Vec::new(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn of_pod(namespace: &str, pod: &Value, events: &[&Value], said: &dyn Fn(&str, &str) -> String) -> Vec<Trouble> {
    let (metadata, status) = (&pod["metadata"], &pod["status"]);
    let name = text(&metadata["name"]);
    if name.is_empty() || !metadata["deletionTimestamp"].is_null() {
        return Vec::new();
    }
    let trouble = |container: String, reason: &str, words: String| Trouble {
        pod: plain(&format!("{namespace}/{name}")),
        container,
        reason: plain(reason),
        words,
        repeated: 0,
        host_network: pod["spec"]["hostNetwork"] == true,
    };
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let unscheduled =
        conditions.find(|condition| condition["type"] == "PodScheduled" && condition["status"] == "False");
    if let Some(condition) = unscheduled {
        return vec![trouble(String::new(), "Unscheduled", plain(text(&condition["message"])))];
    }
    if status["phase"] == "Failed" && !text(&status["reason"]).is_empty() {
        let words = format!("{}: {}", text(&status["reason"]), text(&status["message"]));
        return vec![trouble(String::new(), "Failed", plain(&words))];
    }
    let last = |reasons: &dyn Fn(&str) -> bool| last_warning(events, name, &metadata["uid"], reasons);
    // Without a container there is only the kubelet's warning.
    let not_begun = |reason: &str| {
        let (words, repeated) = last(&|reason| reason != "FailedScheduling").unwrap_or_default();
        Trouble { repeated, ..trouble(String::new(), reason, words) }
    };
    let mut found = Vec::new();
    let statuses = |key: &str| status[key].as_array().into_iter().flatten();
    let initial = statuses("initContainerStatuses").map(|container| (container, true));
    for (container, initial) in initial.chain(statuses("containerStatuses").map(|container| (container, false))) {
        let (state, id) = (&container["state"], text(&container["name"]));
        let shown = plain(&format!("{id} ({})", text(&container["image"])));
        let shown = format!(" container {shown}");
        let said = || Some(said(name, id)).filter(|line| !line.is_empty()).map(|line| format!("it said: {line}"));
        let join = |parts: Vec<Option<String>>| {
            parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
        };
        let waiting = text(&state["waiting"]["reason"]);
        match waiting {
            "" => {}
            // The same for all of a pod's containers, and the container knows nothing of it.
            "ContainerCreating" | "PodInitializing" => {
                if found.is_empty() {
                    found.push(not_begun(waiting));
                }
                continue;
            }
            "CrashLoopBackOff" => {
                found.push(trouble(
                    shown,
                    waiting,
                    join(vec![Some(plain(text(&state["waiting"]["message"]))), said()]),
                ));
                continue;
            }
            _ => {
                found.push(trouble(shown, waiting, plain(text(&state["waiting"]["message"]))));
                continue;
            }
        }
        let code = &state["terminated"]["exitCode"];
        if code.as_i64().is_some_and(|code| code != 0) {
            found.push(trouble(shown, "Error", join(vec![Some(format!("exit code {code}")), said()])));
        } else if !initial && !state["running"].is_null() && container["ready"] != true {
            let probe = last(&|reason| reason == "Unhealthy").map(|(words, _)| words);
            found.push(trouble(shown, "NotReady", join(vec![probe, said()])));
        }
    }
    if found.is_empty() && status["phase"] == "Pending" {
        found.push(not_begun("Pending"));
    }
    found
}

/// What a DaemonSet or ReplicaSet says when it may not make its pods.
fn of_owners(namespace: &str, events: &[&Value]) -> Vec<Trouble> {
    let mut found: Vec<Trouble> = Vec::new();
    for event in events {
        let (kind, name) = (text(&event["involvedObject"]["kind"]), text(&event["involvedObject"]["name"]));
        let makes_pods = matches!(kind, "DaemonSet" | "ReplicaSet" | "StatefulSet" | "Job");
        if !makes_pods || event["reason"] != "FailedCreate" {
            continue;
        }
        found.push(Trouble {
            pod: plain(&format!("{namespace}/{name}")),
            container: String::new(),
            reason: "FailedCreate".to_owned(),
            words: plain(text(&event["message"])),
            repeated: 0,
            host_network: false,
        });
    }
    found
}

/// `REASON: MESSAGE` of the newest warning about a pod, and how often it was said.
fn last_warning(events: &[&Value], name: &str, uid: &Value, reasons: &dyn Fn(&str) -> bool) -> Option<(String, u64)> {
    let about = |event: &&&Value| {
        let object = &event["involvedObject"];
        let same = object["uid"].is_null() || uid.is_null() || object["uid"] == *uid;
        object["kind"] == "Pod" && object["name"] == name && same && reasons(text(&event["reason"]))
    };
    // Times in one zone and one format sort as text.
    let time = |event: &&&Value| {
        let times = [&event["series"]["lastObservedTime"], &event["lastTimestamp"], &event["eventTime"]];
        times.into_iter().map(text).find(|time| !time.is_empty()).unwrap_or_default().to_owned()
    };
    let event = events.iter().filter(about).max_by_key(time)?;
    let count = event["series"]["count"].as_u64().or(event["count"].as_u64()).unwrap_or(1);
    Some((plain(&format!("{}: {}", text(&event["reason"]), text(&event["message"]))), count))
}

#[cfg(test)]
mod tests;
