//! `security`'s keys for the machines themselves, as a person writes them.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::inventory::host_security::Protocol;

/// The hosts' own packet filter: one nftables table for what comes in.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Firewall {
    /// Whether the hosts have it.
    pub enabled: bool,
    /// What may come in besides SSH and what Kubernetes needs.
    pub allow: Vec<Allow>,
}

impl Default for Firewall {
    fn default() -> Self {
        Self { enabled: true, allow: Vec::new() }
    }
}

/// Something else that listens on hosts.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Allow {
    /// The port that it listens on.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// `tcp` or `udp`; `tcp` when absent.
    #[serde(default)]
    pub protocol: Protocol,
    /// Networks that may reach it; everybody when absent.
    #[serde(default)]
    pub from: Vec<String>,
}

/// The hosts' SSH server.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub struct Sshd {
    /// Whether forge hardens it.
    pub enabled: bool,
    /// Keyword and value of sshd_config, added to or overriding forge's; `null` drops one.
    #[schemars(schema_with = "settings")]
    pub settings: BTreeMap<String, Option<String>>,
}

impl Default for Sshd {
    fn default() -> Self {
        Self { enabled: true, settings: BTreeMap::new() }
    }
}

fn settings(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": ["string", "integer", "null"]}})
}
