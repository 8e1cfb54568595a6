//! Whether the API server finds a host Ready.

use super::Row;
use crate::inventory::Host;
use crate::phases::Facts;

pub(super) fn row(host: &Host, facts: &Facts) -> Row {
    let node = facts.living.as_ref().map(|living| living.nodes.iter().find(|node| node.name == host.name.as_str()));
    let (fine, found) = match node {
        None => (false, "no API server answered".to_owned()),
        Some(None) => (false, "not part of the cluster".to_owned()),
        Some(Some(node)) if node.ready => (true, format!("Ready, {}", node.version)),
        Some(Some(node)) => (false, format!("not Ready, {}", node.version)),
    };
    Row { host: Some(host.name.clone()), what: "node", fine, found }
}
