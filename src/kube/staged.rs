//! What every rotation goes by: a stage is complete everywhere before the next one begins anywhere. So nobody is ever more than
//! one stage ahead of another, and who is further apart is nobody's rotation.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The format of the journals that this forge writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// The journal in a file. One that was cut off while it was written says nothing, and nor does one in another format: that is a
/// [`stranger`]'s.
pub fn journal<J: DeserializeOwned>(text: &str) -> Option<J> {
    stranger(text).is_none().then(|| serde_json::from_str(text).ok())?
}

/// The version of forge that wrote a journal in another format than [`FORMAT`].
pub fn stranger(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
        forge: String,
    }
    let head: Head = serde_json::from_str(text).ok()?;
    (head.format != FORMAT).then_some(head.forge)
}

/// The stages of a rotation.
pub trait Staged: Copy + Ord + 'static {
    /// All of them, in order. The first is that nothing was done.
    const ALL: [Self; 4];

    /// As people read it.
    fn words(self) -> &'static str;
}

/// The stage of whoever is furthest behind; `None` when no rotation leaves them like that.
pub fn behind<S: Staged>(at: &[S]) -> Option<S> {
    let (first, last) = (*at.iter().min()?, *at.iter().max()?);
    let neighbours = S::ALL.windows(2).any(|pair| pair == [first, last]);
    (first == last || neighbours).then_some(first)
}

/// The rotation that left these files, among the journals that were found; `stage` tells which of a journal's stages a file is.
/// One whose own files are nowhere was cut off before anybody had its key: it never began.
pub fn begun<'a, J, F, S: Staged>(
    journals: &'a [J],
    files: &[F],
    stage: impl Fn(&J, &F) -> Option<S>,
) -> Option<(&'a J, Vec<S>)> {
    journals.iter().find_map(|journal| {
        let stages: Option<Vec<S>> = files.iter().map(|file| stage(journal, file)).collect();
        let stages = stages.filter(|stages| stages.iter().any(|stage| *stage != S::ALL[0]))?;
        Some((journal, stages))
    })
}

/// How far they are, for people. `who` is one of them: `control plane`.
pub fn whereabouts<S: Staged>(who: &str, at: impl IntoIterator<Item = S>) -> String {
    let mut at: Vec<S> = at.into_iter().collect();
    at.sort_unstable();
    match (at.first(), at.last()) {
        (Some(first), Some(last)) if first != last => {
            format!("on some {who}s: {}; on others: {}", first.words(), last.words())
        }
        (first, _) => format!("on every {who}: {}", first.map_or("", |first| first.words())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::encryption::rotation::Stage;

    #[test]
    fn people_are_told_of_the_first_and_the_last() {
        use Stage::{Prepared, Promoted};
        assert_eq!(whereabouts("control plane", [Promoted, Promoted]), "on every control plane: the new key writes");
        assert_eq!(
            whereabouts("node", [Promoted, Prepared, Promoted]),
            "on some nodes: the new key reads; on others: the new key writes"
        );
    }

    #[test]
    fn a_journal_in_another_format_is_a_strangers() {
        use crate::kube::encryption::rotation::Journal;
        let written = |format: u32| {
            let files = r#"{"start":"a","prepared":"b","promoted":"c","pruned":"d"}"#;
            format!(
                r#"{{"format":{format},"forge":"9.9.9","stage":"promoted","provider":"secretbox","to":"new","from":["old"],"files":{files}}}"#
            )
        };
        assert_eq!(stranger(&written(FORMAT)), None);
        assert_eq!(journal::<Journal>(&written(FORMAT)).map(|journal| journal.to), Some("new".to_owned()));
        assert_eq!(stranger(&written(FORMAT + 1)), Some("9.9.9".to_owned()));
        assert_eq!(journal::<Journal>(&written(FORMAT + 1)), None);
        let cut_off = &written(FORMAT + 1)[..40];
        assert_eq!((stranger(cut_off), journal::<Journal>(cut_off)), (None, None));
    }
}
