//! `rotation`: how old keys, certificates and tokens may become.

use std::fmt;

use serde::Serialize;

/// How old keys, certificates and tokens may become before `forge status` complains.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Certificates that kubeadm issued.
    pub certificates: Age,
    /// The key that encrypts objects in etcd.
    pub encryption_key: Age,
    /// Bootstrap tokens, uploaded certificates, service accounts' tokens in secrets.
    pub tokens: Age,
}

/// A number of days or hours: `90d`, `24h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// `90d`.
    Days(u32),
    /// `24h`.
    Hours(u32),
}

impl Age {
    /// Reads it; zero is no age.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|number| plain && *number > 0)
        };
        let days = text.strip_suffix('d').and_then(number).map(Self::Days);
        days.or_else(|| text.strip_suffix('h').and_then(number).map(Self::Hours))
    }

    /// Its length in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Days(days) => i64::from(days) * 86_400,
            Self::Hours(hours) => i64::from(hours) * 3600,
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(formatter, "{days}d"),
            Self::Hours(hours) => write!(formatter, "{hours}h"),
        }
    }
}

impl Serialize for Age {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
