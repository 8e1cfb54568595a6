//! What every rotation goes by: a stage is complete everywhere before the next one begins anywhere. So nobody is ever more than
//! one stage ahead of another, and who is further apart is nobody's rotation.

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
}
