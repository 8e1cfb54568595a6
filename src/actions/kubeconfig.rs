//! `forge kubeconfig`: the administrator's kubeconfig, from the first control plane that has one.

use std::path::Path;

use super::run::Run;
use crate::disk;
use crate::error::{Exit, Problem};
use crate::host::{Script, quote};
use crate::kube::kubeconfig::{KnownBy, Names, Present, Unusable};
use crate::kube::{kubeconfig, paths};
use crate::report::console;
use crate::secret::Secret;

/// Fetches it and writes it to `output`, mode 0600.
///
/// # Errors
/// No control plane has one, or the file exists and `merge` is not set, or it has other entries of the same names, or it cannot be
/// written.
pub async fn kubeconfig(run: &mut Run, output: &Path, merge: bool) -> Result<Exit, Problem> {
    let existing = existing(output, merge)?;
    let present = existing.as_ref().map(|text| Present { text, known_by: KnownBy::ServerAndCa });
    free(run, &Names::of_operator(&run.cluster), output, present)?;
    run.connect().await?;
    save(run, output, present).await
}

/// Puts the administrator's present certificate into a kubeconfig that exists; what else is in it stays.
///
/// # Errors
/// There is no such file, or it is another cluster's, or it cannot be written.
pub async fn refresh(run: &mut Run, file: &Path) -> Result<Exit, Problem> {
    let existing = to_refresh(run, file)?;
    save(run, file, Some(Present { text: &existing, known_by: KnownBy::Server })).await
}

/// What [`refresh`] adds to: asked for before anything is changed, so that a wrong path is not found out afterwards.
///
/// # Errors
/// There is no such file, or it has an entry of the cluster's name that is another cluster's.
pub fn to_refresh(run: &Run, file: &Path) -> Result<Secret, Problem> {
    let text = std::fs::read_to_string(file).map(Secret::new).map_err(|error| {
        Problem::new(Exit::Usage, format!("{} cannot be read", file.display())).cause(error).next(format!(
            "name a kubeconfig that exists, or make it: forge kubeconfig INVENTORY --output {}",
            file.display()
        ))
    })?;
    let present = Present { text: &text, known_by: KnownBy::Server };
    free(run, &Names::of_operator(&run.cluster), file, Some(present))?;
    Ok(text)
}

async fn save(run: &Run, output: &Path, present: Option<Present<'_>>) -> Result<Exit, Problem> {
    let admin = fetch(run).await?;
    let text = kubeconfig::for_operator(&admin, &run.cluster, present).map_err(|why| unusable(output, why))?;
    write(output, &text)?;
    console::say(&format!("wrote {}: kubectl --kubeconfig {} get nodes", output.display(), output.display()));
    Ok(Exit::Done)
}

/// Refuses a file in which the names that would be written mean something else.
pub(super) fn free(run: &Run, names: &Names, output: &Path, present: Option<Present<'_>>) -> Result<(), Problem> {
    let Some(present) = present else { return Ok(()) };
    kubeconfig::check(&run.cluster, names, present, None).map_err(|why| unusable(output, why))
}

/// Why nothing was written to a file.
pub(super) fn unusable(output: &Path, why: Unusable) -> Problem {
    let file = output.display();
    match why {
        Unusable::NotOne(cause) => Problem::new(Exit::Failed, "the kubeconfig cannot be used").cause(cause),
        Unusable::Taken { kind, name, why } => {
            let delete = format!("kubectl config --kubeconfig {file} delete-{kind} {}", quote(&name));
            Problem::new(Exit::Usage, format!("{file} has another {kind} called {name}; it was left as it is"))
                .cause(why)
                .next(format!("name another file with --output, or remove that entry: {delete}"))
        }
    }
}

/// What is in the file already, when it is to be added to.
pub(super) fn existing(output: &Path, merge: bool) -> Result<Option<Secret>, Problem> {
    match std::fs::read_to_string(output) {
        Ok(text) if merge => Ok(Some(Secret::new(text))),
        Ok(_) => Err(Problem::new(Exit::Usage, format!("{} exists", output.display()))
            .next("add --merge to add the cluster to it, or name another file with --output")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::new(Exit::Failed, format!("{} cannot be read", output.display())).cause(error)),
    }
}

async fn fetch(run: &Run) -> Result<Secret, Problem> {
    for host in run.cluster.control_planes() {
        let Some(remote) = run.remote(&host.name) else { continue };
        let mut found = None;
        let script = Script::new(format!("[ ! -e {path} ] || emit kubeconfig <{path}", path = paths::ADMIN_KUBECONFIG));
        let mut hear = |said| {
            if let crate::host::frames::Said::Value(_, _, value) = said {
                found = Some(value);
            }
        };
        remote.run("kubeconfig", &[script], &mut hear).await?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(Problem::new(Exit::Failed, "no control plane has a kubeconfig yet")
        .cause(format!("{} does not exist", paths::ADMIN_KUBECONFIG))
        .next("make the cluster first: forge up INVENTORY"))
}

/// In one rename, so that a file that people use is never half written.
pub(super) fn write(path: &Path, text: &Secret) -> Result<(), Problem> {
    disk::replace(path, text.expose(), 0o600)
        .map_err(|error| Problem::new(Exit::Failed, format!("{} was not written", path.display())).cause(error))
}
