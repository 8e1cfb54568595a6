//! A node's taint: what keeps pods away.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::inventory::check::syntax::{is_label_key, is_label_value};

/// Key, value and effect. `key=:Effect` and `key:Effect` are the same taint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Taint {
    key: String,
    value: String,
    effect: &'static str,
}

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

impl Taint {
    /// `None` when a part of it is not what Kubernetes takes.
    pub fn new(key: &str, value: &str, effect: &str) -> Option<Self> {
        let effect = EFFECTS.into_iter().find(|known| *known == effect)?;
        (is_label_key(key) && is_label_value(value)).then(|| Self {
            key: key.to_owned(),
            value: value.to_owned(),
            effect,
        })
    }

    /// The one that keeps ordinary pods away from control planes.
    pub fn control_plane() -> Self {
        Self { key: "node-role.kubernetes.io/control-plane".to_owned(), value: String::new(), effect: "NoSchedule" }
    }

    /// `dedicated`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Empty without one.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// `NoSchedule`.
    pub fn effect(&self) -> &str {
        self.effect
    }

    /// Whether Kubernetes takes the two for one: it tells taints apart by key and effect.
    pub fn replaces(&self, other: &Self) -> bool {
        self.key == other.key && self.effect == other.effect
    }
}

impl FromStr for Taint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, effect) = text.rsplit_once(':').ok_or(())?;
        let (key, value) = name.split_once('=').unwrap_or((name, ""));
        Self::new(key, value, effect).ok_or(())
    }
}

/// As kubectl shows it.
impl fmt::Display for Taint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let equals = if self.value.is_empty() { "" } else { "=" };
        write!(formatter, "{}{equals}{}:{}", self.key, self.value, self.effect)
    }
}

impl Serialize for Taint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_are_read_and_shown_as_kubectl_does() {
        for (text, shown) in [
            ("gpu=true:NoSchedule", "gpu=true:NoSchedule"),
            ("a.b/c:NoExecute", "a.b/c:NoExecute"),
            ("dedicated=:NoSchedule", "dedicated:NoSchedule"),
        ] {
            assert_eq!(text.parse::<Taint>().map(|taint| taint.to_string()), Ok(shown.to_owned()));
        }
        for wrong in
            ["", "gpu", "gpu:", ":NoSchedule", "=x:NoSchedule", "gpu:Never", "gpu==:NoSchedule", "g u:NoExecute"]
        {
            assert_eq!(wrong.parse::<Taint>(), Err(()), "{wrong}");
        }
    }
}
