//! Tokens that are older than they should be.

use std::collections::BTreeMap;

use super::{Clock, Row};
use crate::host::Observed;
use crate::inventory::{Cluster, NodeName};
use crate::phases::tokens::{Kind, listed};

/// A row for each token that is too old, or one that says that there is none.
pub(super) fn rows(cluster: &Cluster, hosts: &BTreeMap<NodeName, Observed>, clock: Clock) -> Vec<Row> {
    let row = |fine, found: String| Row { host: None, what: "tokens", fine, found };
    let mut servers = cluster.control_planes().filter_map(|host| hosts.get(&host.name));
    let Some(tokens) = servers.find_map(listed) else {
        return vec![row(false, "no API server listed them".to_owned())];
    };
    let limit = cluster.rotation.tokens;
    let old = tokens.iter().filter(|token| clock.now - token.made > limit.seconds());
    let mut rows: Vec<Row> = old
        .map(|token| {
            let delete =
                if token.kind == Kind::ServiceAccount { format!(" --delete {}", token.name) } else { String::new() };
            row(
                false,
                format!(
                    "{}, {} old, at most {limit}; forge rotate tokens INVENTORY{delete}",
                    token.words(),
                    Clock::words(clock.now - token.made)
                ),
            )
        })
        .collect();
    if rows.is_empty() {
        rows.push(row(true, format!("{} there, none older than {limit}", tokens.len())));
    }
    rows
}
