//! `audit`: what `forge audit` is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `forge audit` is told.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Auditing {
    /// Failures that are known and accepted for a while. They are shown as waived, with their reason, until they expire.
    pub waivers: Vec<Waiver>,
}

/// A failure that is accepted for a while.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Waiver {
    /// The control's identity: `CIS-1.2.16`, `FORGE-SSHD-ROOT`.
    pub control: String,
    /// Hosts that it holds for; all of them when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Why it is accepted, for whoever reads the report.
    pub reason: String,
    /// The last day on which it holds: `2027-06-30`.
    pub expires: String,
}
