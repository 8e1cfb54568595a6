//! The conversation that applies a set: what is there, then the change, then the note of how it was left. Whatever may be
//! cut off in between is in the record before it is in the cluster.

use serde_json::Value;

use super::difference::unwanted;
use super::{Content, Set, Source, put};
use crate::error::{Exit, Problem};
use crate::host::{Script, quote};
use crate::inventory::NodeName;
use crate::inventory::cluster::Host;
use crate::kube::applied::{APPLY, Item, Live, ObjectRef, Record, SET_LABEL, STATE, list, prepare};
use crate::kube::record;
use crate::plan::{Heard, Talk, Turn};
use crate::report::Outcome;
use crate::secret::Secret;

/// One set on its way into the cluster.
pub(super) struct Applying {
    set: Set,
    server: NodeName,
    record: Record,
    /// What the record's objects looked like when the plan was made.
    live: Vec<Live>,
    stage: Stage,
}

enum Stage {
    Looking,
    /// With each object's name and source.
    Changing(Vec<(ObjectRef, String)>),
    Noting,
}

impl Applying {
    pub(super) fn new(set: Set, server: &Host, record: Record, live: Vec<Live>) -> Self {
        Self { set, server: server.name.clone(), record, live, stage: Stage::Looking }
    }

    /// Makes the namespaces, reads every source with kubectl itself, and looks at which of its objects are there.
    fn look(&self) -> Script {
        let mut script = Script::new(format!("{STATE}\nset --"));
        for namespace in &self.set.namespaces {
            let namespace = quote(namespace);
            // Kubernetes makes the service account; if forge were first, it would be forge's to delete.
            script = script.line(format!(
                "kubectl get namespace {namespace} >/dev/null 2>&1 || kubectl create namespace {namespace}\n\
                 kubectl -n {namespace} wait --for=create serviceaccount/default --timeout=60s >/dev/null"
            ));
        }
        for (number, source) in self.set.sources.iter().enumerate() {
            let name = format!("source{number}");
            script = put(script, &name, source.content.clone());
            if !matches!(source.content, Content::Ours(_)) {
                // --local asks no API server: kinds that this set defines are not known yet. The label is forge's way to
                // say something; which objects get it is decided later.
                script = script.line(format!(
                    "kubectl label --local --overwrite -f \"$FORGE/{name}\" -o json {SET_LABEL}={set} >\"$FORGE/json{number}\"\n\
                     mv \"$FORGE/json{number}\" \"$FORGE/{name}\"\nemit {name} <\"$FORGE/{name}\"",
                    set = self.set.name
                ));
            }
            script = script.line(format!("set -- \"$@\" \"$FORGE/{name}\""));
        }
        // Kinds that nobody knows yet are errors here, and nothing of them is there.
        script.line("for file in \"$@\"; do cat \"$file\"; echo; done | state kubectl 2>/dev/null | emit live")
    }

    fn change(&mut self, heard: &Heard) -> Result<Script, Problem> {
        let mut objects = Vec::new();
        let mut names = Vec::new();
        for (number, source) in self.set.sources.iter().enumerate() {
            let found = match &source.content {
                Content::Ours(object) => vec![object.clone()],
                _ => documents(&heard.text(&format!("source{number}"))).map_err(|error| {
                    Problem::new(Exit::Failed, format!("{} cannot be read", source.title)).cause(error)
                })?,
            };
            names.extend(found.iter().filter_map(ObjectRef::of).map(|name| (name, source.title.clone())));
            objects.extend(found);
        }
        let before = Live::parse_all(&heard.text("live"));
        let prepared = prepare(objects, self.set.name, &before, &self.record);
        let whole: Vec<Value> = prepared.then.iter().filter(|object| self.replaces(object, &before)).cloned().collect();
        let gone =
            unwanted(self.set.name, &self.record, &self.live, |object| names.iter().any(|(name, _)| name.is(object)));
        let of = |deleted: bool| -> Vec<Value> {
            gone.iter().filter(|(_, one)| *one == deleted).map(|(item, _)| item.live.object.bare()).collect()
        };
        let (doomed, released) = (of(true), of(false));
        let everything: Vec<Value> = names.iter().map(|(name, _)| name.bare()).collect();
        let script = Script::new(STATE).then(record(&Record::key(self.set.name), &self.intention(&names).text()));
        let script = with(script, "first", &prepared.first, APPLY);
        let wait = "kubectl wait --for=condition=Established --timeout=60s -f";
        let script = with(script, "definitions", &prepared.definitions, wait);
        let script = with(script, "whole", &whole, "kubectl replace --field-manager=forge -f");
        let script = with(script, "then", &prepared.then, APPLY);
        let script = with(script, "released", &released, APPLY);
        let script = with(script, "doomed", &doomed, "kubectl delete --ignore-not-found --timeout=120s -f");
        self.stage = Stage::Changing(names);
        Ok(script
            .file("everything", Secret::new(list(&everything).to_string()))
            .line("state kubectl <\"$FORGE/everything\" | emit live"))
    }

