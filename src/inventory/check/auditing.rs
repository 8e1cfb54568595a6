//! `audit`: waivers name a control that there is, hosts that there are, a reason and a day.

use crate::audit;
use crate::inventory::cluster::{Auditing, Day, NodeName, Waiver};
use crate::inventory::finding::Findings;
use crate::inventory::model::{self, Inventory};

/// What `forge audit` is told.
pub(super) fn auditing(inventory: &Inventory, findings: &mut Findings<'_>) -> Option<Auditing> {
    let waivers = inventory.audit.waivers.iter().enumerate();
    let waivers: Vec<Option<Waiver>> =
        waivers.map(|(index, waiver)| one(waiver, &index.to_string(), inventory, findings)).collect();
    Some(Auditing { waivers: waivers.into_iter().collect::<Option<_>>()? })
}

fn one(waiver: &model::Waiver, index: &str, inventory: &Inventory, findings: &mut Findings<'_>) -> Option<Waiver> {
    let path = |key| ["audit", "waivers", index, key];
    let control = audit::find(&waiver.control);
    if control.is_none() {
        let closest = audit::all()
            .map(|control| (strsim::jaro_winkler(&waiver.control, control.id), control.id))
            .max_by(|one, other| one.0.total_cmp(&other.0));
        let help =
            closest.map_or_else(String::new, |(_, id)| format!("did you mean `{id}`? docs/audit.md has them all"));
        findings.at(&path("control"), format!("there is no control `{}`", waiver.control), "").help(help);
    }
    for (number, name) in waiver.hosts.iter().enumerate() {
        let number = number.to_string();
        let place = ["audit", "waivers", index, "hosts", &number];
        if !inventory.hosts.0.iter().any(|(host, _)| host == name) {
            findings.at(&place, format!("there is no host `{name}`"), "");
        } else if control.is_some_and(|control| matches!(control.check, audit::Check::Cluster(_))) {
            let help = "leave `hosts` out";
            findings.at(&place, format!("{} is looked at once, not on hosts", waiver.control), "").help(help);
        }
    }
    if waiver.reason.trim().is_empty() {
        findings
            .at(&path("reason"), "a waiver needs a reason", "")
            .help("for whoever reads the report: why, and what is done instead");
    }
    let expires = Day::parse(&waiver.expires);
    if expires.is_none() {
        findings
            .at(&path("expires"), format!("`{}` is not a day", waiver.expires), "")
            .help("year, month and day: `2027-06-30`");
    }
    Some(Waiver {
        control: control?.id.to_owned(),
        hosts: waiver.hosts.iter().filter_map(|name| NodeName::new(name)).collect(),
        reason: waiver.reason.trim().to_owned(),
        expires: expires?,
    })
}
