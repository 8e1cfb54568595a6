//! How long tokens that an old key signed may still be in use.
//!
//! A pod's token is good for as long as the pod asked, and only while the pod is there; the kubelet asks for a new one when 80 %
//! of that have passed. So the old key is needed until the last token has ended that a pod from before can have, and no
//! longer. Pods that began after the new key signed never had one of its tokens.

/// For how long after its end a token is still taken (go-jose, `jwt.DefaultLeeway`), in seconds, and as much again for clocks
/// that differ.
pub const LEEWAY: i64 = 120;

/// What a pod's admission asks for where the pod asks for nothing (`WarnOnlyBoundTokenExpirationSeconds` in
/// `pkg/serviceaccount/claims.go`), in seconds.
const DEFAULT: i64 = 3607;

/// What an API server makes of [`DEFAULT`] unless `--service-account-extend-token-expiration=false`, in seconds.
const EXTENDED: i64 = 365 * 86_400;

/// A pod with tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// When it was made, in seconds since 1970.
    pub made: i64,
    /// The lives that it asks for, in seconds.
    pub lives: Vec<i64>,
}

/// Until when an old key is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Seconds since 1970.
    pub until: i64,
    /// The pod whose token ends last.
    pub last: String,
    /// How many pods are from before.
    pub pods: usize,
}

/// Until when the keys before are needed, where all API servers have signed with the new one since `signs` (seconds since 1970);
/// `None` when no pod is from before. `extended` tells whether API servers make a year of the default life.
pub fn life(pods: &[Pod], signs: i64, extended: bool) -> Option<Life> {
    let real = |life: &i64| if extended && *life == DEFAULT { EXTENDED } else { *life };
    let before: Vec<(i64, &Pod)> = pods
        .iter()
        .filter(|pod| pod.made <= signs)
        .filter_map(|pod| Some((pod.lives.iter().map(real).max()?, pod)))
        .collect();
    let (longest, last) = before.iter().max_by_key(|(life, _)| *life)?;
    Some(Life { until: signs + longest + LEEWAY, last: last.name.clone(), pods: before.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, made: i64, lives: &[i64]) -> Pod {
        Pod { name: name.to_owned(), made, lives: lives.to_vec() }
    }

    #[test]
    fn an_old_key_is_needed_until_the_last_token_of_a_pod_from_before_has_ended() {
        let until = |pods: &[Pod], extended| life(pods, 1000, extended).map(|life| (life.until, life.last, life.pods));
        let table = [
            (vec![], false, None),
            (vec![pod("a", 10, &[])], false, None),
            (vec![pod("a", 1001, &[3607])], false, None),
            (vec![pod("a", 1000, &[3607])], false, Some((1000 + 3607 + 120, "a".to_owned(), 1))),
            (vec![pod("a", 10, &[3607])], true, Some((1000 + 31_536_000 + 120, "a".to_owned(), 1))),
            // Only the default is made longer.
            (vec![pod("a", 10, &[7200])], true, Some((1000 + 7200 + 120, "a".to_owned(), 1))),
            (
                vec![pod("a", 10, &[3607]), pod("b", 20, &[600, 86_400]), pod("c", 2000, &[90_000])],
                false,
                Some((1000 + 86_400 + 120, "b".to_owned(), 2)),
            ),
        ];
        for (pods, extended, expected) in table {
            assert_eq!(until(&pods, extended), expected, "{pods:?} {extended}");
        }
    }
}
