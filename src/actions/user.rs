//! `forge kubeconfig --user`: a client certificate of one's own, for a while.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::kubeconfig::{existing, free, unusable, write};
use super::run::Run;
use crate::error::{Exit, Problem};
use crate::host::frames::Said;
use crate::host::remote::Ended;
use crate::host::{Remote, Script};
use crate::kube::kubeconfig::{KnownBy, Names, Present};
use crate::kube::user::{Group, Ttl, UserName, UserRequest, lifetime};
use crate::kube::{kubeconfig, paths};
use crate::phases::unrendered;
use crate::report::console;
use crate::secret::Secret;

/// Asks the cluster for the certificate and writes a kubeconfig with it to `output`, mode 0600.
///
/// # Errors
/// The file exists and `merge` is not set, no API server answers, or what it signs is not what was asked for.
pub async fn user(
    run: &mut Run,
    (name, groups, ttl): (UserName, Vec<Group>, Ttl),
    output: &Path,
    merge: bool,
) -> Result<Exit, Problem> {
    let existing = existing(output, merge)?;
    let present = existing.as_ref().map(|text| Present { text, known_by: KnownBy::ServerAndCa });
    let names = Names::of_user(&name, &run.cluster);
    free(run, &names, output, present)?;
    let failed = |cause: String| Problem::new(Exit::Failed, "no certificate was issued").cause(cause);
    let request = UserRequest::new(name, groups, ttl).map_err(failed)?;
    run.connect().await?;
    let server = run.cluster.control_planes().find_map(|host| run.remote(&host.name));
    let server = server.ok_or_else(|| failed("the inventory has no control plane".to_owned()))?;

    let object = Secret::new(request.object(&run.templates).map_err(unrendered)?);
    let asked = ask(server, Script::new(ASK.replace("@CA@", paths::CA)).file("request", object)).await?;
    let seen: Value =
        asked.get("request").and_then(|text| serde_json::from_slice(text.expose()).ok()).unwrap_or_default();
    if let Err(why) = request.check(&seen) {
        ask(server, Script::new(FORGET.replace("@NAME@", &request.name))).await?;
        return Err(failed(why).next("run the same command again"));
    }
    let ca = asked.get("ca").map_or(&[][..], |ca| ca.expose());
    let taken = present.map(|present| kubeconfig::check(&run.cluster, &names, present, Some(ca)));
    if let Some(Err(why)) = taken {
        ask(server, Script::new(FORGET.replace("@NAME@", &request.name))).await?;
        return Err(unusable(output, why));
    }
    let issued = ask(server, Script::new(APPROVE.replace("@NAME@", &request.name))).await?;
    let certificate = issued.get("certificate").ok_or_else(|| failed("nothing was signed".to_owned()))?.expose();
    let ends = request.judge(certificate).map_err(failed)?;

    let credentials = request.credentials(certificate);
    let text = kubeconfig::for_user(ca, &run.cluster, (request.user(), &credentials), present)
        .map_err(|why| unusable(output, why))?;
    write(output, &text)?;
    let left = lifetime(ends - time::OffsetDateTime::now_utc().unix_timestamp() + 30);
    let until = time::OffsetDateTime::from_unix_timestamp(ends)
        .map_or_else(|_| String::new(), |time| format!(", until {time}"));
    console::say(&format!("wrote {}: {} for {left}{until}", output.display(), request.user().as_str()));
    if ends - time::OffsetDateTime::now_utc().unix_timestamp() < i64::from(ttl.seconds()) - 600 {
        console::say(&format!("warning: {ttl} were asked for; the controller manager signs no longer than that"));
    }
    console::say(&format!(
        "it may do what roles give to that name and its groups, and nothing by itself: kubectl --kubeconfig {} auth whoami",
        output.display()
    ));
    Ok(Exit::Done)
}

const ASK: &str = "emit ca <@CA@
kubectl create -f \"$FORGE/request\" -o json >\"$FORGE/created\"
emit request <\"$FORGE/created\"";

/// The signer is a loop of the controller manager's: it takes a moment.
const APPROVE: &str = "trap 'kubectl delete csr @NAME@ --ignore-not-found >/dev/null' EXIT
kubectl certificate approve @NAME@
tries=0
until kubectl get csr @NAME@ -o 'jsonpath={.status.certificate}' >\"$FORGE.signed\" && [ -s \"$FORGE.signed\" ]; do
tries=$((tries + 1))
if [ \"$tries\" -ge 60 ]; then
rm -f \"$FORGE.signed\"
echo 'the controller manager has signed nothing within 30 seconds'
exit 1
fi
sleep 0.5
done
base64 -d \"$FORGE.signed\" | emit certificate
rm -f \"$FORGE.signed\"";

const FORGET: &str = "kubectl delete csr @NAME@ --ignore-not-found >/dev/null";

/// Runs a script and returns what it handed back.
async fn ask(server: &Remote, script: Script) -> Result<BTreeMap<String, Secret>, Problem> {
    let (mut values, mut lines) = (BTreeMap::new(), Vec::new());
    let mut hear = |said| match said {
        Said::Value(_, name, value) => drop(values.insert(name, value)),
        Said::Line(line) => lines.push(line),
        _ => {}
    };
    match server.run("user", &[script], &mut hear).await? {
        Ended::Well => Ok(values),
        Ended::Badly | Ended::Lost => {
            Err(Problem::new(Exit::Failed, format!("{}: no certificate was issued", server.name))
                .cause(lines.join("\n"))
                .next("is there a cluster, and does its API server answer? forge plan INVENTORY tells"))
        }
    }
}