    /// Whether an object is replaced before it is applied: one of forge's own that is there, so that what others have added
    /// to it goes. What was there before forge has owners of its own.
    fn replaces(&self, object: &Value, before: &[Live]) -> bool {
        let Some(name) = ObjectRef::of(object) else { return false };
        let mine = |source: &Source| matches!(&source.content, Content::Ours(ours) if ObjectRef::of(ours).as_ref() == Some(&name));
        let made_by_us = !object["metadata"]["labels"][SET_LABEL].is_null();
        made_by_us && before.iter().any(|live| live.object.is(&name)) && self.set.sources.iter().any(mine)
    }

    /// The record while objects come and go: it knows all of them, and matches nothing that could be wanted.
    fn intention(&self, names: &[(ObjectRef, String)]) -> Record {
        let mut items = self.record.items.clone();
        let new = names.iter().filter(|(name, _)| self.record.find(name).is_none());
        items.extend(new.map(|(name, source)| unseen(name, source)));
        Record { items, ..Record::default() }
    }

    fn note(&self, heard: &Heard, names: &[(ObjectRef, String)]) -> Script {
        let live = Live::parse_all(&heard.text("live"));
        let item = |(name, source): &(ObjectRef, String)| match live.iter().find(|live| live.object.is(name)) {
            Some(live) => Item { live: live.clone(), source: source.clone() },
            None => unseen(name, source),
        };
        let record_of_now = Record { sources: self.set.hashes(), items: names.iter().map(item).collect() };
        record(&Record::key(self.set.name), &record_of_now.text())
    }

    fn failed(&self, heard: &Heard) -> Problem {
        let went_well = [" serverside-applied", " replaced", " condition met"];
        let told = |line: &&String| !went_well.iter().any(|end| line.ends_with(end));
        let said: Vec<&str> = heard.lines.iter().filter(told).map(String::as_str).collect();
        Problem::new(Exit::Failed, format!("{}: {} could not be applied", self.server, self.set.title))
            .cause(said.join("\n"))
            .next("mend the cause and run the same command again; what is done stays done")
    }
}

impl Talk for Applying {
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem> {
        let Some(heard) = heard else { return Ok(Turn::Run(self.look())) };
        if !heard.well {
            return Err(self.failed(&heard));
        }
        match std::mem::replace(&mut self.stage, Stage::Noting) {
            Stage::Looking => self.change(&heard).map(Turn::Run),
            Stage::Changing(names) => Ok(Turn::Run(self.note(&heard, &names))),
            Stage::Noting => Ok(Turn::Done(Outcome::Done)),
        }
    }
}

/// An object that is not there yet.
fn unseen(name: &ObjectRef, source: &str) -> Item {
    let (object, uid, fields) = (name.clone(), String::new(), String::new());
    Item { live: Live { object, uid, generation: 0, set: None, fields }, source: source.to_owned() }
}

/// Adds a command about these objects, unless there are none.
fn with(script: Script, file: &str, objects: &[Value], command: &str) -> Script {
    if objects.is_empty() {
        return script;
    }
    script.file(file, Secret::new(list(objects).to_string())).line(format!("{command} \"$FORGE/{file}\""))
}

