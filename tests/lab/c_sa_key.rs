//! The key that signs service accounts' tokens is replaced while pods go on, on the cluster that the tests before have left.
//! The walk over every step is in `o_sa_key_walk.rs`.

use crate::sa_key::*;
use crate::support::*;

#[test]
fn c_1_a_new_signing_key_signs_and_a_run_that_died_is_gone_on_with() {
    some_cluster();
    let folder = tempfile::tempdir().unwrap();
    let (old, token) = (signs().remove(0), token_of_a_pod());
    let watched = until_event(rotation(&[], folder.path()), "step-started", |(_, step)| step == "sa-key-verify");
    assert!(!watched.killed.is_empty());

    let said = rotate(&[], folder.path());
    assert_eq!(said.code, 0, "{}", said.all());
    let new = signs().remove(0);
    assert_ne!(new, old);
    assert_eq!(signer(&token), old);
    assert_eq!(verifies()[0].iter().filter(|id| [&old, &new].contains(id)).count(), 2, "both verify");
    assert_eq!(answer(&token), "200", "a pod's token from before");
    assert!(said.all().contains("the old signing key still verifies, until"), "{}", said.all());

    let early = rotate(&[], folder.path());
    assert_eq!((early.code, early.planned()), (10, Vec::new()), "{}", early.all());
    let plan = plan();
    assert_eq!((plan.code, plan.planned()), (0, Vec::new()));
    assert!(plan.all().contains("forge rotate sa-key INVENTORY"), "{}", plan.all());
}
