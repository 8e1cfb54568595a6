//! The state machine of a rotation of the authorities: which certificates each node trusts, and what may happen next.
//!
//! The one rule: nothing may be signed by an authority that somebody does not trust, and no authority may go that has signed
//! something in use. So a stage is complete on every node before the next one begins anywhere. Nodes that are further apart
//! than one stage are nobody's rotation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kube::staged::{self, Staged};

/// An authority: the place of its certificate, and its files below kubeadm's folder without their endings.
pub const AUTHORITIES: [(&str, &str); 3] = [("ca", "ca"), ("etcd-ca", "etcd/ca"), ("front-proxy-ca", "front-proxy-ca")];

/// The journal's name in [`crate::kube::paths::AUTHORITIES`].
pub const JOURNAL: &str = "journal.json";

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// As it was before.
    Start,
    /// The new authorities are trusted beside the old ones.
    Trust,
    /// The new authorities sign, the old ones are still trusted.
    Sign,
    /// The old authorities are gone.
    Remove,
}

impl Stage {
    /// Those that are done, in order.
    pub const DONE: [Self; 3] = [Self::Trust, Self::Sign, Self::Remove];
}

impl Staged for Stage {
    const ALL: [Self; 4] = [Self::Start, Self::Trust, Self::Sign, Self::Remove];

    fn words(self) -> &'static str {
        match self {
            Self::Start => "not begun",
            Self::Trust => "the new authorities are trusted beside the old ones",
            Self::Sign => "the new authorities sign, the old ones are still trusted",
            Self::Remove => "the old authorities are gone",
        }
    }
}

/// What a rotation leaves on every control plane while it lasts, so that anybody can go on with it. It holds no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Version of this file's format.
    pub format: u32,
    /// The version of forge that began it.
    pub forge: String,
    /// What this control plane has, for people; the certificates themselves are what counts.
    pub stage: Stage,
    /// The place of each authority → its certificates.
    pub authorities: BTreeMap<String, Change>,
}

/// SHA-256 of an authority's certificates, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The one that goes.
    pub from: String,
    /// The one that comes.
    pub to: String,
}

impl Change {
    /// The stage at which a node holds exactly these certificates, in this order; the first one is whose key signs.
    pub fn stage(&self, held: &[&str]) -> Option<Stage> {
        match *held {
            [one] if one == self.from => Some(Stage::Start),
            [one, two] if one == self.from && two == self.to => Some(Stage::Trust),
            [one, two] if one == self.to && two == self.from => Some(Stage::Sign),
            [one] if one == self.to => Some(Stage::Remove),
            _ => None,
        }
    }
}

impl Journal {
    /// How far a node is that holds these certificates: as far as the last of its authorities, because an installation that
    /// was cut off has to be repeated. `None` when no stage of this rotation leaves a node so.
    pub fn stage(&self, held: &BTreeMap<&str, Vec<&str>>) -> Option<Stage> {
        let stages: Option<Vec<Stage>> =
            held.iter().map(|(place, held)| self.authorities.get(*place)?.stage(held)).collect();
        stages?.into_iter().min()
    }
}