/// JSON documents one after the other, as kubectl prints several objects.
fn documents(text: &str) -> serde_json::Result<Vec<Value>> {
    serde_json::Deserializer::from_str(text).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POLICY: &str = "live\tnetworking.k8s.io/v1\tNetworkPolicy\tdefault\tdeny\tu-1\t1\tpolicies\tabcd\n";
    const OLD: &str = "live\tv1\tConfigMap\tshop\told\tu-2\t0\tpolicies\tabcd\n";
    const FOUND: &str = "live\tv1\tConfigMap\tshop\tfound\tu-3\t0\t-\tabcd\n";

    fn policy() -> Value {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "default"}})
    }

    /// A conversation about one policy of ours and a file, in a cluster where an earlier run left `old` and took over `found`.
    fn conversation() -> Applying {
        let url = Content::Url { url: "https://x.example/a.yaml".to_owned(), sha256: "00".to_owned() };
        let sources = vec![Source::ours(policy()), Source { title: "manifest a".to_owned(), content: url }];
        let set = Set { name: "policies", title: "policies", namespaces: vec!["shop".to_owned()], sources };
        let live = Live::parse_all(&format!("{OLD}{FOUND}"));
        let items = live.iter().map(|live| Item { live: live.clone(), source: "manifest b".to_owned() }).collect();
        let record = Record { items, sources: [("manifest b".to_owned(), "11".to_owned())].into() };
        let server = NodeName::new("cp1").unwrap();
        Applying { set, server, record, live, stage: Stage::Looking }
    }

    fn heard(values: &[(&str, &str)]) -> Option<Heard> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        Some(Heard { well: true, values, ..Heard::default() })
    }

    fn script(turn: Result<Turn, Problem>) -> Script {
        match turn {
            Ok(Turn::Run(script)) => script,
            Ok(_) => panic!("no script"),
            Err(problem) => panic!("{problem}"),
        }
    }

    /// The commands behind the definition of `state`.
    fn commands(script: &Script) -> Vec<&str> {
        let lines: Vec<&str> = script.text().lines().skip_while(|line| *line != "}").skip(1).collect();
        lines.into_iter().filter(|line| !line.contains("configmap forge")).collect()
    }

    fn file(script: &Script, name: &str) -> Value {
        let (_, content) = script.files().iter().find(|(file, _)| file == name).unwrap();
        serde_json::from_slice(content.expose()).unwrap()
    }

    #[test]
    fn what_there_is_decides_what_is_done_and_how_it_was_left_is_noted() {
        let mut talk = conversation();
        let look = script(talk.next(None));
        assert!(look.text().contains("kubectl get namespace shop >/dev/null 2>&1 || kubectl create namespace shop"));
        assert!(look.text().contains("download-file https://x.example/a.yaml \"$FORGE/source1\" SHA256:00"));

        let fetched =
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"new","labels":{"forge/set":"policies"}}}"#;
        let change = script(talk.next(heard(&[("source1", fetched), ("live", POLICY)])));
        assert_eq!(
            commands(&change),
            [
                "kubectl replace --field-manager=forge -f \"$FORGE/whole\"",
                "kubectl apply --server-side --force-conflicts --field-manager=forge -f \"$FORGE/then\"",
                "kubectl apply --server-side --force-conflicts --field-manager=forge -f \"$FORGE/released\"",
                "kubectl delete --ignore-not-found --timeout=120s -f \"$FORGE/doomed\"",
                "state kubectl <\"$FORGE/everything\" | emit live",
            ]
        );
        let names = |name: &str| -> Vec<Value> {
            file(&change, name)["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["metadata"]["name"].clone())
                .collect()
        };
        assert_eq!(names("whole"), ["deny"]);
        assert_eq!(names("then"), ["deny", "new"]);
        assert_eq!((names("doomed"), names("released")), (vec![json!("old")], vec![json!("found")]));
        let noted = |script: &Script| {
            Record::parse(file(script, "record-applied-policies")["data"]["applied-policies"].as_str().unwrap())
        };
        // Cut off from here on, the next run knows all of them and finds nothing done.
        let intention = noted(&change);
        assert_eq!((intention.items.len(), intention.sources.len()), (4, 0));

        let note = script(talk.next(heard(&[("live", POLICY)])));
        let left = noted(&note);
        assert_eq!(left.sources, talk.set.hashes());
        let uids: Vec<&str> = left.items.iter().map(|item| item.live.uid.as_str()).collect();
        assert_eq!(uids, ["u-1", ""], "what was gone before it was seen is made again by the next run");
        assert!(matches!(talk.next(heard(&[])), Ok(Turn::Done(Outcome::Done))));
    }

    #[test]
    fn a_refusal_is_told_without_what_went_well() {
        let mut talk = conversation();
        let lines =
            ["configmap/a serverside-applied", "The NetworkPolicy \"deny\" is invalid: spec: no"].map(str::to_owned);
        let refused = talk.next(Some(Heard { lines: lines.to_vec(), ..Heard::default() })).err().unwrap();
        assert_eq!(
            refused.to_string(),
            "cp1: policies could not be applied\n  cause: The NetworkPolicy \"deny\" is invalid: spec: no\n  \
             next:  mend the cause and run the same command again; what is done stays done"
        );
    }
}
