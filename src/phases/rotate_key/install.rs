//! One list of keys on one control plane: laid down, and loaded by its API server.

use super::begin::Rotation;
use super::id;
use crate::error::{Exit, Problem};
use crate::host::resource::{Content, File};
use crate::host::{Difference, Resource as _, Script, quote};
use crate::inventory::cluster::Host;
use crate::kube::encryption::rotation::Stage;
use crate::kube::paths;
use crate::phases::control_planes::own_server;
use crate::plan::{Step, StepId, once};

/// The step; `None` on a control plane that is further already.
pub(super) fn step(host: &Host, rotation: &Rotation, stage: Stage, before: &[StepId]) -> Option<Step> {
    let at = rotation.stage(&host.name);
    if at > stage {
        return None;
    }
    let to = &rotation.journal.to;
    let (name, title, change) = match stage {
        Stage::Start => return None,
        Stage::Prepared => ("encryption-prepare", "new key reads", format!("{to} can be read")),
        Stage::Promoted => ("encryption-promote", "new key writes", format!("{to} writes")),
        Stage::Pruned => ("encryption-prune", "old key removed", format!("{} removed", gone(rotation))),
    };
    let mut script = Script::new(wait_begin(host));
    if at < stage {
        let journal = File::text(paths::ROTATION, rotation.journal_at(stage)).mode(0o600);
        // The journal first: a file that nothing explains would be somebody's mistake.
        script = script.then(journal.apply());
        if let Some(file) = rotation.file(stage) {
            script = script.then(File::secret(paths::ENCRYPTION, Content::Secret(file.clone())).apply());
        }
        // A key that an API server uses has to survive the loss of power.
        script = script.line(format!(
            "sync {} {} {} {}",
            paths::ROTATION,
            paths::STATE,
            paths::ENCRYPTION,
            paths::ENCRYPTION_FOLDER
        ));
    }
    script = script.line(wait(rotation.sum(stage)));
    match stage {
        // A write that was under way when the keys changed places was encrypted with the old one. etcd gives a write up
        // after seven seconds (5 s and two election time-outs).
        Stage::Promoted => script = script.line("sleep 10"),
        Stage::Pruned => script = script.line(format!("rm -f {}", paths::ROTATION)),
        _ => {}
    }
    let waiting = if at < stage { "" } else { ": see that it is loaded" };
    let (host_name, title) = (host.name.clone(), title.to_owned());
    Some(Step {
        id: id(host, name),
        title: title.clone(),
        runs_on: host.name.clone(),
        needs: before.to_vec(),
        after: Vec::new(),
        changes: vec![Difference::new(format!("encryption configuration: {change}{waiting}"))],
        work: once(
            move || Ok(script),
            |heard| Ok(heard.outcome()),
            move |heard| {
                Problem::new(Exit::Failed, format!("{host_name}: {title}: the API server did not take it"))
                    .cause(heard.tail())
                    .next("nothing is lost, every API server reads everything; mend the cause and run the same command again")
            },
        ),
    })
}

/// What the journal calls the keys that go.
fn gone(rotation: &Rotation) -> String {
    if rotation.journal.from.is_empty() { "nothing".to_owned() } else { rotation.journal.from.join(", ") }
}

/// Shell before the change: how to ask, and how often a reload has failed so far.
fn wait_begin(host: &Host) -> String {
    let server = quote(&own_server(host));
    format!(
        "metrics() {{ kubectl --server={server} --request-timeout=10s get --raw /metrics 2>/dev/null | \
         grep '^apiserver_encryption_config_controller_' || true; }}\n\
         failures() {{ awk '/automatic_reloads_total/ && /status=\"failure\"/ {{n += $NF}} END {{print n + 0}}'; }}\n\
         before=$(metrics | failures)"
    )
}

/// Shell that waits until the API server at the host's own address says that it has loaded the file with this sum. It looks
/// at its file once a minute, and nothing makes it look sooner but a restart (apiserver
/// `pkg/server/options/encryptionconfig/controller`, `EncryptionConfigFileChangePollDuration`). A file that it refuses leaves
/// the list before in use.
fn wait(sum: &str) -> String {
    format!(
        "end=$(($(date +%s) + 180))\nwhile :; do\nsaid=$(metrics)\n\
         case $said in *',hash=\"sha256:{sum}\"'*) break ;; esac\n\
         if [ \"$(printf '%s\\n' \"$said\" | failures)\" -gt \"$before\" ]; then\n\
         echo 'the API server counts a failed reload (apiserver_encryption_config_controller_automatic_reloads_total); its log says why'\n\
         exit 1\nfi\n\
         if [ \"$(date +%s)\" -ge \"$end\" ]; then\n\
         echo 'not loaded within three minutes; the API server looks once a minute'\nexit 1\nfi\n\
         sleep 2\ndone"
    )
}
