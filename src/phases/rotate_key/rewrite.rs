//! Every object written again under the new key, until etcd's own bytes show no other.

use super::begin::Rotation;
use super::id;
use crate::error::{Exit, Problem};
use crate::host::{Difference, Script, quote};
use crate::inventory::cluster::Host;
use crate::kube::ETCDCTL;
use crate::kube::encryption::stored::{RESOURCES, SCAN, places, table};
use crate::phases::control_planes::own_server;
use crate::phases::verify::Evidence;
use crate::plan::{Heard, Late, Step, StepId, Talk, Turn, Work};
use crate::report::Outcome;
use crate::secret::Secret;

/// The step: on one control plane, since there is one etcd.
pub(super) fn step(host: &Host, rotation: &Rotation, before: &[StepId], evidence: &Late<Vec<Evidence>>) -> Step {
    let how = match rotation.writer.prefix().as_str() {
        "" => "plaintext".to_owned(),
        _ => rotation.writer.name().to_owned(),
    };
    Step {
        id: id(host, "encryption-rewrite"),
        title: format!("everything rewritten as {how}"),
        runs_on: host.name.clone(),
        needs: before.to_vec(),
        after: Vec::new(),
        changes: vec![Difference::new(format!("{} in etcd: rewrite as {how}", rotation.resources.join(", ")))],
        work: Work::Talk(Box::new(Rewriting {
            server: own_server(host),
            prefix: rotation.writer.prefix(),
            how,
            resources: rotation.resources.clone(),
            table: None,
            left: None,
            in_vain: false,
            evidence: evidence.clone(),
        })),
    }
}

struct Rewriting {
    server: String,
    prefix: String,
    how: String,
    resources: Vec<String>,
    /// Where the resources are in etcd, as the scan reads it.
    table: Option<String>,
    /// What the last look found that was then written again.
    left: Option<usize>,
    /// Whether writing it again has been in vain once.
    in_vain: bool,
    evidence: Late<Vec<Evidence>>,
}

/// What one look at etcd found.
struct Look {
    objects: usize,
    all: usize,
    left: usize,
    names: Vec<String>,
    strangers: Vec<String>,
}

impl Look {
    fn parse(heard: &Heard) -> Option<Self> {
        let counts = heard.text("counts");
        let mut numbers = counts.split_whitespace().map(str::parse::<usize>);
        let mut number = || numbers.next()?.ok();
        let lines = |name: &str| heard.text(name).lines().map(str::to_owned).collect();
        Some(Self {
            objects: number()?,
            all: number()?,
            left: number()?,
            names: lines("names"),
            strangers: lines("strangers"),
        })
    }
}

impl Talk for Rewriting {
    fn next(&mut self, heard: Option<Heard>) -> Result<Turn, Problem> {
        let Some(heard) = heard else {
            return Ok(Turn::Run(Script::new(format!("{RESOURCES}\nemit resources <\"$FORGE.resources\""))));
        };
        if !heard.well {
            return Err(self.failed(heard.tail()));
        }
        let Some(table) = self.table.clone() else {
            let places = places(&self.resources, &heard.text("resources"));
            if places.is_empty() {
                return Err(self.failed(format!("the API server has none of: {}", self.resources.join(", "))));
            }
            let table = self.table.insert(table(&places)).clone();
            return Ok(Turn::Run(look_and_write(&self.server, &self.prefix, table)));
        };
        let look = Look::parse(&heard).ok_or_else(|| self.failed("etcd's keys could not be counted".to_owned()))?;
        if !look.strangers.is_empty() {
            return Err(self.failed(format!(
                "encrypted with another key, and not among {}:\n{}",
                self.resources.join(", "),
                look.strangers.join("\n")
            )));
        }
        // Every cluster has keys in etcd; whoever sees none has looked elsewhere than the API server (`--etcd-prefix`).
        if look.all == 0 {
            return Err(self.failed("etcd shows no key below /registry/".to_owned()));
        }
        if look.left == 0 {
            let _ = self.evidence.set(vec![Evidence {
                check: format!("everything encrypted in etcd is {}", self.how),
                passed: true,
                found: format!("{} of {} objects; {} keys of etcd looked at", look.objects, look.objects, look.all),
            }]);
            return Ok(Turn::Done(Outcome::Done));
        }
        // Conflicts and deletions are others' work and done; what stays in spite of two attempts will stay.
        let in_vain = self.left.is_some_and(|before| look.left >= before);
        if in_vain && std::mem::replace(&mut self.in_vain, true) {
            let more = if look.left > look.names.len() {
                format!("\nand {} more", look.left - look.names.len())
            } else {
                String::new()
            };
            let errors = heard.text("errors");
            return Err(self.failed(format!(
                "still under another key:\n{}{more}\n{}",
                look.names.join("\n"),
                errors.trim()
            )));
        }
        self.left = Some(look.left);
        Ok(Turn::Run(look_and_write(&self.server, &self.prefix, table)))
    }
}

impl Rewriting {
    fn failed(&self, cause: String) -> Problem {
        Problem::new(Exit::Failed, format!("not everything in etcd is {} yet, and the old key stays", self.how))
            .cause(cause.trim_end())
            .next("every API server reads everything; mend the cause and run the same command again")
    }
}

