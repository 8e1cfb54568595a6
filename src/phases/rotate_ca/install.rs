//! One stage on one node: the files that say whom it trusts, and on control planes with which key is signed.
//!
//! `ca.crt` is written last, so that it tells that all else is done. Kubeconfigs come first, and the kubelet restarts with its
//! own: the authority by which it knows the API server is read when it starts, the one by which it knows its clients whenever
//! that changes.

use std::sync::Arc;

use super::create::Made;
use super::judge::Rotation;
use crate::error::{Exit, Problem};
use crate::host::Script;
use crate::inventory::cluster::Host;
use crate::kube::pki::rotation::{AUTHORITIES, JOURNAL, Journal, Stage};
use crate::kube::{ETCDCTL, STATIC_PODS, TWO_AUTHORITIES, paths};
use crate::phases::certificates::{Begin, Installation, RESTART};
use crate::plan::Late;
use crate::secret::Secret;

/// Shell that defines `put MODE FILE PATH`, in one rename and with its bytes on the disk before its name.
const PUT: &str = "umask 077\nput() { install -m \"$1\" \"$2\" \"$3.forge-new\"; sync \"$3.forge-new\"; mv -f \"$3.forge-new\" \"$3\"; }";

/// What is put in place on a node that is not as far as `stage`.
pub(super) fn installation(host: &Host, rotation: &Rotation, stage: Stage, made: &Late<Made>) -> Installation {
    let (host, rotation, made) = (host.clone(), rotation.clone(), made.clone());
    let change = match stage {
        Stage::Start | Stage::Trust => "authorities: trust the new ones beside the old ones",
        Stage::Sign => "authorities: the new ones sign, the old ones stay trusted",
        Stage::Remove => "authorities: remove the old ones",
    };
    let begin: Begin = Arc::new(move || {
        let texts = Texts::of(&rotation, stage, &made).ok_or_else(|| {
            Problem::new(Exit::Failed, format!("{}: the authorities are not known", host.name))
                .next("run the same command again")
        })?;
        Ok(if host.is_control_plane() { control_plane(stage, &texts, &made) } else { worker(&texts) })
    });
    Installation { change: change.to_owned(), begin }
}

/// What files hold at a stage.
pub(super) struct Texts {
    /// The place of an authority → its bundle; the first certificate is whose key signs.
    bundles: Vec<(&'static str, &'static str, String)>,
    /// The authority that the controller manager signs with.
    signer: String,
    journal: String,
}

impl Texts {
    fn of(rotation: &Rotation, stage: Stage, made: &Late<Made>) -> Option<Self> {
        let (mut bundles, mut signer) = (Vec::new(), None);
        for (place, file) in AUTHORITIES {
            let old = || rotation.old.get(place).map(|old| old.pem.clone());
            let new = || made.get().map(|made| made.pairs.get(place).map(|(pem, _)| pem.clone()));
            let new = || new().unwrap_or_else(|| rotation.new.get(place).map(|new| new.pem.clone()));
            let certificates = match stage {
                Stage::Start => vec![old()?],
                Stage::Trust => vec![old()?, new()?],
                Stage::Sign => vec![new()?, old()?],
                Stage::Remove => vec![new()?],
            };
            signer = signer.or(certificates.first().cloned());
            bundles.push((place, file, certificates.concat()));
        }
        let journal: Journal = made.get().map(|made| made.journal.clone()).or(rotation.journal.clone())?;
        let journal = serde_json::to_string_pretty(&Journal { stage, ..journal }).ok()? + "\n";
        Some(Self { bundles, signer: signer?, journal })
    }
}

fn worker(texts: &Texts) -> Script {
    let mut script = Script::new(format!(
        "{TWO_AUTHORITIES}\n{PUT}\ntrust {kubelet} \"$FORGE/ca\"\n{RESTART}\nput 644 \"$FORGE/ca\" {ca}\nsync -f {ca}",
        kubelet = paths::KUBELET_KUBECONFIG,
        ca = paths::CA,
    ));
    for (place, _, bundle) in texts.bundles.iter().filter(|(place, ..)| *place == "ca") {
        script = script.file(place, Secret::new(bundle.clone()));
    }
    script
}

fn control_plane(stage: Stage, texts: &Texts, made: &Late<Made>) -> Script {
    let (folder, pki, signer, ca) = (paths::AUTHORITIES, paths::PKI, paths::CA_SIGNER, paths::CA);
    // A controller manager that runs would read a file that it cannot sign with in between. Whatever happens it comes back;
    // that it runs again is waited for, so that the restart that follows does not meet it while it starts.
    let mut script = Script::new(format!(
        "{ETCDCTL}\n{STATIC_PODS}\n{TWO_AUTHORITIES}\n{PUT}\n\
         trap 'put_back kube-controller-manager' EXIT\ntrap 'exit 1' HUP INT TERM\n\
         take_away kube-controller-manager\nended kube-controller-manager\n\
         manifest=$aside/kube-controller-manager.yaml"
    ))
    .file("journal", Secret::new(texts.journal.clone()))
    .file("signer", Secret::new(texts.signer.clone()));
    if stage == Stage::Trust {
        script = script.line(format!("new={folder}.new\nrm -rf \"$new\"\nmkdir -p \"$new/etcd\""));
        for (place, file) in AUTHORITIES {
            let Some((pem, key)) = made.get().and_then(|made| made.pairs.get(place)) else { continue };
            script = script
                .line(format!("put 644 \"$FORGE/{place}-crt\" \"$new/{file}.crt\"\nput 600 \"$FORGE/{place}-key\" \"$new/{file}.key\""))
                .file(&format!("{place}-crt"), Secret::new(pem.clone()))
                .file(&format!("{place}-key"), key.clone());
        }
        script = script.line(format!(
            "put 600 \"$FORGE/journal\" \"$new/{JOURNAL}\"\nsync -f \"$new\"\nrm -rf {folder}\nmv \"$new\" {folder}\nsync -f {folder}"
        ));
    } else {
        script = script.line(format!("put 600 \"$FORGE/journal\" {folder}/{JOURNAL}"));
    }
    if stage == Stage::Sign {
        for (_, file) in AUTHORITIES {
            script = script.line(format!("put 600 {folder}/{file}.key {pki}/{file}.key"));
        }
    }
    if stage != Stage::Remove {
        script = script.line(format!("put 644 \"$FORGE/signer\" {signer}\nsigns_with \"$manifest\" {signer}"));
    }
    script = script.line(format!(
        "for kubeconfig in admin super-admin controller-manager scheduler kubelet; do\n\
         [ ! -e \"/etc/kubernetes/$kubeconfig.conf\" ] || trust \"/etc/kubernetes/$kubeconfig.conf\" \"$FORGE/ca\"\ndone\n{RESTART}"
    ));
    for (place, file, bundle) in texts.bundles.iter().rev() {
        script = script
            .line(format!("put 644 \"$FORGE/{place}\" {pki}/{file}.crt"))
            .file(place, Secret::new(bundle.clone()));
    }
    if stage == Stage::Remove {
        // The manifest that does not name it any more is on the disk before the file goes.
        script = script.line(format!("signs_with \"$manifest\" {ca}\nsync -f \"$aside\"\nrm -f {signer}"));
    }
    script.line(format!(
        "sync -f {ca}\nput_back kube-controller-manager\nsync -f \"$aside\"\n\
         await 'the controller manager runs' other kube-controller-manager '' || true"
    ))
}
