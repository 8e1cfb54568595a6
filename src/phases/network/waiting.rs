//! How long something may stay unready, by the host's own clock. Pure.

use crate::kube::tigera::Cause;

/// For everything: images of some hundred megabytes take their time.
const LONGEST: u64 = 300;

/// A registry that was slow once, or a name server, has answered by then.
const HOPELESS: u64 = 20;

/// The operator says what it thinks every five seconds, and passes through refusals while it fills in its defaults.
const REFUSED: u64 = 30;

/// What it waits for, and what it tries again, has mostly come by then.
const DEGRADED: u64 = 120;

/// When it began, and since when it has looked the way it does.
#[derive(Debug, Default)]
pub(super) struct Patience {
    began: Option<u64>,
    hopeless: Option<u64>,
    degraded: Option<(String, u64)>,
}

impl Patience {
    /// Whether it has lasted too long, now that pods are hopeless or not.
    pub(super) fn ends(&mut self, now: u64, hopeless: bool) -> bool {
        let began = *self.began.get_or_insert(now);
        self.hopeless = hopeless.then(|| self.hopeless.unwrap_or(now));
        let since = |at: u64, limit: u64| now.saturating_sub(at) >= limit;
        since(began, LONGEST) || self.hopeless.is_some_and(|at| since(at, HOPELESS))
    }

    /// Whether the operator has said the same for so long that it will not say anything else. Troubles of pods have their own
    /// limits.
    pub(super) fn ends_degraded(&mut self, now: u64, degraded: Option<(&str, Cause)>) -> bool {
        let Some((words, cause)) = degraded else {
            self.degraded = None;
            return false;
        };
        let limit = match cause {
            Cause::Refused => REFUSED,
            Cause::Other => DEGRADED,
            Cause::Pods => return false,
        };
        let at = match &self.degraded {
            Some((before, at)) if before == words => *at,
            _ => now,
        };
        self.degraded = Some((words.to_owned(), at));
        now.saturating_sub(at) >= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_five_minutes_and_what_is_hopeless_twenty_seconds() {
        let mut patience = Patience::default();
        assert!(!patience.ends(1000, false));
        assert!(!patience.ends(1299, true));
        assert!(patience.ends(1300, false));
        let mut patience = Patience::default();
        assert!(!patience.ends(1000, true));
        assert!(!patience.ends(1010, false), "it was slow once");
        assert!(!patience.ends(1015, true));
        assert!(!patience.ends(1034, true));
        assert!(patience.ends(1035, true));
    }

    #[test]
    fn a_refusal_ends_sooner_than_something_that_is_tried_again() {
        let mut patience = Patience::default();
        assert!(!patience.ends_degraded(1000, Some(("no", Cause::Refused))));
        assert!(!patience.ends_degraded(1029, Some(("no", Cause::Refused))));
        assert!(!patience.ends_degraded(1030, Some(("still no", Cause::Refused))), "it says something new");
        assert!(patience.ends_degraded(1060, Some(("still no", Cause::Refused))));
        assert!(!patience.ends_degraded(1061, None));
        assert!(!patience.ends_degraded(1062, Some(("later", Cause::Other))));
        assert!(!patience.ends_degraded(1181, Some(("later", Cause::Other))));
        assert!(patience.ends_degraded(1182, Some(("later", Cause::Other))));
        assert!(!patience.ends_degraded(9999, Some(("Pod a/b", Cause::Pods))));
    }
}