/// The stage to begin with, when nodes are as far as these; `None` when no rotation leaves them like that. What was perhaps
/// not seen to its end is looked at again: everything here may be repeated.
pub fn resume(nodes: &[Stage]) -> Option<Stage> {
    staged::behind(nodes)?;
    nodes.iter().copied().max().map(|last| last.max(Stage::Trust))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn journal(to: &str) -> Journal {
        let change = |place: &str| Change { from: format!("{place} old"), to: format!("{place} {to}") };
        let authorities = AUTHORITIES.iter().map(|(place, _)| ((*place).to_owned(), change(place))).collect();
        Journal { format: 1, forge: "0.1.0".to_owned(), stage: Stage::Trust, authorities }
    }

    #[test]
    fn a_node_is_as_far_as_the_last_of_its_authorities() {
        let (old, both, turned, new) =
            (vec!["ca old"], vec!["ca old", "ca new"], vec!["ca new", "ca old"], vec!["ca new"]);
        let etcd_old = vec!["etcd-ca old"];
        let etcd_both = vec!["etcd-ca old", "etcd-ca new"];
        let worker = |held: &Vec<&'static str>| [("ca", held.clone())].into();
        let server =
            |ca: &Vec<&'static str>, etcd: &Vec<&'static str>| [("ca", ca.clone()), ("etcd-ca", etcd.clone())].into();
        type Held = BTreeMap<&'static str, Vec<&'static str>>;
        let table: [(Held, Option<Stage>); 9] = [
            (worker(&old), Some(Stage::Start)),
            (worker(&both), Some(Stage::Trust)),
            (worker(&turned), Some(Stage::Sign)),
            (worker(&new), Some(Stage::Remove)),
            (worker(&vec!["somebody's"]), None),
            (worker(&vec!["ca old", "ca new", "ca new"]), None),
            (server(&old, &etcd_both), Some(Stage::Start)),
            (server(&both, &etcd_both), Some(Stage::Trust)),
            (server(&both, &etcd_old), Some(Stage::Start)),
        ];
        for (held, expected) in table {
            assert_eq!(journal("new").stage(&held), expected, "{held:?}");
        }
        assert_eq!(journal("another").stage(&worker(&both)), None);
    }

    #[test]
    fn a_run_goes_on_where_the_nodes_are() {
        use Stage::{Remove, Sign, Start, Trust};
        let table: [(&[Stage], Option<Stage>); 11] = [
            (&[Start, Start], Some(Trust)),
            (&[Start, Trust], Some(Trust)),
            (&[Trust, Trust], Some(Trust)),
            (&[Trust, Sign, Trust], Some(Sign)),
            (&[Sign, Sign], Some(Sign)),
            (&[Remove, Sign], Some(Remove)),
            (&[Remove, Remove], Some(Remove)),
            (&[Start, Sign], None),
            (&[Trust, Remove], None),
            (&[Start, Trust, Sign], None),
            (&[], None),
        ];
        for (nodes, expected) in table {
            assert_eq!(resume(nodes), expected, "{nodes:?}");
        }
    }

    /// A node: what it holds of one authority, what its programs have loaded of that, and who signed what it shows.
    #[derive(Clone)]
    struct Node {
        holds: Vec<&'static str>,
        trusts: Vec<&'static str>,
        shows: &'static str,
    }

    /// What an authority's file holds at a stage.
    fn bundle(stage: Stage) -> Vec<&'static str> {
        match stage {
            Stage::Start => vec!["ca old"],
            Stage::Trust => vec!["ca old", "ca new"],
            Stage::Sign => vec!["ca new", "ca old"],
            Stage::Remove => vec!["ca new"],
        }
    }

    /// Every node trusts what every other one shows.
    fn assert_trusted(nodes: &[Node]) {
        for one in nodes {
            for other in nodes {
                assert!(one.trusts.contains(&other.shows), "{:?} does not trust {}", one.trusts, other.shows);
            }
        }
    }

    /// One run of forge, killed after so many single changes; `true` when it came to its end before that.
    fn run(nodes: &mut [Node], mut changes: usize) -> bool {
        let journal = journal("new");
        let stage = |node: &Node| journal.stage(&[("ca", node.holds.clone())].into()).unwrap();
        let first = resume(&nodes.iter().map(stage).collect::<Vec<_>>()).unwrap();
        let mut killed = |nodes: &[Node]| {
            assert_trusted(nodes);
            changes = changes.saturating_sub(1);
            changes == 0
        };
        for next in Stage::DONE.into_iter().filter(|stage| *stage >= first) {
            for index in 0..nodes.len() {
                if stage(&nodes[index]) < next {
                    nodes[index].holds = bundle(next);
                    if killed(nodes) {
                        return false;
                    }
                }
                nodes[index].trusts = nodes[index].holds.clone();
                if killed(nodes) {
                    return false;
                }
            }
            for index in 0..nodes.len() {
                if next == Stage::Sign {
                    nodes[index].shows = "ca new";
                    if killed(nodes) {
                        return false;
                    }
                }
            }
        }
        true
    }

    proptest! {
        /// Wherever forge dies and however often, nobody shows what another does not trust; and the run that is not killed ends
        /// with the new authority alone.
        #[test]
        fn killed_anywhere_everybody_trusts_everybody(count in 1_usize..5, kills in prop::collection::vec(1_usize..30, 0..6)) {
            let node = Node { holds: bundle(Stage::Start), trusts: bundle(Stage::Start), shows: "ca old" };
            let mut nodes = vec![node; count];
            for kill in kills {
                run(&mut nodes, kill);
            }
            prop_assert!(run(&mut nodes, usize::MAX));
            prop_assert!(nodes.iter().all(|node| node.trusts == ["ca new"] && node.shows == "ca new"));
        }
    }
}