/// One look at etcd, and what it finds written again, by as many writers as the scan deals to: enough to keep an API server
/// busy, few enough that others are served (it takes 200 writes at a time by default).
///
/// An empty patch is enough: the API server reads the object, sees that it is not stored under the first key, and stores it
/// (apiserver `pkg/storage/etcd3/store.go`, `GuaranteedUpdate`: `stale`). So an object's contents stay where they are, there is
/// no conflict to lose, and who changed it meanwhile has stored it under the new key already. A writer has one request at a time
/// under way and needs no more than one processor (`GOMAXPROCS`); the others are the API server's.
fn look_and_write(server: &str, prefix: &str, table: String) -> Script {
    let server = quote(server);
    Script::new(format!(
        "{ETCDCTL}\n{SCAN}\nscan {prefix} \"$FORGE/places\" \"$FORGE/found\"\ncd \"$FORGE/found\"\ntouch keys strangers\n\
         total=$(wc -l <keys)\n\
         awk -v left=\"$total\" '{{objects += $1; all += $2}} END {{print objects + 0, all + 0, left}}' counts | emit counts\n\
         head -n 20 keys | emit names\nhead -n 20 strangers | emit strangers\n\
         [ \"$total\" -gt 0 ] && [ ! -s strangers ] || exit 0\n\
         for left in left.*; do\n\
         GOMAXPROCS=1 kubectl --server={server} patch --type=merge -p '{{}}' --field-manager=forge -o name -f \"$left\" 2>>errors &\n\
         done | awk '{{n++}} n % 50 == 0 {{print n; fflush()}} END {{print n + 0}}' | \
         while read -r done; do progress \"$done\" \"$total\"; done\n\
         touch errors\ngrep -v 'NotFound' errors | cut -c1-300 | sort | uniq | tail -n 5 | emit errors",
        prefix = quote(prefix),
    ))
    .file("places", Secret::new(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewriting() -> Rewriting {
        Rewriting {
            server: "https://10.0.0.11:6443".to_owned(),
            prefix: "k8s:enc:secretbox:v1:key-b:".to_owned(),
            how: "key-b".to_owned(),
            resources: vec!["secrets".to_owned()],
            table: None,
            left: None,
            in_vain: false,
            evidence: Late::default(),
        }
    }

    fn heard(values: &[(&str, &str)]) -> Option<Heard> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        Some(Heard { well: true, values, ..Heard::default() })
    }

    fn runs(turn: Result<Turn, Problem>) -> Script {
        match turn {
            Ok(Turn::Run(script)) => script,
            Ok(_) => panic!("it is done"),
            Err(problem) => panic!("{problem}"),
        }
    }

    /// After the first question and its answer.
    fn looking() -> Rewriting {
        let mut talk = rewriting();
        assert!(runs(talk.next(None)).text().contains("kubectl api-resources"));
        let script = runs(talk.next(heard(&[("resources", "secrets  v1  true  Secret\n")])));
        assert_eq!(script.files()[0].1.expose(), b"/registry/secrets/ v1 Secret true\n");
        talk
    }

    #[test]
    fn it_is_done_when_a_look_finds_nothing_left() {
        let mut talk = looking();
        runs(talk.next(heard(&[("counts", "40 700 40")])));
        runs(talk.next(heard(&[("counts", "41 701 2"), ("names", "/registry/secrets/a/b\n")])));
        assert!(matches!(talk.next(heard(&[("counts", "41 701 0")])), Ok(Turn::Done(Outcome::Done))));
        let found = &talk.evidence.get().unwrap()[0].found;
        assert_eq!(found, "41 of 41 objects; 701 keys of etcd looked at");
    }

    #[test]
    fn what_cannot_be_written_is_named_and_the_old_key_stays() {
        let mut talk = looking();
        runs(talk.next(heard(&[("counts", "40 700 40")])));
        runs(talk.next(heard(&[("counts", "40 700 30"), ("names", "/registry/secrets/a/b\n")])));
        runs(talk.next(heard(&[("counts", "40 700 30"), ("names", "/registry/secrets/a/b\n")])));
        let values = [
            ("counts", "40 700 30"),
            ("names", "/registry/secrets/a/b\n"),
            ("errors", "Error from server: admission webhook \"no\" denied the request\n"),
        ];
        let problem = talk.next(heard(&values)).err().unwrap();
        assert_eq!(
            problem.to_string(),
            "not everything in etcd is key-b yet, and the old key stays\n  cause: still under another key:\n         \
             /registry/secrets/a/b\n         and 29 more\n         Error from server: admission webhook \"no\" denied the request\n  \
             next:  every API server reads everything; mend the cause and run the same command again"
        );
    }

    #[test]
    fn an_etcd_without_keys_proves_nothing() {
        let mut talk = looking();
        let problem = talk.next(heard(&[("counts", "0 0 0")])).err().unwrap();
        assert_eq!(problem.cause, "etcd shows no key below /registry/");
    }

    #[test]
    fn objects_of_another_kind_under_an_old_key_stop_it() {
        let mut talk = looking();
        let values = [("counts", "40 700 40"), ("strangers", "/registry/configmaps/a/b\n")];
        let problem = talk.next(heard(&values)).err().unwrap();
        assert_eq!(problem.cause, "encrypted with another key, and not among secrets:\n/registry/configmaps/a/b");
    }
}
